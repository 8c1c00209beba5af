"""Whether a session would be recorded now, in words."""

from typing import Any

import pytest

from ctlr.api.readiness import Readiness, judge


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, Readiness(ready=True, can_start=True, text="ready to record")),
        (
            {"drive": "the logging drive is full"},
            Readiness(
                ready=False,
                can_start=True,
                text="would record, but the logging drive is full; the cameras keep their files"
                " until it can be used",
            ),
        ),
        (
            {"idle_cameras": 0},
            Readiness(ready=False, can_start=False, text="cannot record: no camera is ready"),
        ),
        ({"idle_cameras": 0, "min_cameras": 0}, Readiness(True, True, "ready to record")),
        (
            {"min_cameras": 2},
            Readiness(
                ready=False,
                can_start=False,
                text="cannot record: 1 of the 2 cameras that a session needs is ready",
            ),
        ),
        (
            {"ejecting": True},
            Readiness(False, False, "cannot record: the drive is just being ejected"),
        ),
        (
            {"record": "disk full", "drive": "the logging drive is full"},
            Readiness(
                False,
                False,
                "cannot record: the controller's record of sessions cannot be written (disk full)",
            ),
        ),
    ],
)
def test_readiness(facts: dict[str, Any], expected: Readiness) -> None:
    usual = {"idle_cameras": 1, "min_cameras": 1, "ejecting": False, "drive": None, "record": None}
    assert judge(**{**usual, **facts}) == expected
