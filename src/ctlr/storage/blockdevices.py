"""Block devices as the kernel and udev name them; nothing here waits for one.

A device is known by its number ("8:17"), which stays while it is plugged in; names like ``sdb1``
are given out again at each plug, and tags (UUID, label) belong to what is on it.
"""

import os
import re
from pathlib import Path

SYS_BLOCK = Path("/sys/dev/block")
SYS_CLASS_BLOCK = Path("/sys/class/block")
BY_TAG = {
    "UUID": Path("/dev/disk/by-uuid"),
    "LABEL": Path("/dev/disk/by-label"),
    "PARTUUID": Path("/dev/disk/by-partuuid"),
}
_PLAIN = re.compile(r"[0-9A-Za-z#+\-.:=@_]|[^\x00-\x7f]")


def number_of(path: str) -> str | None:
    """The device number behind a device file; None when there is no such block device."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    if not status.st_rdev:
        return None
    return f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"


def is_plugged_in(number: str) -> bool:
    """Whether the kernel still has the device; true also for file systems without one."""
    return number.startswith("0:") or (SYS_BLOCK / number).exists()


def has_udev_tags() -> bool:
    """Whether udev keeps the links by which a tag is looked up without reading a device."""
    return BY_TAG["UUID"].is_dir()


def number_of_tag(tag: str) -> str | None:
    """The number of the device that udev has linked for a tag such as ``UUID=...``; None when there
    is none. The link's target is looked up in the kernel's list: a service with a ``/dev`` of its
    own is shown the links, not the devices."""
    try:
        name = os.path.basename(os.readlink(udev_link(tag)))
        return (SYS_CLASS_BLOCK / name / "dev").read_text("ascii").strip()
    except OSError:
        return None


def udev_link(tag: str) -> Path:
    """Where udev links the device with a tag such as ``UUID=...``."""
    key, _, value = tag.partition("=")
    return BY_TAG[key] / "".join(
        letter if _PLAIN.match(letter) else f"\\x{ord(letter):02x}" for letter in value
    )


def name_of(number: str) -> str | None:
    """The kernel's name of a device now, such as ``sdb1``."""
    try:
        return os.path.basename(os.readlink(SYS_BLOCK / number))
    except OSError:
        return None


def disk_of(number: str) -> str | None:
    """The number of the whole disk that a partition is on; the device's own if it is none."""
    device = Path(os.path.realpath(SYS_BLOCK / number))
    try:
        whole = device.parent if (device / "partition").exists() else device
        return (whole / "dev").read_text("ascii").strip()
    except OSError:
        return None


def device_names() -> frozenset[str]:
    """All block devices that there are: a change says that something was plugged or pulled."""
    try:
        return frozenset(os.listdir(SYS_CLASS_BLOCK))
    except OSError:
        return frozenset()
