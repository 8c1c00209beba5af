"""The drive that the rig plugs into its machines, without any machine."""

from pathlib import Path

import pytest
from rig.usb_drive import UsbDrive

EXT4_MAGIC = bytes.fromhex("53ef")
EXFAT_NAME = b"EXFAT   "


@pytest.fixture
def drive(tmp_path: Path) -> UsbDrive:
    return UsbDrive.make(tmp_path / "drive.img", logging_mib=16, sync_mib=16)


def test_a_new_drive_holds_both_file_systems_and_passes_fsck(
    drive: UsbDrive, tmp_path: Path
) -> None:
    with open(drive.image, "rb") as image:
        image.seek(drive.logging.start + 1024 + 56)
        assert image.read(2) == EXT4_MAGIC
        image.seek(drive.sync.start + 3)
        assert image.read(8) == EXFAT_NAME
    assert drive.check(tmp_path) == {}


def test_two_drives_are_told_apart_by_their_uuids(drive: UsbDrive, tmp_path: Path) -> None:
    other = UsbDrive.make(tmp_path / "other.img", logging_mib=16, sync_mib=16)
    assert {drive.logging.uuid, drive.sync.uuid}.isdisjoint({other.logging.uuid, other.sync.uuid})
    with open(other.image, "rb") as image:
        image.seek(other.sync.start + 100)  # exFAT's volume serial number, little-endian
        serial = int.from_bytes(image.read(4), "little")
    assert other.sync.uuid == f"{serial >> 16:04X}-{serial & 0xFFFF:04X}"


def test_fsck_names_the_partition_that_is_damaged(drive: UsbDrive, tmp_path: Path) -> None:
    with open(drive.image, "rb+") as image:
        image.seek(drive.logging.start + 8192)
        image.write(b"\xff" * 65536)
    assert set(drive.check(tmp_path)) == {"logging"}
