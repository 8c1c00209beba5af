"""Where each segment of one node stands on the timeline, what is missing, and what is odd. Pure.

Presentation times keep real time. The distance between two neighbours comes from the best
witness there is, in this order:

1. their running timestamps, where the second's run on from the first's;
2. the capture times of their sidecars;
3. the sum of what came before, with the usual segment length for each segment that is missing.

Time 0 is the first frame, or the session's start for a camera that began after it (``span``).
A hole is never closed: what is missing, empty, damaged or cut leaves its length on the timeline
and a ``Gap``. Times are whole numbers of a unit that divides every segment's tick and the
microsecond, until they are turned into ticks, so nothing is rounded twice. A segment with other parameters than the one before starts a new part, as does
a hole that is longer than a sample can last in the media timescale.
"""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from math import lcm

from ctlr.mp4.merge import MAX_DELTA
from ctlr.postprocess.manifest.problem import Problem
from ctlr.postprocess.video.facts import Readability, SegmentFacts
from ctlr.postprocess.video.holes import NO_HOLE, Hole, Numbers
from ctlr.postprocess.video.span import EARLY_S, Span
from ctlr.postprocess.video.timeline import Gap, Part, Placement, Timeline

NOTICED_GAP_MS = 100
"""A pause between two whole neighbours is a gap from this many milliseconds on."""
LONGEST_PAUSE_S = 24 * 3600
"""Capture times that jump further than this say that the clock was set, not that time passed."""


def place(
    found: Sequence[SegmentFacts], segments_total: int | None = None, span: Span | None = None
) -> Timeline:
    """Place one node's segments.

    ``segments_total`` is how many the node says it made, ``span`` when it should have recorded.
    """
    return _Placer(found, segments_total, span or Span()).run()


def place_after(last: Placement | None, facts: SegmentFacts) -> Placement | None:
    """Where a segment should stand in the file that ``last`` is the end of so far (None: it is
    empty), as far as the two of them tell; None if it can't go there."""
    if last is None:
        return Placement(facts, 0)
    parts = place([last.facts, facts]).parts
    if len(parts) != 1 or facts.number <= last.facts.number:
        return None
    first, second = parts[0].segments
    return Placement(facts, last.at_ticks + second.at_ticks - first.at_ticks)


