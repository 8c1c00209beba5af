"""What rsync asks before each transfer, on a real disk."""

import subprocess
import sys
from pathlib import Path

from tests.component.drive.disks import Disk, run

from ctlr.config import StorageSettings
from ctlr.storage import check_mount
from ctlr.storage.blockdevices import number_of
from ctlr.storage.drive_file import DriveRecord, write_record
from ctlr.storage.privileged.policy import policy_of
from ctlr.storage.privileged.verbs import perform


def ask(storage: StorageSettings) -> str | None:
    values = storage.model_dump(mode="json")
    database = {"path": str(storage.logging.parent / "ctlr.db")}
    return check_mount.find_problem("logging", {"storage": values, "database": database})


def test_only_a_mounted_writable_drive_that_is_ours_takes_a_transfer(
    storage: StorageSettings, disk: Disk
) -> None:
    folder = storage.logging.parent
    assert ask(storage) == "it is not mounted"
    perform("mount", "logging", policy_of(storage.model_dump(mode="json")))
    assert ask(storage) == "the controller has not checked it"
    write_record(folder, DriveRecord(open={"logging": str(number_of(disk.logging))}))
    assert ask(storage) is None
    write_record(folder, DriveRecord(open={"logging": str(number_of(disk.sync))}))
    assert ask(storage) == "the controller has not checked it"
    run("mount", "-o", "remount,ro", storage.logging)
    assert ask(storage) == "it is read-only"
    run("mount", "-t", "tmpfs", "over-it", storage.logging)
    assert ask(storage) == "it is mounted twice"


def test_it_is_a_program_of_its_own(storage: StorageSettings, disk: Disk) -> None:
    config = storage.logging.parent / "ctlr.toml"
    config.write_text(f'[storage]\nlogging = "{storage.logging}"\n[database]\npath = "{config}"\n')
    program = Path(sys.executable).with_name("ctlr-check-mount")
    command: list[str | Path] = [program, "--config", config, "logging"]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 1
    perform("mount", "logging", policy_of(storage.model_dump(mode="json")))
    write_record(config.parent, DriveRecord(open={"logging": str(number_of(disk.logging))}))
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
