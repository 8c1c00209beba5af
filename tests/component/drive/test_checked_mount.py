"""When a service that writes to the drive by itself may do so."""

from pathlib import Path

import pytest
from tests.component.drive.disks import Disk, run

from ctlr.config import StorageSettings
from ctlr.storage.drive_file import DriveRecord, write_record
from ctlr.storage.mount_snapshot import CheckedMount
from ctlr.storage.table import read_mounts


def number_of_mount(path: Path) -> str:
    return next(mount.device_number for mount in read_mounts() if mount.mount_point == str(path))


@pytest.fixture
def by_label(storage: StorageSettings) -> StorageSettings:
    """As ``storage``, with nothing that tells the drive from a stranger's."""
    return storage.model_copy(update={"logging_device": ""})


def test_a_drive_that_may_be_a_strangers_waits_for_the_controller(
    by_label: StorageSettings, disk: Disk, rig_folder: Path
) -> None:
    may_write = CheckedMount(by_label, "logging", rig_folder)
    assert may_write() == "not mounted"
    run("mount", disk.logging, by_label.logging)
    assert may_write() == "the controller has not checked it"
    write_record(rig_folder, DriveRecord(open={"logging": "7:999"}))
    assert may_write() == "the controller has not checked it"
    write_record(rig_folder, DriveRecord(open={"logging": number_of_mount(by_label.logging)}))
    assert may_write() is None
    write_record(rig_folder, DriveRecord())
    assert may_write() is None, "the controller restarts; the drive is the one that it has checked"
    run("umount", by_label.logging)
    assert may_write() == "not mounted"
    run("mount", disk.logging, by_label.logging)
    assert may_write() == "the controller has not checked it"


def test_a_drive_that_is_known_by_its_uuid_waits_for_nobody(
    storage: StorageSettings, disk: Disk, rig_folder: Path
) -> None:
    run("mount", disk.logging, storage.logging)
    assert CheckedMount(storage, "logging", rig_folder)() is None
