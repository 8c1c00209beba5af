from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from ctlr.simulator.child import RigError
from ctlr.simulator.demo import choose_folder, report
from ctlr.simulator.findings import Findings, Video

NOW = datetime(2026, 4, 14, 10, 40, 5, tzinfo=UTC)
VIDEO = Video("demo-cam-1", frames=360, duration_s=12.0, first_frame_ms=4.2, bytes=9 * 2**20)
COMPLETE = Findings((VIDEO,), complete=True, faults=(), lies=(), step="All in step.")


def test_each_run_gets_a_folder_of_its_own() -> None:
    assert choose_folder(None, NOW) == Path("demo-session/2026-04-14_104005")


def test_a_named_folder_must_be_new_or_empty(tmp_path: Path) -> None:
    assert choose_folder(tmp_path, NOW) == tmp_path
    assert choose_folder(tmp_path / "new", NOW) == tmp_path / "new"
    (tmp_path / "mine").touch()
    for used in (tmp_path, tmp_path / "mine"):
        with pytest.raises(RigError, match="is not empty"):
            choose_folder(used, NOW)


@pytest.mark.parametrize(
    ("findings", "code", "words"),
    [
        (COMPLETE, 0, "The session is complete"),
        (replace(COMPLETE, complete=False, faults=("cam is missing",)), 3, "cam is missing"),
        (replace(COMPLETE, lies=("cam: 1 frame too many",)), 1, "cam: 1 frame too many"),
    ],
)
def test_the_exit_code_tells_what_was_found(findings: Findings, code: int, words: str) -> None:
    printed = StringIO()
    console = Console(file=printed, width=100)
    assert report(console, Path("/a/session"), findings) == code
    assert words in printed.getvalue()
    assert "+4.2 ms" in printed.getvalue()
    assert "/a/session" in printed.getvalue()
