"""Proof that nothing holds the drive any more, and its power down.

``umount`` returning 0 proves nothing: a lazy unmount or a copy of the mount in another namespace
keeps the file system alive and writable. The kernel gives a block device exclusively
(``O_EXCL``) only when no file system of any namespace is on it: the proof is to get the two
partitions and the whole disk.
"""

import errno
import os
import shutil
from pathlib import Path
from typing import Any

from ctlr.kernel.errors import Refusal
from ctlr.storage.blockdevices import SYS_CLASS_BLOCK, disk_of, name_of
from ctlr.storage.privileged.commands import run_command
from ctlr.storage.privileged.finding import find_device
from ctlr.storage.privileged.holders import find_mounters
from ctlr.storage.privileged.policy import Volume

POWER_OFF_S = 10.0


def release(volumes: list[Volume]) -> dict[str, Any]:
    """Prove that volumes and disks are free and power the disks down where that is possible.

    ``released`` are the devices that were free, ``powered_down`` the disks that are off now.
    Raises ``Refusal`` ``in_use`` with ``holders``, ``hung``; ``OSError``.
    """
    numbers = {found.number for volume in volumes if (found := find_device(volume))}
    disks = {disk for number in numbers if (disk := disk_of(number))}
    devices = {number: f"/dev/{name}" for number in numbers | disks if (name := name_of(number))}
    for number, device in sorted(devices.items()):
        require_free(device, number)
    off = [devices[disk] for disk in sorted(disks) if disk in devices and _power_down(disk)]
    return {"released": sorted(devices.values()), "powered_down": off}


def require_free(device: str, number: str) -> None:
    """Raise ``Refusal`` ``in_use`` while any file system is on a device, wherever it is mounted."""
    try:
        os.close(os.open(device, os.O_RDONLY | os.O_EXCL | os.O_CLOEXEC))
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        holders = find_mounters(number)
        who = ", ".join(item["name"] for item in holders)
        raise Refusal(
            "in_use",
            f"{device} is still in use"
            + (f": {who} sees it mounted in a namespace of its own." if who else "."),
            holders=holders,
        ) from error


def _power_down(disk: str) -> bool:
    """Switch a USB disk off; False where nothing can. That it is free has been shown already."""
    name = name_of(disk)
    if name is None or "/usb" not in os.path.realpath(SYS_CLASS_BLOCK / name):
        return False
    if shutil.which("udisksctl"):
        command = ["udisksctl", "power-off", "--no-user-interaction", "-b", f"/dev/{name}"]
        if run_command(command, POWER_OFF_S).returncode == 0:
            return True
    return _delete(SYS_CLASS_BLOCK / name / "device/delete")


def _delete(switch: Path) -> bool:
    """Flush the disk's cache, stop it, and forget it, by the kernel."""
    try:
        switch.write_text("1")
    except OSError:
        return False
    return True
