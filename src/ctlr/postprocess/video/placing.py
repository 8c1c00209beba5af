"""Where each segment of one node stands on the timeline, what is missing, and what is odd. Pure.

Presentation times keep real time. The distance between two neighbours comes from the best
witness there is, in this order:

1. their running timestamps, where the second's run on from the first's;
2. the capture times of their sidecars;
3. across a restart, when the camera was told to begin again;
4. the sum of what came before, with the usual segment length for each segment that is missing.

Time 0 is the first frame, or the session's start for a camera that began after it (``span``).
A hole is never closed: what is missing, empty, damaged or cut leaves its length on the timeline
and a ``Gap``. What was recorded after the session's stop is left out (``ending``). Times are counted
in the units of ``lengths`` until they are turned into ticks, so nothing is rounded twice.
"""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from ctlr.postprocess.manifest.problem import Problem
from ctlr.postprocess.video.ending import Ending, end_at_stop
from ctlr.postprocess.video.facts import Readability, SegmentFacts
from ctlr.postprocess.video.holes import NO_HOLE, Hole, Numbers
from ctlr.postprocess.video.lengths import Lengths
from ctlr.postprocess.video.oddities import find_odd_rates, find_oddities
from ctlr.postprocess.video.parts import make_parts
from ctlr.postprocess.video.span import SHORT_S, Span
from ctlr.postprocess.video.takes import SegmentSeries, sort_series
from ctlr.postprocess.video.timeline import Gap, Placement, Timeline

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
    if order_of(facts) <= order_of(last.facts) or facts.number <= last.facts.number:
        return None
    parts = place([last.facts, facts]).parts
    if len(parts) != 1:
        return None
    first, second = parts[0].segments
    return Placement(facts, last.at_ticks + second.at_ticks - first.at_ticks)


def order_of(facts: SegmentFacts) -> tuple[int, int]:
    """What a follower takes for the order in time."""
    return facts.take, facts.number


class _Go:
    """The segments of one series, of which any is ``usable``."""

    def __init__(self, series: SegmentSeries, total: int | None) -> None:
        self.series = series
        self.usable = [f for f in series.segments if f.usable]
        self.numbers = Numbers(series.segments, total)


