"""Where each segment of one node stands on the timeline, what is missing, and what is odd. Pure.

Presentation times keep real time. The distance between two neighbours comes from the best
witness there is, in this order:

1. their running timestamps, where the second's run on from the first's;
2. the capture times of their sidecars;
3. the sum of what came before, with the usual segment length for each segment that is missing.

Time 0 is the first frame, or the session's start for a camera that began after it (``span``).
A hole is never closed: what is missing, empty, damaged or cut leaves its length on the timeline
and a ``Gap``. Times are exact fractions of a second until they are turned into ticks, so nothing
is rounded twice. A segment with other parameters than the one before starts a new part, as does
a hole that is longer than a sample can last in the media timescale.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice

from ctlr.ingest.layout import segment_name
from ctlr.postprocess.facts import Readability, SegmentFacts
from ctlr.postprocess.mp4.merge import MAX_DELTA
from ctlr.postprocess.span import EARLY_S, Span
from ctlr.postprocess.timeline import Gap, Part, Placement, Problem, Timeline, length_of

NOTICED_GAP = Fraction(1, 10)
"""A pause between two whole neighbours is a gap from this many seconds on."""
LONGEST_PAUSE = Fraction(24 * 3600)
"""Capture times that jump further than this say that the clock was set, not that time passed."""
_FIRST_NUMBERS = (0, 1)
_MAX_NAMED = 100


@dataclass(slots=True)
class _Hole:
    """What stands between two usable segments (or before the first, or after the last)."""

    bad: list[SegmentFacts] = field(default_factory=list)
    absent: int = 0
    named: list[int] = field(default_factory=list)  # the first of the absent numbers

    @property
    def names(self) -> tuple[str, ...]:
        named = [(f.number, f.name) for f in self.bad]
        named += [(number, segment_name(number)) for number in self.named]
        return tuple(name for _, name in sorted(named))

    def reasons(self, before: SegmentFacts | None) -> list[str]:
        cut = ["cut"] if before and before.readability is Readability.CUT else []
        bad = [str(f.readability) for f in self.bad]
        return list(dict.fromkeys([*cut, *bad, *(["missing"] if self.absent else [])]))


def place(
    found: Sequence[SegmentFacts], segments_total: int | None = None, span: Span | None = None
) -> Timeline:
    """Place one node's segments.

    ``segments_total`` is how many the node says it made, ``span`` when it should have recorded.
    """
    return _Placer(found, segments_total, span or Span()).run()


class _Placer:
    def __init__(self, found: Sequence[SegmentFacts], total: int | None, span: Span) -> None:
        self.gaps: list[Gap] = []
        self.problems: list[Problem] = []
        self.all = self._unique(sorted(found, key=lambda f: (f.number, len(f.name), f.name)))
        self.usable = [f for f in self.all if f.usable]
        self.total = total
        self.span = span
        self.usual = _usual_length(self.usable)

    def run(self) -> Timeline:
        for facts in self.all:
            self._note(facts)
        base = self._first_number()
        if not self.usable:
            hole = self._hole(base, self._last_number(base))
            self._add_gap(None, hole, hole.reasons(None), self._expected(None, hole))
            return Timeline((), tuple(self.gaps), tuple(self.problems))
        times = [self._leading_hole(base)]
        for before, after in zip(self.usable, self.usable[1:], strict=False):
            times.append(self._follow(times[-1], before, after))
        self._trailing_hole(base)
        return Timeline(self._parts(times), tuple(self.gaps), tuple(self.problems))

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
        if facts.obstacle:
            text = f"{facts.name} cannot be spliced ({facts.obstacle}); its file was remuxed."
            self.problems.append(Problem("remuxed", text, facts.name, harms=False))
        if facts.usable and not facts.starts_with_keyframe:
            text = f"{facts.name} does not start with a keyframe; its first frames may not show."
            self.problems.append(Problem("no_keyframe", text, facts.name))

    # --- numbers

    def _hole(self, first: int, last: int) -> _Hole:
        """What is not usable among the numbers ``first`` to ``last``."""
        low = bisect_left(self.all, first, key=lambda f: f.number)
        high = bisect_right(self.all, last, key=lambda f: f.number)
        inside = self.all[low:high]
        present = {f.number for f in inside}
        absent = (n for n in range(first, last + 1) if n not in present)
        return _Hole(
            [f for f in inside if not f.usable],
            max(last - first + 1, 0) - len(inside),
            list(islice(absent, _MAX_NAMED)),
        )

    def _first_number(self) -> int:
        """The number that this node counts from: 0 or 1, whatever fits what is known."""
        if not self.all:
            return 0
        lowest, highest = self.all[0].number, self.all[-1].number
        offset = self._measured_offset()
        if offset is not None and self.usual and self.usable:
            for base in _FIRST_NUMBERS:
                before = self.usable[0].number - base
                if before >= 0 and abs(offset - before * self.usual) * 2 < self.usual:
                    return base
        if self.total is not None and highest - self.total + 1 in _FIRST_NUMBERS:
            return min(highest - self.total + 1, lowest)
        return lowest if lowest in _FIRST_NUMBERS else 0

    def _last_number(self, base: int) -> int:
        highest = self.all[-1].number if self.all else base - 1
        return max(highest, base + self.total - 1) if self.total is not None else highest

    def _measured_offset(self) -> Fraction | None:
        """Seconds from the start of the recording to the first usable segment, if it shows."""
        if not self.usable:
            return None
        first = self.usable[0]
        if len(self.usable) > 1 and _runs_on(first, self.usable[1]):
            return Fraction(first.first_ticks, first.timescale)
        if first.captured and self.span.told_us is not None:
            return Fraction(first.captured.first_us - self.span.told_us, 1_000_000)
        return None

    # --- holes

    def _leading_hole(self, base: int) -> Fraction:
        first = self.usable[0]
        hole = self._hole(base, first.number - 1)
        late = self.span.lateness_s(first)
        if late is not None:
            reasons = hole.reasons(None)
            if not reasons or self.span.why_late == "joined late":
                reasons.insert(0, self.span.why_late)
            self._add_gap(None, hole, reasons, late, estimated=False)
            return late
        if not hole.names:
            return Fraction(0)
        measured = self._measured_offset()
        usual = self._expected(None, hole)
        trusted = measured is not None and abs(measured - usual) * 2 < self.usual
        length = measured if trusted and measured is not None else usual
        self._add_gap(None, hole, hole.reasons(None), length, estimated=not trusted)
        return max(length, Fraction(0))

    def _follow(self, at: Fraction, before: SegmentFacts, after: SegmentFacts) -> Fraction:
        """When ``after`` starts, if ``before`` starts at ``at``."""
        end = at + length_of(before)
        hole = self._hole(before.number + 1, after.number - 1)
        expected = self._expected(before, hole)
        step, slack = self._measured_step(before, after)
        if step is None:
            distance = expected
        else:
            distance = step - length_of(before)
            if abs(distance) <= slack:
                distance = Fraction(0)
        if hole.names or before.readability is Readability.CUT:
            distance = max(distance, Fraction(0))
            self._add_gap(before, hole, hole.reasons(before), distance, estimated=step is None)
        elif distance > NOTICED_GAP:
            self.gaps.append(Gap(before.name, _ms(distance), "pause"))
        return end + distance

    def _measured_step(
        self, before: SegmentFacts, after: SegmentFacts
    ) -> tuple[Fraction | None, Fraction]:
        """Seconds from start to start as witnessed, and how far that may be rounded."""
        if _runs_on(before, after):
            step = Fraction(after.first_ticks, after.timescale)
            step -= Fraction(before.first_ticks, before.timescale)
            slack = Fraction(before.first_slack_ticks, before.timescale)
            slack += Fraction(after.first_slack_ticks, after.timescale)
            return self._checked(step, before, after), slack
        if before.captured and after.captured:
            step = Fraction(after.captured.first_us - before.captured.first_us, 1_000_000)
            return self._checked(step, before, after), Fraction(0)
        return None, Fraction(0)

    def _checked(
        self, step: Fraction, before: SegmentFacts, after: SegmentFacts
    ) -> Fraction | None:
        distance = step - length_of(before)
        if -2 * _frame(before) <= distance <= LONGEST_PAUSE:
            return step
        way = "back" if distance < 0 else "forward"
        text = (
            f"The times jump {way} by {abs(float(distance)):.1f} s between {before.name} and "
            f"{after.name}: the clock was set, or one of them belongs to another session. "
            f"{after.name} was placed by the lengths of the segments before it."
        )
        self.problems.append(Problem("clock_jump", text, after.name))
        return None

    def _trailing_hole(self, base: int) -> None:
        last = self.usable[-1]
        hole = self._hole(last.number + 1, self._last_number(base))
        reasons, expected = hole.reasons(last), self._expected(last, hole)
        early = self.span.earliness_s(last)
        if early is not None and early > expected + EARLY_S:
            reasons.append(self.span.why_early)
        if reasons:
            length = expected if early is None else early
            self._add_gap(last, hole, reasons, length, estimated=early is None)

    def _expected(self, before: SegmentFacts | None, hole: _Hole) -> Fraction:
        """How long a hole should be, by what its segments say of themselves or by the usual."""
        length = hole.absent * self.usual
        length += sum((self._meant(f) for f in hole.bad), Fraction(0))
        if before and before.readability is Readability.CUT:
            length += max(self._meant(before) - length_of(before), Fraction(0))
        return length

    def _meant(self, facts: SegmentFacts) -> Fraction:
        """How long a bad segment was before it went bad."""
        if facts.captured and facts.captured.rows > 1:
            span = Fraction(facts.captured.last_us - facts.captured.first_us, 1_000_000)
            return span * facts.captured.rows / (facts.captured.rows - 1)
        if facts.declared_ticks:
            return Fraction(facts.declared_ticks, facts.timescale)
        return self.usual

    def _add_gap(
        self,
        before: SegmentFacts | None,
        hole: _Hole,
        reasons: Sequence[str],
        length: Fraction,
        *,
        estimated: bool = True,
    ) -> None:
        if reasons:
            after = before.name if before else None
            self.gaps.append(Gap(after, _ms(length), ", ".join(reasons), hole.names, estimated))

    # --- parts

    def _parts(self, times: list[Fraction]) -> tuple[Part, ...]:
        parts: list[list[tuple[SegmentFacts, Fraction]]] = []
        for facts, at in zip(self.usable, times, strict=True):
            if not parts or self._needs_new_part(*parts[-1][-1], facts, at):
                parts.append([])
            parts[-1].append((facts, at))
        origin = Fraction(0)
        return tuple(
            _make_part(part, origin if n == 0 else part[0][1]) for n, part in enumerate(parts)
        )

    def _needs_new_part(
        self, last: SegmentFacts, last_at: Fraction, facts: SegmentFacts, at: Fraction
    ) -> bool:
        if facts.signature != last.signature:
            text = (
                f"{facts.name} has other video parameters than {last.name}: it starts a new file."
            )
            self.problems.append(Problem("parameters_changed", text, facts.name, harms=False))
            return True
        if (at - last_at) * last.timescale >= MAX_DELTA:
            text = f"The hole before {facts.name} is too long for one file: it starts a new one."
            self.problems.append(Problem("long_gap", text, facts.name, harms=False))
            return True
        return False


def _make_part(segments: list[tuple[SegmentFacts, Fraction]], starts_at: Fraction) -> Part:
    placed = tuple(Placement(f, round((at - starts_at) * f.timescale)) for f, at in segments)
    obstacles = [f"{f.name}: {f.obstacle}" for f, _ in segments if f.obstacle]
    method = "remux" if obstacles else "splice"
    return Part(placed, starts_at, method, obstacles[0] if obstacles else "")


def _runs_on(before: SegmentFacts, after: SegmentFacts) -> bool:
    """Whether the second's timestamps continue the first's, rather than start again."""
    step = Fraction(after.first_ticks, after.timescale)
    step -= Fraction(before.first_ticks, before.timescale)
    return step * 2 >= length_of(before) and step > 0


def _frame(facts: SegmentFacts) -> Fraction:
    return length_of(facts) / max(facts.frames, 1)


def _usual_length(usable: Sequence[SegmentFacts]) -> Fraction:
    """The usual length of a segment: the median of the whole ones, without the last."""
    whole = [length_of(f) for f in usable if f.readability is Readability.WHOLE]
    whole = whole[:-1] or whole
    return sorted(whole)[len(whole) // 2] if whole else Fraction(0)


def _ms(seconds: Fraction) -> int:
    return round(seconds * 1000)
