"""Where a volume's file system is now, looked up by its tag, as its name changes with each plug.

With udev its links answer at once. Without (a container) the devices are read, which only root
can. ``others`` are file systems on removable disks that are not mounted and not ours: how a
wrong drive is distinguished from none.
"""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ctlr.kernel.errors import Refusal
from ctlr.storage.blockdevices import (
    SYS_CLASS_BLOCK,
    device_names,
    has_udev_tags,
    number_of,
    udev_link,
)
from ctlr.storage.privileged.commands import run_command
from ctlr.storage.privileged.policy import TAGS, Policy, Volume
from ctlr.storage.table import read_mounts

FSTAB = Path("/etc/fstab")
BLKID_S = 10.0


@dataclass(frozen=True)
class Found:
    """A file system that is plugged in: device file, number, and what its superblock says."""

    device: str
    number: str
    fs_type: str
    fs_uuid: str
    label: str


def find(volume: Volume, policy: Policy) -> dict[str, Any]:
    """The volume's file system, or what is there instead of it."""
    found = find_device(volume)
    others = [] if found else find_others(policy)
    return {"found": asdict(found) if found else None, "others": [asdict(item) for item in others]}


def require_device(volume: Volume) -> Found:
    """The volume's file system. Raises ``Refusal`` ``absent``, ``bad_config``, ``hung``."""
    found = find_device(volume)
    if found is None:
        raise Refusal("absent", f"The {volume.name} drive ({expected(volume)}) is not plugged in.")
    return found


def expected(volume: Volume) -> str:
    """The tag or device file of a volume. Raises ``Refusal`` ``bad_config`` where none is named."""
    named = volume.device or _in_fstab(volume.path)
    if not named:
        raise Refusal(
            "bad_config",
            f"Nothing says which file system belongs on {volume.path}: set "
            f"storage.{volume.name}_device in ctlr.toml, or name it in /etc/fstab.",
        )
    return named


def find_device(volume: Volume) -> Found | None:
    tag = expected(volume)
    if not tag.startswith(TAGS):
        return _examine(tag)
    if has_udev_tags():
        return _examine_linked(tag)
    done = run_command(["blkid", "-c", "/dev/null", "-o", "device", "-t", tag], BLKID_S)
    return next((found for name in done.output.split() if (found := _examine(name))), None)


def find_others(policy: Policy) -> list[Found]:
    """File systems on removable disks that are mounted nowhere and are none of the volumes."""
    known = {mount.device_number for mount in read_mounts()}
    known |= {found.number for volume in policy.values() if (found := find_device(volume))}
    names = (f"/dev/{name}" for name in sorted(device_names()) if _is_removable(name))
    examined = (_examine(name) for name in names if number_of(name) not in known)
    return [item for item in examined if item is not None]


def _examine_linked(tag: str) -> Found | None:
    """What udev has linked for a tag. When another drive has just come under the name of ours the
    link is old for a moment: the superblock has the last word. (A label is not compared: blkid
    prints it with escapes, and by labels it is the mark on the drive that decides.)"""
    found = _examine(os.path.realpath(udev_link(tag)))
    key, _, value = tag.partition("=")
    return None if found and key == "UUID" and found.fs_uuid != value else found


def _examine(device: str) -> Found | None:
    number = number_of(device)
    if number is None:
        return None
    done = run_command(["blkid", "-p", "-o", "export", device], BLKID_S)
    says = dict(line.split("=", 1) for line in done.output.splitlines() if "=" in line)
    if "TYPE" not in says:
        return None
    return Found(device, number, says["TYPE"], says.get("UUID", ""), says.get("LABEL", ""))


def _is_removable(name: str) -> bool:
    """On USB, or a medium that can be taken out; a loop device stands in for one."""
    device = os.path.realpath(SYS_CLASS_BLOCK / name)
    whole = f"{device}/.." if os.path.exists(f"{device}/partition") else device
    return (
        "/usb" in device
        or os.path.exists(f"{whole}/loop/backing_file")
        or _reads(f"{whole}/removable") == "1"
    )


def _reads(path: str) -> str:
    try:
        return Path(path).read_text("ascii").strip()
    except OSError:
        return ""


def _in_fstab(path: str) -> str:
    """The first field of the line for a mount point; "" without one."""
    try:
        lines = FSTAB.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return ""
    fields = (line.split() for line in lines if not line.lstrip().startswith("#"))
    return next((words[0] for words in fields if len(words) > 1 and words[1] == path), "")
