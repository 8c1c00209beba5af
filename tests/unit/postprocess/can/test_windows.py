"""A session's time as a clock showed it that was set meanwhile."""

import pytest

from ctlr.postprocess.can.news import LATE_MS
from ctlr.postprocess.can.windows import NOTICED_MS, Window, windows_of
from ctlr.sessions.model import ClockStep

DAY = 86_400_000
FIRST, LAST = 100 * DAY, 100 * DAY + 600_000
AT = FIRST + 200_000


@pytest.mark.parametrize(
    ("steps", "windows"),
    [
        ([], [Window(FIRST, LAST)]),
        (
            [ClockStep(AT, DAY)],
            [Window(FIRST - DAY, AT + NOTICED_MS - DAY, DAY), Window(AT - NOTICED_MS, LAST)],
        ),
        (
            [ClockStep(AT, -DAY)],
            [Window(AT - NOTICED_MS, LAST), Window(FIRST + DAY, AT + NOTICED_MS + DAY, -DAY)],
        ),
        ([ClockStep(LAST + 60_000, DAY)], [Window(FIRST - DAY, LAST - DAY, DAY)]),
        ([ClockStep(AT, LATE_MS // 2)], [Window(FIRST - LATE_MS // 2, LAST)]),
        (
            [ClockStep(AT, DAY), ClockStep(AT + 100_000, 2 * DAY)],
            [
                Window(FIRST - 3 * DAY, AT + NOTICED_MS - 3 * DAY, 3 * DAY),
                Window(AT - NOTICED_MS - 2 * DAY, AT + 100_000 + NOTICED_MS - 2 * DAY, 2 * DAY),
                Window(AT + 100_000 - NOTICED_MS, LAST),
            ],
        ),
    ],
)
def test_windows(steps: list[ClockStep], windows: list[Window]) -> None:
    assert list(windows_of(FIRST, LAST, steps)) == windows
