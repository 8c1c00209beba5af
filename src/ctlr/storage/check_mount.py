"""``ctlr-check-mount logging``: may a transfer write to this volume now, and like this?

rsync asks before each transfer (``pre-xfer exec`` of the daemon, the forced command of a camera's
key): below an empty mount point it would fill the SD card, and with some options it would delete or
read what is there (``transfer_options``). Exit code 0: yes; 1: no, with the reason on standard
error, and the camera keeps its files and tries again; 2: bad usage.

It looks at the mount table, at the kernel's list of devices and at the controller's record (which
device was found to be one of ours), never at the drive itself, so that it cannot hang. Standard
library only: it answers in some 50 ms.
"""

import os
import shlex
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ctlr.storage.blockdevices import is_plugged_in
from ctlr.storage.drive_file import read_record
from ctlr.storage.mountinfo import mounts_at
from ctlr.storage.table import read_table
from ctlr.storage.transfer_options import arguments_of, find_refused

CONFIG = "/etc/ctlr/ctlr.toml"
PUBLIC_NAME = "delivery.toml"
"""Beside it: what of it is needed here, for a user who may not read the rest."""
PATHS = {"logging": "/mnt/logging", "sync": "/mnt/sync"}


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code; the arguments (default: the program's) are ``[--config FILE] VOLUME``."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    config = os.environ.get("CTLR_CONFIG", CONFIG)
    if arguments[:1] == ["--config"] and len(arguments) == 3:
        config, arguments = arguments[1], arguments[2:]
    if len(arguments) != 1 or arguments[0] not in PATHS:
        sys.stderr.write("usage: ctlr-check-mount [--config FILE] logging|sync\n")
        return 2
    refused = find_refused_option(os.environ)
    if refused:
        sys.stderr.write(
            f"{refused} is refused: files are only added here, under their own names.\n"
        )
        return 1
    try:
        settings = _read_settings(config)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{config} cannot be used: {error}\n")
        return 2
    problem = find_problem(arguments[0], settings)
    if problem:
        sys.stderr.write(f"The {arguments[0]} drive takes nothing now: {problem}. Try again.\n")
    return 1 if problem else 0


def _read_settings(config: str) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(config).read_text("utf-8"))
    except PermissionError:
        return tomllib.loads(Path(config).with_name(PUBLIC_NAME).read_text("utf-8"))


def find_refused_option(environment: Mapping[str, str]) -> str | None:
    """The option of the transfer that asks which must not pass: one that the daemon tells of, or
    the command of a camera's key; None where nothing is against it, or neither has asked."""
    arguments = arguments_of(environment)
    if arguments is None and "SSH_ORIGINAL_COMMAND" in environment:
        try:
            arguments = shlex.split(environment["SSH_ORIGINAL_COMMAND"])[1:]
        except ValueError:
            return "a command with an open quote"
    return find_refused(arguments or ())


def find_problem(volume: str, settings: dict[str, Any]) -> str | None:
    """Why nothing may be written to a volume now, in words; None when it may."""
    storage = settings.get("storage", {})
    database = settings.get("database", {}).get("path", "/var/lib/ctlr/ctlr.db")
    record = read_record(Path(database).parent)
    if volume in record.ejected or volume in record.ejecting:
        return "it is ejected"
    if not storage.get("require_mounts", True):
        return record.held.get(volume)
    path = os.path.abspath(storage.get(volume, PATHS[volume]))
    return _find_mount_problem(path, record.open.get(volume)) or record.held.get(volume)


def _find_mount_problem(path: str, checked: str | None) -> str | None:
    """``checked``: the number of the device that the controller has found to be one of ours."""
    there = mounts_at(read_table(), path)
    if len(there) != 1:
        return "it is mounted twice" if there else "it is not mounted"
    (mount,) = there
    if not is_plugged_in(mount.device_number):
        return "it has been pulled out"
    if mount.read_only:
        return "it is read-only"
    return None if mount.device_number == checked else "the controller has not checked it"


if __name__ == "__main__":
    sys.exit(main())
