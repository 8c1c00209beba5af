"""How long a session has been recorded, whatever the wall clock is set to meanwhile.

A Pi has no clock of its own that keeps time while it is off: what NTP or a person sets in the
middle of a recording moves ``now - start`` by hours. What this process has seen of a session is
therefore measured on the monotonic clock, and the wall clock is asked once, when the session is
seen first: for the time until its start, or for how long it was recorded before a restart.
"""

from ctlr.kernel.clock import Clock
from ctlr.recording.recovery import ARMED_AHEAD_MS
from ctlr.sessions.model import Session, SessionState


class Stopwatch:
    """Of one session at a time. A wall clock that says ``longest_s`` or more was set wrong
    before: no recording may end on its word."""

    def __init__(self, clock: Clock, longest_s: float) -> None:
        self._clock = clock
        self._longest_s = longest_s
        self._start: tuple[str, int] | None = None
        self._began_s = 0.0
        self._stopped_s: float | None = None

    def recorded_s(self, session: Session | None) -> float:
        """Seconds from its start until now, or until it was first seen stopping; 0 before the
        start, without one, and without a session."""
        if session is None or session.start_at_ms is None:
            return 0.0
        now_s, start = self._clock.monotonic(), (session.uuid, session.start_at_ms)
        if self._start != start:
            until_ms = session.stopped_at_ms or self._clock.now_ms()
            before_s = (until_ms - session.start_at_ms) / 1000
            believed_s = before_s if -ARMED_AHEAD_MS / 1000 < before_s < self._longest_s else 0.0
            self._start, self._began_s = start, now_s - believed_s
            self._stopped_s = None
        recorded_s = max(0.0, now_s - self._began_s)
        if session.state is not SessionState.STOPPING:
            return recorded_s
        if self._stopped_s is None:
            self._stopped_s = recorded_s
        return self._stopped_s