class _Placer:
    """Positions are counted like ``lengths``; there are ``second`` units in a second."""

    def __init__(self, found: Sequence[SegmentFacts], total: int | None, span: Span) -> None:
        self.gaps: list[Gap] = []
        self.span = span
        series, self.problems = sort_series(found, _in_unix_seconds(span), span.recordable_s)
        goes = [_Go(one, total if len(series) == 1 else None) for one in series]
        self.goes = _in_time([go for go in goes if go.usable] or goes[:1])
        self.all = [facts for one in series for facts in one.segments]
        self.usable = [facts for go in self.goes for facts in go.usable]
        self.lengths = Lengths(self.all, self.usable)
        self.second, self.usual = self.lengths.second, self.lengths.usual

    def run(self) -> Timeline:
        self.problems += [problem for facts in self.all for problem in find_oddities(facts)]
        self.problems += find_odd_rates(self.usable)
        if not self.usable:
            for go in self.goes:
                hole = go.numbers.hole(self._base(go), go.numbers.last(self._base(go)))
                self._add_gap(None, hole, hole.reasons(None), self.lengths.expected(None, hole))
            return Timeline((), tuple(self.gaps), tuple(self.problems))
        times: list[int] = []
        for number, go in enumerate(self.goes):
            before = self.goes[number - 1] if number else None
            times.append(self._begin_again(before, go, times[-1]) if before else self._begin(go))
            for earlier, later in pairwise(go.usable):
                times.append(self._follow(go.numbers, times[-1], earlier, later))
        ending = end_at_stop(list(zip(self.usable, times, strict=True)), self.span, self.second)
        self._end(ending, times)
        parts, odd = make_parts(ending.kept, self.second)
        left = tuple(facts.name for facts in ending.left)
        problems = (*self.problems, *odd, *ending.problems)
        return Timeline(parts, tuple(self.gaps), problems, left, ending.cut)

    def _base(self, go: _Go) -> int:
        """The number that a series counts from: 0 or 1, or any other where there was no time for what
        would be missing then, as of a camera that counts on from session to session."""
        first = go.usable[0].number if go.usable else None
        offset = self._measured_offset(go)
        base = go.numbers.first(first, offset, self.usual)
        if first is None or first == base:
            return base
        lead = (first - base) * self.usual
        nothing_before = offset is not None and abs(offset) * 2 < self.usual
        if nothing_before or (offset is None and lead > self._most(lead)):
            return go.series.segments[0].number
        return base

    def _most(self, guessed: int) -> int:
        """How long a hole can be at most that is ``guessed`` to be so long: what is here has been
        recorded too, and before the stop."""
        if self.span.recordable_s is None:
            return guessed
        recorded = sum(map(self.lengths.of, self.usable))
        room = max(self.lengths.seconds(self.span.recordable_s) - recorded, 0)
        return guessed if guessed <= room + self.usual // 2 else room

    def _measured_offset(self, go: _Go) -> int | None:
        """From the start of a series to its first usable segment, if it shows."""
        if not go.usable:
            return None
        first = go.usable[0]
        if len(go.usable) > 1 and _runs_on(first, go.usable[1]):
            return self.lengths.ticks(first.first_ticks, first)
        if first.captured and self.span.told_us is not None and go is self.goes[0]:
            return self.lengths.us(first.captured.first_us - self.span.told_us)
        return None

    def _begin(self, go: _Go) -> int:
        """When the first segment of all starts."""
        first = go.usable[0]
        hole = go.numbers.hole(self._base(go), first.number - 1)
        late_s = self.span.lateness_s(first)
        length, estimated = self._leading_length(go, hole)
        if late_s is not None:
            late, reasons = self.lengths.seconds(late_s), hole.reasons(None)
            if not reasons or self.span.why_late == "joined late":
                reasons.insert(0, self.span.why_late)
            if not self.span.shows_lateness(first):
                late += length  # from when it was told to begin
            self._add_gap(None, hole, reasons, late, estimated=False)
            return late
        self._add_gap(None, hole, hole.reasons(None), length, estimated=estimated)
        return length

    def _leading_length(self, go: _Go, hole: Hole) -> tuple[int, bool]:
        """How long what is missing at the start of a series is, and whether that is a guess."""
        if not hole.names:
            return 0, False
        measured, usual = self._measured_offset(go), self.lengths.expected(None, hole)
        if measured is not None and abs(measured - usual) * 2 < self.usual:
            return max(measured, 0), False
        return max(usual, 0), True

    def _begin_again(self, earlier: _Go, go: _Go, at: int) -> int:
        """When a camera's next series starts, if the last segment of the one before starts at
        ``at``."""
        before, after = earlier.usable[-1], go.usable[0]
        end = at + self.lengths.of(before)
        tail = earlier.numbers.hole(before.number + 1, earlier.numbers.last(self._base(earlier)))
        lead = go.numbers.hole(self._base(go), after.number - 1)
        lost = self._leading_length(go, lead)[0]
        starts = self._began_again_at(go, before, after, at)
        if starts is None:
            text = (
                f"The camera began again with {after.name}, and nothing tells when: what follows "
                "was placed right after what came before."
            )
            self.problems.append(Problem("restart_unseen", text, after.name))
        known = starts is not None
        starts = end + self.lengths.expected(before, tail) if starts is None else starts
        reasons = list(dict.fromkeys(["restarted", *tail.reasons(before), *lead.reasons(None)]))
        distance = max(starts + (0 if self._both_captured(before, after) else lost) - end, 0)
        both = Hole([*tail.bad, *lead.bad], tail.absent + lead.absent, [*tail.named, *lead.named])
        self._add_gap(before, both, reasons, distance, estimated=not known)
        return end + distance

    def _began_again_at(
        self, go: _Go, before: SegmentFacts, after: SegmentFacts, at: int
    ) -> int | None:
        """By the times of the frames, else by when the camera was told to."""
        if self._both_captured(before, after):
            step, _ = self._measured_step(before, after, self.lengths.of(before), runs_on=False)
            return None if step is None else at + step
        begun_s = self.span.begun_s.get(go.series.take) if go.series.first else None
        return None if begun_s is None else self.lengths.seconds(begun_s)

    @staticmethod
    def _both_captured(before: SegmentFacts, after: SegmentFacts) -> bool:
        return before.captured is not None and after.captured is not None

    def _follow(self, numbers: Numbers, at: int, before: SegmentFacts, after: SegmentFacts) -> int:
        """When ``after`` starts, if ``before`` starts at ``at``."""
        length = self.lengths.of(before)
        hole = numbers.between(before, after)
        step, slack = self._measured_step(before, after, length)
        if step is None:
            distance = self._most(self.lengths.expected(before, hole))
        else:
            distance = step - length
            if abs(distance) <= slack:
                distance = 0
        if hole is not NO_HOLE or before.readability is Readability.CUT:
            distance = max(distance, 0)
            self._add_gap(before, hole, hole.reasons(before), distance, estimated=step is None)
        elif distance * 1000 > NOTICED_GAP_MS * self.second:
            self.gaps.append(Gap(before.name, self.lengths.ms(distance), "pause"))
        return at + length + distance

    def _measured_step(
        self, before: SegmentFacts, after: SegmentFacts, length: int, *, runs_on: bool = True
    ) -> tuple[int | None, int]:
        """From start to start as witnessed, and how far that may be rounded; ``length`` is that
        of ``before``."""
        if runs_on and _runs_on(before, after):
            step = self.lengths.ticks(after.first_ticks, after) - self.lengths.ticks(
                before.first_ticks, before
            )
            slack = self.lengths.ticks(before.first_slack_ticks, before)
            slack += self.lengths.ticks(after.first_slack_ticks, after)
            return self._checked(step, length, before, after), slack
        if before.captured and after.captured:
            step = self.lengths.us(after.captured.first_us - before.captured.first_us)
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

    def _end(self, ending: Ending, times: list[int]) -> None:
        """Say what is missing up to the stop; holes behind it are none of the session's."""
        if not ending.kept:
            self._miss_all(ending.left[0], times[0])
            return
        last, at = ending.kept[-1]
        ends_behind = bool(ending.left or ending.cut or last.after_stop_ticks)
        if ends_behind:
            behind = {facts.name for facts in (last, *ending.left)}
            self.gaps = [gap for gap in self.gaps if gap.after_segment not in behind]
        holes = len(self.gaps)
        if ending.cut is None:
            self._trailing_hole(last, at, None if ends_behind else self.span.stopped_s)
        if len(self.gaps) == holes and self.span.length_s is not None:
            self._prove_the_end(last, times[-1], ends_behind=ends_behind)

    def _prove_the_end(self, last: SegmentFacts, at: int, *, ends_behind: bool) -> None:
        """A video that reaches to the stop may have begun late and gone on for longer."""
        newest, stopped_s = self.usable[-1], self.span.stopped_s
        if self.span.tells_time(newest):
            return
        if stopped_s is None:
            text = (
                "It did not confirm the stop and sent no frame times: its video is long enough, but "
                "nothing tells whether it began in time or later, and recorded on."
            )
            self.problems.append(Problem("end_unproven", text))
        elif ends_behind:
            short_s = self.span.shortness_s(newest, Fraction(at, self.second), stopped_s)
            if short_s is not None:
                self.gaps.append(
                    Gap(last.name, self.lengths.ms(self.lengths.seconds(short_s)), "short")
                )

    def _miss_all(self, first: SegmentFacts, at: int) -> None:
        """All that there is was recorded after the stop."""
        remaining = self.span.remaining_s(first, Fraction(at, self.second)) or Fraction(0)
        reason = self.gaps[0].reason if self.gaps else self.span.why_late
        self.gaps = [
            Gap(None, self.lengths.ms(max(at + self.lengths.seconds(remaining), 0)), reason)
        ]

    def _trailing_hole(self, last: SegmentFacts, at: int, until_s: Fraction | None) -> None:
        go = next(go for go in self.goes if any(facts is last for facts in go.usable))
        hole = go.numbers.hole(last.number + 1, go.numbers.last(self._base(go)))
        reasons, expected = hole.reasons(last), self.lengths.expected(last, hole)
        short_s = self.span.shortness_s(last, Fraction(at, self.second), until_s)
        short = None if short_s is None else self.lengths.seconds(short_s)
        if (
            short_s is not None
            and short is not None
            and short > expected + self.lengths.seconds(SHORT_S)
        ):
            tells = self.span.tells_time(last)
            reasons.append(self.span.why_early if tells else self.span.why_short(short_s))
        if reasons:
            length = expected if short is None else short
            self._add_gap(last, hole, reasons, length, estimated=short is None)

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
                Gap(after, self.lengths.ms(length), ", ".join(reasons), hole.names, estimated)
            )


def _runs_on(before: SegmentFacts, after: SegmentFacts) -> bool:
    """Whether the second's timestamps continue the first's, rather than start again."""
    step = after.first_ticks * before.timescale - before.first_ticks * after.timescale
    return step > 0 and step * 2 >= before.duration_ticks * after.timescale


def _in_time(goes: list[_Go]) -> list[_Go]:
    """In the order of their frames' times where all have them; else in that of the takes."""
    times = [go.usable[0].captured for go in goes if go.usable]
    if len(times) < len(goes) or not all(times):
        return goes
    order = sorted(
        zip(times, goes, strict=True), key=lambda pair: pair[0].first_us if pair[0] else 0
    )
    return [go for _, go in order]


def _in_unix_seconds(span: Span) -> dict[int, Fraction]:
    """When takes were told to begin, by the times that files have."""
    if span.begin_us is None:
        return {}
    return {take: Fraction(span.begin_us, 10**6) + at_s for take, at_s in span.begun_s.items()}
