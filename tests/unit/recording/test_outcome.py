import pytest

from ctlr.nodes.fleet import CommandResult
from ctlr.recording.outcome import StartWarning, count_started, start_answer, stop_answer

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
DONE = CommandResult(acknowledged=True)
LOST = CommandResult(acknowledged=False, error="no answer within 1.5 s")
MIXED = {"cam-01": DONE, "cam-02": LOST}


def test_a_start_names_what_is_missing_after_what_was_found() -> None:
    found = [StartWarning("storage_unhealthy", "The logging drive is not usable.")]
    answer = start_answer(UUID, 1000, MIXED, found)
    assert answer["cameras"] == [
        {"name": "cam-01", "started": True, "error": None},
        {"name": "cam-02", "started": False, "error": "no answer within 1.5 s"},
    ]
    codes = [warning["code"] for warning in answer["warnings"]]
    assert codes == ["storage_unhealthy", "camera_not_started"]
    assert "cam-02" in answer["warnings"][1]["message"]
    assert count_started(MIXED) == 1


@pytest.mark.parametrize(
    ("before_ms", "late"), [(501, False), (500, False), (499, True), (-1, True)]
)
def test_a_camera_that_confirms_only_when_it_is_due_is_late(before_ms: int, *, late: bool) -> None:
    start_at_ms = 10_000
    confirmed = CommandResult(acknowledged=True, at_ms=start_at_ms - before_ms)
    answer = start_answer(UUID, start_at_ms, {"cam-01": confirmed}, [])
    assert [warning["code"] for warning in answer["warnings"]] == (["camera_late"] if late else [])


def test_a_stop_is_stored_whoever_confirms_it() -> None:
    answer = stop_answer(UUID, 2.50049, 3500, MIXED)
    assert (answer["success"], answer["duration"], answer["stopped_at"]) == (True, 2.5, 3500)
    assert [camera["stopped"] for camera in answer["cameras"]] == [True, False]
    assert len(answer["errors"]) == 1
    assert "cam-02" in answer["errors"][0]
    assert stop_answer(UUID, 2.5, 3500, {"cam-01": DONE})["errors"] is None


def test_a_stop_that_is_not_stored_says_so() -> None:
    answer = stop_answer(UUID, 2.5, 3500, {"cam-01": DONE}, stored=False)
    assert answer["success"] is False
    assert len(answer["errors"]) == 1
    assert answer["cameras"][0]["stopped"] is True


def test_a_node_that_had_nothing_to_stop_shows_no_error() -> None:
    idle = CommandResult(acknowledged=True, error="not recording", refused=True)
    assert stop_answer(UUID, 0.001, 1, {"cam-01": idle})["cameras"][0]["error"] is None
