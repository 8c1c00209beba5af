import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.component.drive.disks import (
    Disk,
    leave_the_hosts_namespace,
    make_removable,
    unmount_all_below,
)

from ctlr.config import StorageSettings


@pytest.fixture(scope="session", autouse=True)
def own_namespace() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: real disks are mounted")
    leave_the_hosts_namespace()


@pytest.fixture
def rig_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with two bare mount points, ``logging`` and ``sync``."""
    (tmp_path / "logging").mkdir()
    (tmp_path / "sync").mkdir()
    yield tmp_path
    unmount_all_below(tmp_path)
    make_removable(tmp_path)


@pytest.fixture
def disk(rig_folder: Path) -> Iterator[Disk]:
    disk = Disk(rig_folder / "disk.img")
    yield disk
    unmount_all_below(rig_folder)
    disk.unplug()


@pytest.fixture
def storage(rig_folder: Path, disk: Disk) -> StorageSettings:
    """Both mounts pinned to the disk by UUID."""
    return StorageSettings(
        logging=rig_folder / "logging",
        sync=rig_folder / "sync",
        logging_device=f"UUID={disk.logging_uuid}",
        sync_device=f"UUID={disk.sync_uuid}",
        privileged_socket=rig_folder / "no.sock",
        check_interval_s=0.3,
        floor_mb=1,
    )
