"""What the privileged program may touch, from the one file that only root may write."""

import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from ctlr.config import StorageSettings
from ctlr.kernel.errors import Refusal

CONFIG = Path("/etc/ctlr/ctlr.toml")
VOLUMES = ("logging", "sync")
UNITS = ("can-listener", "mount-watcher", "log-subscriber")

_MAX_BYTES = 256 * 1024


@dataclass(frozen=True)
class Volume:
    """One of the two mounts: its name, its place, and which file system belongs there ("": the
    one that fstab names for the place)."""

    name: str
    path: str
    device: str


Policy = Mapping[str, Volume]


def policy_of(storage: StorageSettings) -> Policy:
    """The two volumes of these settings. Raises ``Refusal`` ``bad_config``."""
    paths = {"logging": storage.logging, "sync": storage.sync}
    devices = {"logging": storage.logging_device, "sync": storage.sync_device}
    for path in paths.values():
        if not path.is_absolute() or os.path.normpath(path) != str(path) or str(path) == "/":
            raise Refusal("bad_config", f"{path} is no absolute path of a mount point.")
    return {name: Volume(name, str(paths[name]), devices[name]) for name in VOLUMES}


def read_policy(config: Path = CONFIG) -> Policy:
    """The policy of this machine. Raises ``Refusal`` ``bad_config``: also for a file that
    somebody other than root could have written."""
    try:
        fd = os.open(config, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise Refusal("bad_config", f"{config} cannot be read: {error.strerror}.") from error
    try:
        _require_of_root(config, os.fstat(fd))
        content = os.read(fd, _MAX_BYTES)
    finally:
        os.close(fd)
    try:
        values = tomllib.loads(content.decode("utf-8")).get("storage", {})
        return policy_of(StorageSettings.model_validate(values))
    except (ValueError, ValidationError) as error:
        raise Refusal("bad_config", f"{config}: {error}") from error


def _require_of_root(config: Path, status: os.stat_result) -> None:
    writable = stat.S_IWGRP | stat.S_IWOTH
    if not stat.S_ISREG(status.st_mode) or status.st_uid != 0 or status.st_mode & writable:
        raise Refusal("bad_config", f"{config} must be a file that only root can write.")
