"""The portable drive: one image with a partition table, ext4 for raw data and exFAT to take away."""

import json
import os
import re
import secrets
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rig.shell import sh

MB = 1 << 20
START_MB = 1
END_MB = 1  # the second copy of the partition table


@dataclass(frozen=True)
class Partition:
    """A part of the image: number, bytes from its beginning, bytes long, label and UUID."""

    number: int
    offset: int
    length: int
    label: str
    uuid: str


@dataclass(frozen=True)
class Drive:
    """A drive that is in no port or in one; the image keeps what was flushed to it."""

    image: Path
    logging: Partition
    sync: Partition

    @property
    def partitions(self) -> tuple[Partition, Partition]:
        return self.logging, self.sync


def make_drive(
    image: Path,
    *,
    logging_mb: int = 512,
    sync_mb: int = 512,
    labels: tuple[str, str] = ("logging", "sync"),
) -> Drive:
    """A new drive as a user would prepare it: both file systems empty. Needs root."""
    total_mb = START_MB + logging_mb + sync_mb + END_MB
    with open(image, "xb") as file:
        file.truncate(total_mb * MB)
    table = f"label: gpt\n{START_MB}MiB,{logging_mb}MiB,L\n,{sync_mb}MiB,EBD0A0A2-B9E5-4433-87C0-68B6B72699C7\n"
    sh(["sfdisk", "--quiet", image], stdin=table)
    offsets = START_MB * MB, (START_MB + logging_mb) * MB
    ext4_uuid = str(uuid.uuid4())
    with loop_over(image, offsets[0], logging_mb * MB) as device:
        # Full inode tables now: a drive that has been in use does not write them meanwhile.
        now = "lazy_itable_init=0,lazy_journal_init=0"
        sh(["mkfs.ext4", "-q", "-E", now, "-L", labels[0], "-U", ext4_uuid, device])
    with loop_over(image, offsets[1], sync_mb * MB) as device:
        make_exfat(device, labels[1])
        exfat_uuid = sh(["blkid", "-p", "-o", "value", "-s", "UUID", device]).strip()
    return Drive(
        image,
        Partition(1, offsets[0], logging_mb * MB, labels[0], ext4_uuid),
        Partition(2, offsets[1], sync_mb * MB, labels[1], exfat_uuid),
    )


def make_exfat(device: str, label: str) -> None:
    """An empty exFAT with a random serial, which is its UUID: the one that ``mkfs.exfat`` takes
    from the clock can be that of the next drive."""
    sh(["mkfs.exfat", "-L", label, device])
    sh(["tune.exfat", "-I", f"0x{secrets.randbits(32):08x}", device])


def read_drive(image: Path) -> Drive:
    """A drive that somebody else has prepared, as its partition table and its labels tell."""
    table = json.loads(sh(["sfdisk", "--json", image]))["partitiontable"]
    sector = table["sectorsize"]
    logging, sync = (
        _read_partition(image, number, part["start"] * sector, part["size"] * sector)
        for number, part in enumerate(table["partitions"], 1)
    )
    return Drive(image, logging, sync)


def _read_partition(image: Path, number: int, offset: int, length: int) -> Partition:
    with loop_over(image, offset, length) as device:
        label, fs_uuid = (
            sh(["blkid", "-p", "-o", "value", "-s", tag, device]).strip()
            for tag in ("LABEL", "UUID")
        )
    return Partition(number, offset, length, label, fs_uuid)


@contextmanager
def loop_over(image: Path, offset: int, length: int) -> Iterator[str]:
    """A loop device over a part of an image; yields its path."""
    found = sh(
        ["losetup", "--find", "--show", "-o", str(offset), "--sizelimit", str(length), image]
    )
    device = found.strip()
    if not re.fullmatch(r"/dev/loop\d+", device) or not os.path.exists(device):
        raise FileNotFoundError(f"losetup gave {device!r}")
    try:
        yield device
    finally:
        sh(["losetup", "--detach", device])