class _Placer:
    """Lengths and positions are counted in units; there are ``self.second`` of them in a second."""

    def __init__(self, found: Sequence[SegmentFacts], total: int | None, span: Span) -> None:
        self.gaps: list[Gap] = []
        self.problems: list[Problem] = []
        self.all = self._unique(sorted(found, key=lambda f: (f.number, len(f.name), f.name)))
        self.usable = [f for f in self.all if f.usable]
        self.numbers = Numbers(self.all, total)
        self.span = span
        self.second = lcm(1_000_000, *{f.timescale for f in self.all})
        self.usual = self._usual_length()

    def run(self) -> Timeline:
        for facts in self.all:
            self._note(facts)
        base = self._first_number()
        if not self.usable:
            hole = self.numbers.hole(base, self.numbers.last(base))
            self._add_gap(None, hole, hole.reasons(None), self._expected(None, hole))
            return Timeline((), tuple(self.gaps), tuple(self.problems))
        times = [self._leading_hole(base)]
        for before, after in pairwise(self.usable):
            times.append(self._follow(times[-1], before, after))
        self._trailing_hole(base)
        return Timeline(self._parts(times), tuple(self.gaps), tuple(self.problems))

    # --- units

    def _length(self, facts: SegmentFacts) -> int:
        return self._ticks(facts.duration_ticks, facts)

    def _ticks(self, ticks: int, facts: SegmentFacts) -> int:
        return ticks * (self.second // facts.timescale)

    def _us(self, us: int) -> int:
        return us * (self.second // 1_000_000)

    def _seconds(self, seconds: Fraction) -> int:
        return round(seconds * self.second)

    def _usual_length(self) -> int:
        """The usual length of a segment: the median of the whole ones, without the last."""
        whole = [self._length(f) for f in self.usable if f.readability is Readability.WHOLE]
        whole = whole[:-1] or whole
        return sorted(whole)[len(whole) // 2] if whole else 0

    def _unique(self, ordered: list[SegmentFacts]) -> list[SegmentFacts]:
        kept: list[SegmentFacts] = []
        for facts in ordered:
            if kept and kept[-1].number == facts.number:
                text = f"{facts.name} has the same number as {kept[-1].name}; it was left out."
                self.problems.append(Problem("duplicate_number", text, facts.name))
            else:
                kept.append(facts)
        return kept

    def _note(self, facts: SegmentFacts) -> None:
        if facts.readability is not Readability.WHOLE:
            text = f"{facts.name} is {facts.readability}: {facts.reason}."
            self.problems.append(Problem(f"segment_{facts.readability}", text, facts.name))
        elif facts.captured and facts.captured.rows != facts.frames:
            text = f"{facts.name} has {facts.frames} frames, its frame times {facts.captured.rows}."
            self.problems.append(Problem("frame_times_differ", text, facts.name))
        if facts.obstacle and facts.usable:
            text = f"{facts.name} cannot be spliced ({facts.obstacle}); its file was remuxed."
            self.problems.append(Problem("remuxed", text, facts.name, harms=False))
        if facts.usable and not facts.starts_with_keyframe:
            text = f"{facts.name} does not start with a keyframe; its first frames may not show."
            self.problems.append(Problem("no_keyframe", text, facts.name))

    # --- holes

    def _first_number(self) -> int:
        first = self.usable[0].number if self.usable else None
        return self.numbers.first(first, self._measured_offset(), self.usual)

    def _measured_offset(self) -> int | None:
        """From the start of the recording to the first usable segment, if it shows."""
        if not self.usable:
            return None
        first = self.usable[0]
        if len(self.usable) > 1 and _runs_on(first, self.usable[1]):
            return self._ticks(first.first_ticks, first)
        if first.captured and self.span.told_us is not None:
            return self._us(first.captured.first_us - self.span.told_us)
        return None

    def _leading_hole(self, base: int) -> int:
        first = self.usable[0]
        hole = self.numbers.hole(base, first.number - 1)
        late_s = self.span.lateness_s(first)
        if late_s is not None:
            late, reasons = self._seconds(late_s), hole.reasons(None)
            if not reasons or self.span.why_late == "joined late":
                reasons.insert(0, self.span.why_late)
            self._add_gap(None, hole, reasons, late, estimated=False)
            return late
        if not hole.names:
            return 0
        measured = self._measured_offset()
        usual = self._expected(None, hole)
        trusted = measured is not None and abs(measured - usual) * 2 < self.usual
        length = measured if trusted and measured is not None else usual
        self._add_gap(None, hole, hole.reasons(None), length, estimated=not trusted)
        return max(length, 0)

    def _follow(self, at: int, before: SegmentFacts, after: SegmentFacts) -> int:
        """When ``after`` starts, if ``before`` starts at ``at``."""
        length = self._length(before)
        hole = self.numbers.between(before, after)
        step, slack = self._measured_step(before, after, length)
        if step is None:
            distance = self._expected(before, hole)
        else:
            distance = step - length
            if abs(distance) <= slack:
                distance = 0
        if hole is not NO_HOLE or before.readability is Readability.CUT:
            distance = max(distance, 0)
            self._add_gap(before, hole, hole.reasons(before), distance, estimated=step is None)
        elif distance * 1000 > NOTICED_GAP_MS * self.second:
            self.gaps.append(Gap(before.name, self._ms(distance), "pause"))
        return at + length + distance

    def _measured_step(
        self, before: SegmentFacts, after: SegmentFacts, length: int
    ) -> tuple[int | None, int]:
        """From start to start as witnessed, and how far that may be rounded; ``length`` is that
        of ``before``."""
        if _runs_on(before, after):
            step = self._ticks(after.first_ticks, after) - self._ticks(before.first_ticks, before)
            slack = self._ticks(before.first_slack_ticks, before)
            slack += self._ticks(after.first_slack_ticks, after)
            return self._checked(step, length, before, after), slack
        if before.captured and after.captured:
            step = self._us(after.captured.first_us - before.captured.first_us)
            return self._checked(step, length, before, after), 0
        return None, 0

    def _checked(
        self, step: int, length: int, before: SegmentFacts, after: SegmentFacts
    ) -> int | None:
        distance = step - length
        too_early = -distance * max(before.frames, 1) > 2 * length  # by more than two frames
        if not too_early and distance <= LONGEST_PAUSE_S * self.second:
            return step
        way = "back" if distance < 0 else "forward"
        text = (
            f"The times jump {way} by {abs(distance) / self.second:.1f} s between {before.name} and "
            f"{after.name}: the clock was set, or one of them belongs to another session. "
            f"{after.name} was placed by the lengths of the segments before it."
        )
        self.problems.append(Problem("clock_jump", text, after.name))
        return None

    def _trailing_hole(self, base: int) -> None:
        last = self.usable[-1]
        hole = self.numbers.hole(last.number + 1, self.numbers.last(base))
        reasons, expected = hole.reasons(last), self._expected(last, hole)
        early_s = self.span.earliness_s(last)
        early = None if early_s is None else self._seconds(early_s)
        if early is not None and early > expected + self._seconds(EARLY_S):
            reasons.append(self.span.why_early)
        if reasons:
            length = expected if early is None else early
            self._add_gap(last, hole, reasons, length, estimated=early is None)

    def _expected(self, before: SegmentFacts | None, hole: Hole) -> int:
        """How long a hole should be, by what its segments say of themselves or by the usual."""
        length = hole.absent * self.usual + sum(map(self._meant, hole.bad))
        if before and before.readability is Readability.CUT:
            length += max(self._meant(before) - self._length(before), 0)
        return length

    def _meant(self, facts: SegmentFacts) -> int:
        """How long a bad segment was before it went bad."""
        if facts.captured and facts.captured.rows > 1:
            rows = facts.captured.rows
            span = self._us(facts.captured.last_us - facts.captured.first_us)
            return span * rows // (rows - 1)
        if facts.declared_ticks:
            return self._ticks(facts.declared_ticks, facts)
        return self.usual

    def _add_gap(
        self,
        before: SegmentFacts | None,
        hole: Hole,
        reasons: Sequence[str],
        length: int,
        *,
        estimated: bool = True,
    ) -> None:
        if reasons:
            after = before.name if before else None
            self.gaps.append(
                Gap(after, self._ms(length), ", ".join(reasons), hole.names, estimated)
            )

    def _ms(self, length: int) -> int:
        return _rounded(length * 1000, self.second)

    # --- parts

    def _parts(self, times: list[int]) -> tuple[Part, ...]:
        parts: list[list[tuple[SegmentFacts, int]]] = []
        for facts, at in zip(self.usable, times, strict=True):
            if not parts or self._needs_new_part(*parts[-1][-1], facts, at):
                parts.append([])
            parts[-1].append((facts, at))
        starts = [0, *(part[0][1] for part in parts[1:])]
        return tuple(map(self._make_part, parts, starts))

    def _make_part(self, segments: list[tuple[SegmentFacts, int]], starts_at: int) -> Part:
        placed = tuple(
            Placement(f, _rounded((at - starts_at) * f.timescale, self.second))
            for f, at in segments
        )
        obstacles = [f"{f.name}: {f.obstacle}" for f, _ in segments if f.obstacle]
        method = "remux" if obstacles else "splice"
        begins = Fraction(starts_at, self.second)
        return Part(placed, begins, method, obstacles[0] if obstacles else "")

    def _needs_new_part(
        self, last: SegmentFacts, last_at: int, facts: SegmentFacts, at: int
    ) -> bool:
        if facts.signature != last.signature:
            text = (
                f"{facts.name} has other video parameters than {last.name}: it starts a new file."
            )
            self.problems.append(Problem("parameters_changed", text, facts.name, harms=False))
            return True
        if (at - last_at) * last.timescale >= MAX_DELTA * self.second:
            text = f"The hole before {facts.name} is too long for one file: it starts a new one."
            self.problems.append(Problem("long_gap", text, facts.name, harms=False))
            return True
        return False


def _runs_on(before: SegmentFacts, after: SegmentFacts) -> bool:
    """Whether the second's timestamps continue the first's, rather than start again."""
    step = after.first_ticks * before.timescale - before.first_ticks * after.timescale
    return step > 0 and step * 2 >= before.duration_ticks * after.timescale


def _rounded(number: int, divisor: int) -> int:
    """The nearest whole number to a quotient; of two, the even one."""
    whole, rest = divmod(number, divisor)
    return whole + (2 * rest > divisor or (2 * rest == divisor and whole % 2))
