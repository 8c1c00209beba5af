"""What the privileged program may touch, from the one file that only root may write.

The file is read here, not by ``ctlr.config``: what runs as root loads no library that it can do
without, reads no environment, and starts in a tenth of the time.
"""

import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ctlr.kernel.errors import Refusal
from ctlr.layout.volumes import VOLUMES

CONFIG = Path("/etc/ctlr/ctlr.toml")
TAGS = ("UUID=", "LABEL=", "PARTUUID=")
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


def policy_of(storage: Mapping[str, Any]) -> Policy:
    """The two volumes of a ``[storage]`` section. Raises ``Refusal`` ``bad_config``."""
    return {name: _volume(storage, name) for name in VOLUMES}


def _volume(storage: Mapping[str, Any], name: str) -> Volume:
    path = storage.get(name, f"/mnt/{name}")
    device = storage.get(f"{name}_device", "")
    if not isinstance(path, str) or not path.startswith("/") or os.path.normpath(path) != path:
        raise Refusal("bad_config", f"storage.{name} is not the absolute path of a mount point.")
    if not isinstance(device, str) or (device and not device.startswith(TAGS)):
        raise Refusal("bad_config", f"storage.{name}_device is none of {', '.join(TAGS)}.")
    return Volume(name, path, device)


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
        return policy_of(tomllib.loads(content.decode("utf-8")).get("storage", {}))
    except (ValueError, AttributeError) as error:
        raise Refusal("bad_config", f"{config}: {error}.") from error


def _require_of_root(config: Path, status: os.stat_result) -> None:
    writable = stat.S_IWGRP | stat.S_IWOTH
    if not stat.S_ISREG(status.st_mode) or status.st_uid != 0 or status.st_mode & writable:
        raise Refusal("bad_config", f"{config} must be a file that only root can write.")
