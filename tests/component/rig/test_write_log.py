"""What a cut leaves of a disk, from logs that the emulator's own block layer wrote."""

import json
import random
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from rig.qemu_disk import QemuDisk
from rig.write_log import SECTOR, Entry, read_entries, survivors

FLUSH, FUA = 1, 2
SIZE = 1 << 20
CLUSTER = 4096

needs_emulator = pytest.mark.skipif(
    shutil.which("qemu-io") is None, reason="qemu-utils is not installed"
)


@pytest.fixture
def disk(tmp_path: Path) -> QemuDisk:
    image = tmp_path / "disk.img"
    image.write_bytes(b"\x11" * SIZE)
    return QemuDisk("disk", image, tmp_path)


def write(disk: QemuDisk, *commands: str) -> None:
    """Power on, do these commands of qemu-io, and end as a killed emulator does."""
    told = "json:" + json.dumps(disk.power_on())
    asked = [part for command in commands for part in ("-c", command)]
    subprocess.run(
        ["qemu-io", "--cache", "writeback", *asked, "-c", "sigraise 9", told],
        capture_output=True,
        check=False,
    )


def cluster(disk: QemuDisk, number: int) -> set[int]:
    with open(disk.image, "rb") as image:
        image.seek(number * CLUSTER)
        return set(image.read(CLUSTER))


@needs_emulator
def test_what_was_flushed_is_there_and_what_came_later_may_not_be(disk: QemuDisk) -> None:
    fates = set()
    for seed in range(20):
        disk.image.write_bytes(b"\x11" * SIZE)
        write(disk, "write -P 0xaa 0 4k", "flush", "write -P 0xbb 4k 4k")
        left = disk.power_off(random.Random(seed))
        assert cluster(disk, 0) == {0xAA}
        assert cluster(disk, 1) <= {0x11, 0xBB}
        assert left.kept + left.torn + left.lost == 2
        fates.add(frozenset(cluster(disk, 1)))
    assert fates == {frozenset({0x11}), frozenset({0xBB}), frozenset({0x11, 0xBB})}


@needs_emulator
def test_a_machine_that_went_down_in_order_has_lost_nothing(disk: QemuDisk) -> None:
    write(disk, "write -P 0xaa 0 4k", "write -P 0xbb 0 4k", "write -z 8k 4k")
    disk.power_off(None)
    assert [cluster(disk, number) for number in range(4)] == [{0xBB}, {0x11}, {0}, {0x11}]


@needs_emulator
def test_a_disk_that_nobody_wrote_to_is_as_it_was(disk: QemuDisk) -> None:
    write(disk, "read 0 4k")
    assert disk.power_off(random.Random(1)).kept == 0
    assert cluster(disk, 0) == {0x11}


def test_a_write_that_was_forced_survives_without_a_flush() -> None:
    entries = [Entry(0, 8, FUA, 0), Entry(8, 8, 0, 0)]
    for seed in range(50):
        assert survivors(entries, random.Random(seed))[0] == (entries[0], 8)


def test_a_log_that_ends_inside_an_entry_is_read_up_to_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    head = struct.pack("<QQQI", 0x6A736677736872, 1, 2, SECTOR).ljust(SECTOR, b"\0")
    first = struct.pack("<QQQQ", 0, 2, FLUSH, 0).ljust(SECTOR, b"\0") + bytes(2 * SECTOR)
    second = struct.pack("<QQQQ", 9, 2, 0, 0).ljust(SECTOR, b"\0") + bytes(SECTOR)
    log.write_bytes(head + first + second)
    assert read_entries(log) == [Entry(0, 2, FLUSH, 2 * SECTOR)]


def test_what_is_no_log_is_refused(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"\x01" * SECTOR)
    with pytest.raises(ValueError, match="no log of writes"):
        read_entries(log)
