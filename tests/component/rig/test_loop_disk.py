"""A drive on a loop device, and how it dies under a mount."""

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from rig.drive import Drive, make_drive
from rig.loop_disk import LoopDisk

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="loop devices need root")


@pytest.fixture
def drive(tmp_path: Path) -> Drive:
    return make_drive(tmp_path / "drive.img", logging_mb=16, sync_mb=16)


@pytest.fixture
def disk(drive: Drive) -> Iterator[LoopDisk]:
    disk = LoopDisk(drive)
    yield disk
    disk.close()


def digest(drive: Drive) -> str:
    return hashlib.sha256(drive.image.read_bytes()).hexdigest()


def test_its_partitions_are_those_of_the_drive(disk: LoopDisk, drive: Drive) -> None:
    for partition in drive.partitions:
        device = f"/dev/{disk.partition_name(partition.number)}"
        command = ["blkid", "-p", "-o", "value", "-s", "UUID", device]
        assert subprocess.check_output(command, text=True).strip() == partition.uuid


def test_when_it_is_dead_nothing_reaches_it_and_nothing_comes_from_it(
    disk: LoopDisk, drive: Drive
) -> None:
    before = digest(drive)
    device = os.open(f"/dev/{disk.partition_name(1)}", os.O_RDWR)
    try:
        disk.die()
        for offset in (0, 1 << 20):
            with pytest.raises(OSError, match="Input/output error"):
                os.pread(device, 4096, offset)
            os.pwrite(device, b"\xff" * 4096, offset)
            with pytest.raises(OSError, match="Input/output error"):
                os.fsync(device)
    finally:
        os.close(device)
    assert disk.close()
    assert digest(drive) == before


def test_it_says_whether_somebody_still_holds_it(disk: LoopDisk) -> None:
    holder = os.open(f"/dev/{disk.partition_name(1)}", os.O_RDONLY)
    assert not disk.close()
    os.close(holder)
