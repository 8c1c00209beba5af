"""A USB drive for a machine: a file with a partition table, ext4 for raw data and exFAT for what
people take away.

Made and checked without a loop device, so it works in any sandbox: each partition is formatted
as a file of its own and copied into its place. ``partition`` gives a copy of one for ``fsck``.
"""

import os
import shutil
import subprocess
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20
_SECTOR = 512
_BLOCK = 1 * MIB


@dataclass(frozen=True)
class Partition:
    """Where one lies on the drive, and how it is found. ``uuid`` as ``blkid`` prints it."""

    number: int
    start: int
    size: int
    fs_type: str
    uuid: str


@dataclass(frozen=True)
class UsbDrive:
    """An image file. ``logging`` is the ext4 partition, ``sync`` the exFAT one."""

    image: Path
    logging: Partition
    sync: Partition

    @classmethod
    def make(cls, image: Path, *, logging_mib: int = 192, sync_mib: int = 192) -> "UsbDrive":
        """A new drive with both file systems, freshly formatted, with identities of its own."""
        logging_id, sync_id = str(uuid.uuid4()), uuid.uuid4().hex[:8].upper()
        first = Partition(1, MIB, logging_mib * MIB, "ext4", logging_id)
        second = Partition(
            2,
            first.start + first.size,
            sync_mib * MIB,
            "exfat",
            f"{sync_id[:4]}-{sync_id[4:]}",
        )
        drive = cls(image, first, second)
        with open(image, "wb") as file:
            file.truncate(second.start + second.size + MIB)
        _run(["sfdisk", "--quiet", str(image)], stdin=_table(first, second))
        drive._format(first, ["mkfs.ext4", "-q", "-F", "-L", "logging", "-U", logging_id])
        name_it = ["tune.exfat", "-I", f"0x{sync_id}"]
        drive._format(second, ["mkfs.exfat", "-L", "SYNC"], name_it)
        return drive

    def partition(self, part: Partition, target: Path) -> Path:
        """A copy of one partition as a file."""
        with open(self.image, "rb") as source, open(target, "wb") as copy:
            _copy_sparse(source.fileno(), part.start, copy.fileno(), 0, part.size)
        return target

    def check(self, folder: Path) -> dict[str, str]:
        """What ``fsck`` says against each partition, without repairing; empty when it is clean."""
        found = {}
        for name, part, command in (
            ("logging", self.logging, ["e2fsck", "-f", "-n"]),
            ("sync", self.sync, ["fsck.exfat", "-n"]),
        ):
            copy = self.partition(part, folder / f"{self.image.stem}-{name}.img")
            done = subprocess.run(
                [*command, str(copy)], capture_output=True, text=True, check=False
            )
            if done.returncode:
                found[name] = (done.stdout + done.stderr).strip()
            copy.unlink()
        return found

    def _format(self, part: Partition, *commands: list[str]) -> None:
        blank = self.image.with_suffix(f".p{part.number}")
        try:
            with open(blank, "wb") as file:
                file.truncate(part.size)
            for command in commands:
                _run([*command, str(blank)])
            with open(blank, "rb") as source, open(self.image, "rb+") as target:
                _copy_sparse(source.fileno(), 0, target.fileno(), part.start, part.size)
        finally:
            blank.unlink()


def _table(*parts: Partition) -> str:
    lines = [
        f"start={part.start // _SECTOR}, size={part.size // _SECTOR}, "
        f"type={'L' if part.fs_type == 'ext4' else 'EBD0A0A2-B9E5-4433-87C0-68B6B72699C7'}"
        for part in parts
    ]
    return "\n".join(["label: gpt", *lines]) + "\n"


def _copy_sparse(source: int, at: int, target: int, to: int, size: int) -> None:
    """Copy the parts of a file that hold data; what was never written is left a hole."""
    end = at + size
    os.truncate(target, max(os.fstat(target).st_size, to + size))
    with suppress(OSError):  # ENXIO: no data from here on
        while (begin := os.lseek(source, at, os.SEEK_DATA)) < end:
            at = min(end, os.lseek(source, begin, os.SEEK_HOLE))
            _copy(source, begin, target, to + begin - (end - size), at - begin)


def _copy(source: int, at: int, target: int, to: int, size: int) -> None:
    while size:
        block = os.pread(source, min(size, _BLOCK), at)
        if not block:
            raise EOFError("the image is shorter than its partition table says")
        os.pwrite(target, block, to)
        at, to, size = at + len(block), to + len(block), size - len(block)


def _run(command: list[str], stdin: str | None = None) -> None:
    program = shutil.which(command[0], path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if program is None:
        raise FileNotFoundError(f"{command[0]} is not installed")
    done = subprocess.run(
        [program, *command[1:]], input=stdin, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {(done.stderr or done.stdout).strip()}")
