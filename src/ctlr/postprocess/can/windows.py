"""A session's time as the controller's clock showed it. Pure.

The listener writes down arrivals as the clock was. Where that was set in the middle, the session
has times on the clock as it was before, and others on the clock as it is; the session itself is
on the latter (``ctlr.sessions.clock_steps``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ctlr.postprocess.can.news import LATE_MS
from ctlr.sessions.model import ClockStep

NOTICED_MS = 5_000
"""So long after it the controller has noticed a step at the latest."""


@dataclass(frozen=True, slots=True)
class Window:
    """From ``first_ms`` to ``last_ms`` (inclusive) as the clock showed it; ``behind_ms`` more is
    the session's clock."""

    first_ms: int
    last_ms: int
    behind_ms: int = 0


def windows_of(first_ms: int, last_ms: int, steps: Sequence[ClockStep]) -> tuple[Window, ...]:
    """The session's time between two instants of its own clock, in the order of the instants
    that the clock showed. Those that are close to each other are one, with all between."""
    windows, behind_ms, until_ms = [], 0, last_ms
    for step in sorted(steps, key=lambda step: step.at_ms, reverse=True):
        since_ms = max(first_ms, step.at_ms - NOTICED_MS)
        if since_ms <= until_ms:
            windows.append(Window(since_ms - behind_ms, until_ms - behind_ms, behind_ms))
        behind_ms += step.step_ms
        until_ms = min(until_ms, step.at_ms + NOTICED_MS)
    if first_ms <= until_ms:
        windows.append(Window(first_ms - behind_ms, until_ms - behind_ms, behind_ms))
    return _apart(sorted(windows, key=lambda window: window.first_ms))


def _apart(windows: Sequence[Window]) -> tuple[Window, ...]:
    """Rows are looked for so long before and after a window, and none may be found twice."""
    joined: list[Window] = []
    for window in windows:
        if joined and window.first_ms <= joined[-1].last_ms + LATE_MS:
            last_ms = max(joined[-1].last_ms, window.last_ms)
            joined[-1] = replace(joined[-1], last_ms=last_ms, behind_ms=0)
        else:
            joined.append(window)
    return tuple(joined)
