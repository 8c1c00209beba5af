"""When a camera should have begun and ended, and how far its frames are from that. Pure.

Everything is on the camera's own clock, as its frame times are: the session's start and stop plus
what its clock was measured to be off (0 where it never was). So a camera whose clock is wrong by
seconds but which began at the right instant is not late. Times that lie outside of the session
altogether are those of a wrong clock, which is reported elsewhere; unless they begin soon after the
stop by a clock that was measured: then the camera joined late, and its stop reached it later still.
A clock that was set while it recorded says nothing about the end, because frame times may or may
not follow it.

Where frame times do not tell, the record does: a camera is taken to have begun each take when it
was told to, and to have ended when it was told the stop that it confirmed. By how much its video is
shorter than that is known then, not whether it began late or ended early. Of a camera that confirmed
no stop nothing is known but how long it recorded: it may have begun late and recorded on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from ctlr.nodes.offset import DRIFT_LIMIT_PPM
from ctlr.postprocess.clocks.clock_track import ClockTrack
from ctlr.postprocess.video.facts import SegmentFacts
from ctlr.postprocess.video.timeline import length_of
from ctlr.sessions.model import Session, SessionNode

LATE_S = Fraction(1, 10)
"""A first frame so much after the session's start is a hole, whatever the frame rate."""
LATE_FRAMES = Fraction(3, 2)
SHORT_S = Fraction(1, 5)
"""A camera that ends so much before the stop, or is so much shorter than the session, is short of it."""
EARLY_S = Fraction(1)
"""One that ends so much before the stop ended by itself: it is told to stop later than that."""
LENIENCE_S = Fraction(1, 2)
"""How long after the stop a camera may hear of it. What lies further behind is not of the session."""

AFTER_STOP_S = Fraction(600)
"""A camera that was out of reach at the stop may come back and record until it hears of it."""


@dataclass(frozen=True, slots=True)
class Span:
    """Instants in Unix microseconds of the camera's clock; None where they are not known.

    ``told_us`` is the start that the camera was told, ``begin_us`` and ``end_us`` are the
    session's own; the truth lies within ``doubt_us`` if its clock was ``measured``. ``error`` is
    what is known to have ailed it. On the controller's clock: ``begun_s`` is when each take was told
    to begin, in seconds from the session's start, ``length_s`` how long the session is, and
    ``stopped_s`` when the camera was told the stop that it confirmed; None where it did not.
    """

    told_us: int | None = None
    begin_us: int | None = None
    end_us: int | None = None
    doubt_us: int = 0
    error: str | None = None
    measured: bool = False
    begun_s: Mapping[int, Fraction] = field(default_factory=dict)
    length_s: Fraction | None = None
    stopped_s: Fraction | None = None

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

    def why_short(self, short_s: Fraction) -> str:
        """Of a video whose frames do not tell when they were taken."""
        return self.why_early if short_s > EARLY_S and self.stopped_s is None else "short"

    @property
    def recordable_s(self) -> Fraction | None:
        """How long it can have recorded, from its first start to when it heard of the stop."""
        if self.length_s is None:
            return None
        return max(self.length_s, self.stopped_s or Fraction(0)) - self.begun_s.get(1, 0)

    def shows_lateness(self, first: SegmentFacts) -> bool:
        """Whether a camera's frame times tell how late it began."""
        if first.captured is None or self.begin_us is None:
            return False
        return not self._is_of_another_time(first.captured.first_us)

    def lateness_s(self, first: SegmentFacts) -> Fraction | None:
        """How long after the session's start the first frame was taken, or was told to be taken
        where it does not say; None if about then."""
        if first.captured is None or self.begin_us is None or not self.shows_lateness(first):
            told = self.begun_s.get(first.take, Fraction(0))
            return told if told > LATE_S else None
        late = _seconds(first.captured.first_us - self.begin_us)
        period = length_of(first) / max(first.frames, 1)
        return late if late > max(LATE_FRAMES * period + self._doubt_s, LATE_S) else None

    def remaining_s(self, facts: SegmentFacts, at_s: Fraction) -> Fraction | None:
        """From a segment's first frame, which is shown at ``at_s``, to the session's stop; negative
        for one that begins after it. None where nothing tells."""
        if facts.captured and self.end_us is not None and self.tells_time(facts):
            return _seconds(self.end_us - facts.captured.first_us)
        return None if self.length_s is None else self.length_s - at_s

    def tells_time(self, facts: SegmentFacts) -> bool:
        """Whether a segment's frames say when, by the session's time, they were taken."""
        if facts.captured is None or self.end_us is None:
            return False
        if self.begin_us is not None and facts.captured.last_us < self.begin_us:
            return False
        return not self._is_of_another_time(facts.captured.first_us)

    def doubt_s(self, facts: SegmentFacts) -> Fraction:
        """What the camera's clock leaves open of ``remaining_s``."""
        return self._doubt_s if self.tells_time(facts) else max(self._doubt_s, self._drift_s)

    def shortness_s(
        self, facts: SegmentFacts, at_s: Fraction, until_s: Fraction | None = None
    ) -> Fraction | None:
        """How much before the session's stop a segment ends, or before ``until_s`` where its frames
        do not say when they were taken; None if about then."""
        remaining = self.remaining_s(facts, at_s)
        if until_s is not None and not self.tells_time(facts):
            remaining = until_s - at_s
        if remaining is None:
            return None
        short = remaining - length_of(facts) - Fraction(facts.after_stop_ticks, facts.timescale)
        open_s = self._doubt_s if self.tells_time(facts) else self._drift_s
        return short if short > max(SHORT_S, open_s) else None

    def _is_of_another_time(self, first_us: int) -> bool:
        if self.end_us is None:
            return False
        late_s = _seconds(first_us - self.end_us)
        return late_s > (AFTER_STOP_S if self.measured else 0)

    @property
    def _drift_s(self) -> Fraction:
        """How far two clocks may come apart over the session."""
        return (self.length_s or 0) * Fraction(DRIFT_LIMIT_PPM) / 1_000_000

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
    begun = {} if part is None else _begun(part, facts.start_at_ms)
    # Of several starts that it was told, only the last one is known on its own clock.
    told_ms = part.start_at_ms if part and not any(take > 1 for take in begun) else None
    return Span(
        told_us=told_ms * 1000 if told_ms else begin_us,
        begin_us=begin_us,
        end_us=None if was_set else _on_clock(clock, stop_ms),
        doubt_us=round(clock.uncertainty_at(begin_us)) if clock and begin_us is not None else 0,
        error=part.error if part else None,
        measured=clock is not None and not was_set,
        begun_s=begun,
        length_s=_since(facts.start_at_ms, stop_ms),
        # One that the record does not know is held to the session's length alone.
        stopped_s=_since(facts.start_at_ms, part.stopped_at_ms if part else stop_ms),
    )


def _begun(part: SessionNode, start_at_ms: int | None) -> dict[int, Fraction]:
    if start_at_ms is None:
        return {}
    return {start.take: Fraction(start.at_ms - start_at_ms, 1000) for start in part.starts}


def _since(start_at_ms: int | None, at_ms: int | None) -> Fraction | None:
    if start_at_ms is None or at_ms is None:
        return None
    return Fraction(max(at_ms - start_at_ms, 0), 1000)


def _on_clock(clock: ClockTrack | None, at_ms: int | None) -> int | None:
    if at_ms is None:
        return None
    return round(clock.own_time_of(at_ms * 1000)) if clock else at_ms * 1000


def _seconds(us: int) -> Fraction:
    return Fraction(us, 1_000_000)
