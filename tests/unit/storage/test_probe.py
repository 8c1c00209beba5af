import json
import os
import subprocess
import sys
from pathlib import Path

from ctlr.storage import probe


def test_a_folder_that_works(tmp_path: Path) -> None:
    answer = probe.probe(str(tmp_path))
    assert answer["write_ok"] is True
    assert answer["error"] is None
    assert isinstance(answer["latency_ms"], float)
    assert isinstance(answer["total_bytes"], int)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    answer = probe.probe(str(tmp_path / "absent"))
    assert (answer["write_ok"], answer["error"]) == (False, "No such file or directory")


def test_a_link_in_place_of_the_probe_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("kept")
    (tmp_path / probe.PROBE_NAME).symlink_to(target)
    assert probe.probe(str(tmp_path))["write_ok"] is False
    assert target.read_text() == "kept"


def test_as_a_program_it_prints_one_object(tmp_path: Path) -> None:
    command = [sys.executable, "-I", probe.__file__, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, check=True, env=dict(os.environ))
    assert json.loads(done.stdout)["write_ok"] is True
