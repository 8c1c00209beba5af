"""Which frames a recording keeps and where it is cut. Pure.

The first frame kept is the first one captured at or after ``start_at``. Cuts lie at
multiples of the segment length counted from ``start_at``, on every camera at the same
instants, so that segments of one number show the same seconds. A cut needs a keyframe: the
source is asked for one on the first frame past the boundary, and where it cannot give one
(a network camera) the cut waits for the next. A frame belongs to exactly one segment.

A recording that is taken up again keeps its ``start_at`` as the origin of cuts and
timestamps, keeps frames from a later instant on, and goes on with the next free number.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """``start_at_us``: origin of cuts and timestamps; ``keep_from_us``: first instant kept."""

    start_at_us: int
    segment_us: int
    keep_from_us: int

    def period(self, captured_at_us: int) -> int:
        """Number of the segment length that an instant lies in, 0 right after ``start_at``."""
        return (captured_at_us - self.start_at_us) // self.segment_us

    def pts_us(self, captured_at_us: int) -> int:
        """Timestamp in the files: microseconds since ``start_at``, running on over segments."""
        return captured_at_us - self.start_at_us


class Cutter:
    """Places one frame after the other. Frames come in the order of their capture times."""

    def __init__(self, schedule: Schedule, first_segment: int) -> None:
        self._schedule = schedule
        self._next_segment = first_segment
        self._period: int | None = None
        self._broken = False

    @property
    def next_segment(self) -> int:
        """The number that the next segment gets; every lower number has been opened."""
        return self._next_segment

    def wants_keyframe(self, captured_at_us: int) -> bool:
        """Whether a frame captured at this instant should be a keyframe."""
        if captured_at_us < self._schedule.keep_from_us:
            return False
        return self._broken or self._is_past_cut(captured_at_us)

    def assign(self, captured_at_us: int, *, keyframe: bool) -> int | None:
        """The number of the segment that the frame belongs to; None when it is not kept.

        Not kept are frames before the start and frames that cannot be decoded because what
        they refer to was not kept.
        """
        if captured_at_us < self._schedule.keep_from_us:
            return None
        if keyframe:
            self._broken = False
            if self._is_past_cut(captured_at_us):
                self._period = self._schedule.period(captured_at_us)
                self._next_segment += 1
        if self._broken or self._period is None:
            return None
        return self._next_segment - 1

    def frame_was_lost(self) -> None:
        """Keep nothing until the next keyframe: later frames refer to the lost one."""
        self._broken = True

    def _is_past_cut(self, captured_at_us: int) -> bool:
        return self._period is None or self._schedule.period(captured_at_us) > self._period
