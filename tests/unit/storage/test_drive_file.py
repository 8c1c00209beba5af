import json
from pathlib import Path

import pytest

from ctlr.storage.drive_file import NAME, DriveRecord, read_record, write_record


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    record = DriveRecord(
        ejected=("logging",),
        ejecting=("sync",),
        stopped=("can-listener",),
        open={"logging": "8:17"},
        held={"sync": "it is full"},
    )
    write_record(tmp_path / "new", record)
    assert read_record(tmp_path / "new") == record


def test_a_restart_of_the_machine_ends_it(tmp_path: Path) -> None:
    write_record(tmp_path, DriveRecord(("logging",)))
    values = json.loads((tmp_path / NAME).read_text())
    (tmp_path / NAME).write_text(json.dumps(values | {"boot_id": "another"}))
    assert read_record(tmp_path) == DriveRecord()


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"boot_id": 1}', "\x00" * 100])
def test_d12_a_torn_file_is_as_good_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / NAME).write_text(content)
    assert read_record(tmp_path) == DriveRecord()
    assert read_record(tmp_path / "absent") == DriveRecord()
