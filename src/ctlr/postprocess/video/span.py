"""When a camera should have begun and ended, and how far its frames are from that. Pure.

Everything is on the camera's own clock, as its frame times are: the session's start and stop plus
what its clock was measured to be off (0 where it never was). So a camera whose clock is wrong by
seconds but which began at the right instant is not late. Only frame times can tell; a camera
without them is never called late or early. Times that lie outside of the session altogether are
those of a wrong clock, which is reported elsewhere; unless they begin soon after the stop by a clock
that was measured: then the camera joined late, and its stop reached it later still. A clock that was
set while it recorded says nothing about the end, because frame times may or may not follow it.
"""

from dataclasses import dataclass
from fractions import Fraction

from ctlr.postprocess.clocks.clock_track import ClockTrack
from ctlr.postprocess.video.facts import SegmentFacts
from ctlr.postprocess.video.timeline import length_of
from ctlr.sessions.model import Session

LATE_S = Fraction(1, 10)
"""A first frame so much after the session's start is a hole, whatever the frame rate."""
LATE_FRAMES = Fraction(3, 2)
EARLY_S = Fraction(1)
"""A camera that ends so much before the stop ended by itself: it is told to stop later than that."""

AFTER_STOP_S = Fraction(600)
"""A camera that was out of reach at the stop may come back and record until it hears of it."""


@dataclass(frozen=True, slots=True)
class Span:
    """Instants in Unix microseconds of the camera's clock; None where they are not known.

    ``told_us`` is the start that the camera was told, ``begin_us`` and ``end_us`` are the
    session's own; the truth lies within ``doubt_us`` if its clock was ``measured``. ``error`` is
    what is known to have ailed it.
    """

    told_us: int | None = None
    begin_us: int | None = None
    end_us: int | None = None
    doubt_us: int = 0
    error: str | None = None
    measured: bool = False

    @property
    def why_late(self) -> str:
        """``joined late`` when it was told to, else ``began late``."""
        if self.told_us is None or self.begin_us is None:
            return "began late"
        told_late = _seconds(self.told_us - self.begin_us) > max(LATE_S, self._doubt_s)
        return "joined late" if told_late else "began late"

    @property
    def why_early(self) -> str:
        return f"ended early ({self.error})" if self.error else "ended early"

    def lateness_s(self, first: SegmentFacts) -> Fraction | None:
        """How long after the session's start the first frame was taken; None if about then."""
        if first.captured is None or self.begin_us is None:
            return None
        if self._is_of_another_time(first.captured.first_us):
            return None
        late = _seconds(first.captured.first_us - self.begin_us)
        period = length_of(first) / max(first.frames, 1)
        return late if late > max(LATE_FRAMES * period + self._doubt_s, LATE_S) else None

    def earliness_s(self, last: SegmentFacts) -> Fraction | None:
        """How long before the session's stop the last frame ended; None if about then."""
        if last.captured is None or self.end_us is None:
            return None
        if self.begin_us is not None and last.captured.last_us < self.begin_us:
            return None
        early = _seconds(self.end_us - last.captured.first_us) - length_of(last)
        return early if early > EARLY_S + self._doubt_s else None

    def _is_of_another_time(self, first_us: int) -> bool:
        if self.end_us is None:
            return False
        late_s = _seconds(first_us - self.end_us)
        return late_s > (AFTER_STOP_S if self.measured else 0)

    @property
    def _doubt_s(self) -> Fraction:
        return _seconds(self.doubt_us)


def expected_span(facts: Session | None, node: str) -> Span:
    """What the session record says of when a camera should have recorded."""
    if facts is None:
        return Span()
    part, samples = facts.node(node), facts.clocks.get(node)
    clock = ClockTrack(samples) if samples else None
    begin_us = _on_clock(clock, facts.start_at_ms)
    was_set = clock is not None and clock.set_at_ms is not None
    stop_ms = facts.stop_requested_at_ms or facts.stopped_at_ms
    return Span(
        told_us=part.start_at_ms * 1000 if part and part.start_at_ms else begin_us,
        begin_us=begin_us,
        end_us=None if was_set else _on_clock(clock, stop_ms),
        doubt_us=round(clock.uncertainty_at(begin_us)) if clock and begin_us is not None else 0,
        error=part.error if part else None,
        measured=clock is not None and not was_set,
    )


def _on_clock(clock: ClockTrack | None, at_ms: int | None) -> int | None:
    if at_ms is None:
        return None
    return round(clock.own_time_of(at_ms * 1000)) if clock else at_ms * 1000


def _seconds(us: int) -> Fraction:
    return Fraction(us, 1_000_000)
