"""The drive that the rig plugs into its machines, without any machine."""

import os
from pathlib import Path

import pytest
from rig.drive import Drive, make_drive

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="loop devices need root")


@pytest.fixture
def drive(tmp_path: Path) -> Drive:
    return make_drive(tmp_path / "drive.img", logging_mb=16, sync_mb=16)


def test_a_new_drive_holds_both_file_systems(drive: Drive) -> None:
    with open(drive.image, "rb") as image:
        image.seek(drive.logging.offset + 1024 + 56)
        assert image.read(2) == bytes.fromhex("53ef")  # ext4's magic number
        image.seek(drive.sync.offset + 3)
        assert image.read(8) == b"EXFAT   "


def test_two_drives_are_told_apart_by_their_uuids(drive: Drive, tmp_path: Path) -> None:
    other = make_drive(tmp_path / "other.img", logging_mb=16, sync_mb=16)
    assert {drive.logging.uuid, drive.sync.uuid}.isdisjoint({other.logging.uuid, other.sync.uuid})
