"""Mounting and unmounting a volume.

Under systemd both go through the first process: what a sandboxed service mounts by itself is
invisible to everybody else, and a ``umount`` in its own namespace leaves the mount alive. A drive
that was ejected is not mounted by its mere return: nothing pulls the installer's mount units in,
and since systemd 242 no device does of itself. So they need not be masked, which would have the
first process read all its units again at each unmounting and mounting.

``mount`` succeeds over a stale mount and stacks a second one, so a place must be bare before.
Unmounting is never lazy while the device is there: a lazy unmount returns 0 with the file system
alive. Of a device that is gone nothing can be saved any more, and its dead mount must go.
"""

import os
import stat
import time
from typing import Any

from ctlr.kernel.errors import Refusal
from ctlr.storage.blockdevices import is_plugged_in
from ctlr.storage.mountinfo import Mount, mounts_at
from ctlr.storage.privileged.commands import Done, run_command
from ctlr.storage.privileged.finding import Found, expected, require_device
from ctlr.storage.privileged.guarding import guard
from ctlr.storage.privileged.holders import find_holders
from ctlr.storage.privileged.policy import Volume
from ctlr.storage.privileged.units import has_systemd
from ctlr.storage.table import read_mounts, read_table

MOUNT_S = 25.0
UNMOUNT_S = 20.0
BUSY_WAIT_S = 2.0
"""A file that is being closed lets go within this time."""
MOST_STACKED = 8
OPTIONS = "nosuid,nodev,noexec,noatime"
NO_LINKS = "nosymfollow"
"""No link on a drive leads anywhere; Linux 5.10 and util-linux 2.38 know it."""


def mount(volume: Volume) -> dict[str, Any]:
    """Mount a volume's file system on its bare mount point; nothing to do if it is there.

    Raises ``Refusal``: ``absent``, ``foreign``, ``occupied``, ``bad_config``, ``mount_failed``,
    ``hung``; ``OSError``.
    """
    found = require_device(volume)
    there = mounts_at(read_table(), volume.path)
    if [item.device_number for item in there] == [found.number]:
        return {"device": found.device, "already": True}
    if there:
        raise Refusal("occupied", f"{volume.path} has {_names(there)} mounted; unmount that first.")
    _require_safe_place(volume.path)
    guard(volume)
    _mount(volume, found)
    there = mounts_at(read_table(), volume.path)
    if [item.device_number for item in there] != [found.number]:
        raise Refusal("mount_failed", f"{volume.path} has {_names(there)} mounted, not the drive.")
    return {"device": found.device, "already": False}


def unmount(volume: Volume) -> dict[str, Any]:
    """Unmount everything that is stacked on a volume's place and make the place unwritable.

    Raises ``Refusal``: ``busy`` with ``holders``, ``hung``; ``OSError``.
    """
    expected(volume)
    was = mounts_at(read_table(), volume.path)
    for _ in range(MOST_STACKED):
        there = mounts_at(read_table(), volume.path)
        if not there:
            break
        _unmount_top(volume, there[-1])
    return {"unmounted": [item.source for item in was], **guard(volume)}


def _mount(volume: Volume, found: Found) -> None:
    if has_systemd():
        unit = _unit(volume)
        run_command(["systemctl", "reset-failed", unit], MOUNT_S)
        done = _start(unit)
    elif found.fs_type == "exfat":
        done = _mount_exfat(volume, found)
    elif found.fs_type.startswith("ext"):
        done = _mount_ext(volume, found)
    else:
        raise Refusal("foreign", f"{found.device} holds {found.fs_type}, neither ext4 nor exFAT.")
    if done.returncode:
        raise Refusal(
            "mount_failed",
            f"The {volume.name} drive ({found.device}) cannot be mounted: {done.last_line}.",
        )


def _start(unit: str) -> Done:
    """Start a mount unit. One whose device has gone would wait for it and, when it comes, mount it
    though nobody has checked it: what did not start in time is called off."""
    try:
        return run_command(["systemctl", "start", unit], MOUNT_S)
    except Refusal:
        run_command(["systemctl", "stop", "--no-block", unit], MOUNT_S)
        raise


def _mount_ext(volume: Volume, found: Found) -> Done:
    place = [found.device, volume.path]
    options = f"{OPTIONS},errors=remount-ro"
    kind = ["mount", "-t", found.fs_type, "-o"]
    done = run_command([*kind, f"{options},{NO_LINKS}", *place], MOUNT_S)
    return done if not done.returncode else run_command([*kind, options, *place], MOUNT_S)


def _mount_exfat(volume: Volume, found: Found) -> Done:
    """By the kernel's exFAT, else by FUSE's."""
    place = [found.device, volume.path]
    done = run_command(["mount", "-t", "exfat", "-o", OPTIONS, *place], MOUNT_S)
    if done.returncode and "unknown filesystem" in done.output:
        done = run_command(["mount.exfat-fuse", "-o", OPTIONS, *place], MOUNT_S)
    return done


def _unmount_top(volume: Volume, top: Mount) -> None:
    command = ["systemctl", "stop", _unit(volume)] if has_systemd() else ["umount", volume.path]
    gone = not is_plugged_in(top.device_number)
    until = time.monotonic() + (0 if gone else BUSY_WAIT_S)
    while True:
        done = run_command(command, UNMOUNT_S)
        if not any(item.mount_id == top.mount_id for item in read_mounts()):
            return
        if time.monotonic() >= until:
            break
        time.sleep(0.2)
    if gone:
        _unmount_dead(volume)
        return
    holders = find_holders(volume.path)
    raise Refusal(
        "busy",
        f"The {volume.name} drive is in use"
        + (f" by {', '.join(item['name'] for item in holders)}." if holders else "."),
        holders=holders,
        output=done.last_line,
    )


def _unmount_dead(volume: Volume) -> None:
    in_host = ["nsenter", "--target", "1", "--mount", "--"] if has_systemd() else []
    run_command([*in_host, "umount", "--lazy", volume.path], UNMOUNT_S)


def _unit(volume: Volume) -> str:
    command = ["systemd-escape", "--path", "--suffix=mount", volume.path]
    return run_command(command, MOUNT_S).output.strip()


def _require_safe_place(path: str) -> None:
    """A mount point whose way nobody but root can bend: else the mount lands somewhere else."""
    if os.path.realpath(path) != path:
        raise Refusal("bad_config", f"{path} leads through a symbolic link.")
    parent = os.path.dirname(path)
    while True:
        status = os.stat(parent)
        others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if status.st_uid != 0 or (others and not status.st_mode & stat.S_ISVTX):
            raise Refusal("bad_config", f"{parent}, on the way to {path}, is not root's alone.")
        if parent == "/":
            return
        parent = os.path.dirname(parent)


def _names(there: list[Mount]) -> str:
    return " and ".join(item.source for item in there) or "nothing"
