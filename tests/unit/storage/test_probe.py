import errno
import os
from pathlib import Path
from typing import Any

import pytest

from ctlr.storage import probe
from ctlr.storage.identity import FILE_NAME, identity_file


def expecting(**changes: Any) -> dict[str, Any]:
    usual = {"volume": "logging", "known": [], "certain": False, "adopt": False}
    return {**usual, "node": "ctlr", "identity": "new", **changes}


def test_a_folder_that_works(tmp_path: Path) -> None:
    answer = probe.probe(str(tmp_path))
    assert answer["error"] is None
    assert isinstance(answer["latency_ms"], float)
    assert 0 < answer["free_bytes"] <= answer["total_bytes"]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    answer = probe.probe(str(tmp_path / "absent"))
    assert answer["error_number"] == errno.ENOENT
    assert answer["error"] == "No such file or directory"


def test_a_link_in_place_of_the_probe_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("kept")
    (tmp_path / probe.PROBE_NAME).symlink_to(target)
    assert probe.probe(str(tmp_path))["error"] is None
    assert target.read_text() == "kept"


def test_what_a_killed_probe_has_left_goes(tmp_path: Path) -> None:
    (tmp_path / probe.PROBE_NAME).write_text("left behind")
    assert probe.probe(str(tmp_path))["error"] is None
    assert list(tmp_path.iterdir()) == []


def test_a_volume_gets_its_mark_on_first_use_and_keeps_it(tmp_path: Path) -> None:
    assert probe.probe(str(tmp_path), expecting())["identity"] == "new"
    mark = (tmp_path / FILE_NAME).read_bytes()
    again = probe.probe(str(tmp_path), expecting(identity="other", known=["new"]))
    assert again["identity"] == "new"
    assert (tmp_path / FILE_NAME).read_bytes() == mark


@pytest.mark.parametrize("mark", [None, identity_file("logging", "x", "n"), b"garbage"])
def test_m10_nothing_is_written_to_a_foreign_volume(tmp_path: Path, mark: bytes | None) -> None:
    if mark is not None:
        (tmp_path / FILE_NAME).write_bytes(mark)
    before = os.stat(tmp_path).st_mtime_ns
    answer = probe.probe(str(tmp_path), expecting(known=["ours"]))
    assert answer["foreign"]
    assert "identity" not in answer
    assert os.stat(tmp_path).st_mtime_ns == before
    assert {path.name for path in tmp_path.iterdir()} == ({FILE_NAME} if mark else set())
