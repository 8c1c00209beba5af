"""Which of a camera's segments were recorded in one go, and in which order the goes came. Pure.

A camera counts on for as long as it records, and from 0 or 1 again once it has begun again. What
is known of each file is in which take it was first seen (a start that was told while the session
was going on begins the next one), which of its name it was in there, and its time on the disk.
What was recorded before such a start may arrive after it: a file that goes on where the take before
ended, and came too soon to be of the new one, belongs to the one before.

A file that came again without its camera having begun again is one that was sent again: where it
can be seen to show the same, or the earlier one is not whole, it takes that one's place. Any other
is left out and said, because nothing tells when it was recorded. So is a file of a beginning that
came last of all: it is the sign of a restart that nobody saw only where what came before leaves room
for it until the stop.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import groupby, pairwise

from ctlr.postprocess.manifest.problem import Problem
from ctlr.postprocess.video.facts import Readability, SegmentFacts
from ctlr.postprocess.video.timeline import length_of

_FIRST_NUMBERS = (0, 1)
_LEAST_FULL = 99
"""A counter that runs full has as many nines as it has digits, and two at least."""
_ROOM = Fraction(1, 2)
"""So much of a series has to fit before the stop; a camera may have heard of that late."""


@dataclass(slots=True)
class SegmentSeries:
    """Segments that follow each other by number. ``take`` is the one that it began in; only the
    ``first`` one of a take began when that was told to. ``restarted``: it counts from the beginning."""

    take: int
    first: bool
    restarted: bool
    segments: list[SegmentFacts] = field(default_factory=list)

    @property
    def last(self) -> int:
        return self.segments[-1].number


def sort_series(
    found: Sequence[SegmentFacts],
    begun_s: dict[int, Fraction] | None = None,
    recorded_s: Fraction | None = None,
) -> tuple[list[SegmentSeries], list[Problem]]:
    """The series of a camera in the order of time, and what was not put into any.

    ``begun_s`` says when takes were begun, in Unix seconds, and ``recorded_s`` how long the camera
    can have recorded, both as far as it is known.
    """
    problems: list[Problem] = []
    series: list[SegmentSeries] = []
    found = _unwrap(found)
    for take, files in groupby(sorted(found, key=_order), key=lambda f: f.take):
        begun = (begun_s or {}).get(take)
        series += _sort_take(take, list(files), series[-1] if series else None, begun)
    kept: list[SegmentSeries] = []
    for one in series:
        if kept and _is_sent_again(one, kept) and not _has_restarted(one, kept, recorded_s):
            problems += _take_over(one, kept)
        else:
            kept.append(one)
    return kept, problems


def _unwrap(found: Sequence[SegmentFacts]) -> Sequence[SegmentFacts]:
    """The segments of a camera whose counter ran full (9998, 9999, 0, 1), counted on beyond it."""
    in_time = sorted(found, key=_order)
    falls = [n for n, (a, b) in enumerate(pairwise(in_time), 1) if b.number <= a.number]
    if len(falls) != 1 or len({facts.take for facts in found}) > 1:
        return found
    before, behind = in_time[: falls[0]], in_time[falls[0] :]
    last, first = before[-1].number, behind[0].number
    is_full = last >= _LEAST_FULL and not str(last).strip("9")
    if not is_full or first not in _FIRST_NUMBERS or behind[-1].number >= before[0].number:
        return found
    return [*before, *(replace(facts, number=facts.number + last + 1) for facts in behind)]


def _order(facts: SegmentFacts) -> tuple[int, int, int, int, int, str]:
    name = (len(facts.name), facts.name)
    return (facts.take, facts.mtime_ns, facts.version, facts.number, *name)


def _sort_take(
    take: int, files: list[SegmentFacts], before: SegmentSeries | None, begun: Fraction | None
) -> list[SegmentSeries]:
    """The series that began in a take; what came late of the one before goes there."""
    found: list[SegmentSeries] = []
    if not _numbers_repeat(files):  # a camera's clock may have been set on the way
        files = sorted(files, key=lambda facts: facts.number)
    soonest = _soonest(files, before, begun)
    for facts in files:
        next_to = [one for one in found if one.last + 1 == facts.number]
        goes_on = next(
            (one for one in reversed(next_to) if one.restarted), next_to[-1] if next_to else None
        )
        if before and _belongs_before(facts, before, found, soonest):
            goes_on = before
        if goes_on is None:
            goes_on = next((one for one in found[-1:] if one.last < facts.number), None)
        if goes_on is None:
            goes_on = SegmentSeries(take, not found, _restarts(facts.number, found))
            found.append(goes_on)
        goes_on.segments.append(facts)
    return sorted(found, key=lambda one: max(facts.version for facts in one.segments))


def _belongs_before(
    facts: SegmentFacts,
    before: SegmentSeries,
    found: Sequence[SegmentSeries],
    soonest: Callable[[SegmentFacts], Fraction | None],
) -> bool:
    """Whether a file that came in one take was recorded in the one before."""
    if facts.number <= before.last:
        return False
    at = soonest(facts)
    if at is None or facts.number != before.last + 1:
        return not found and facts.number not in _FIRST_NUMBERS
    return Fraction(facts.mtime_ns, 10**9) < at


def _soonest(
    files: Sequence[SegmentFacts], before: SegmentSeries | None, begun: Fraction | None
) -> Callable[[SegmentFacts], Fraction | None]:
    """When each segment of a take that began at ``begun`` can have been there at the soonest; a
    clock by which the first ones were there before that tells nothing."""
    lengths = sorted(length_of(facts) for facts in files)
    usual = lengths[len(lengths) // 2]
    lowest = min(facts.number for facts in files)
    base = lowest if lowest in _FIRST_NUMBERS or not before else before.segments[0].number

    firsts = [facts for facts in files if facts.number in _FIRST_NUMBERS]
    sane = begun is not None and all(Fraction(f.mtime_ns, 10**9) >= begun for f in firsts)

    def soonest(facts: SegmentFacts) -> Fraction | None:
        if begun is None or not sane:
            return None
        return begun + min(length_of(facts), usual) * (facts.number - base + Fraction(1, 2))

    return soonest


def _restarts(number: int, found: Sequence[SegmentSeries]) -> bool:
    first = found[0].segments[0].number if found else number
    return number in _FIRST_NUMBERS and (number == first or first not in _FIRST_NUMBERS)


def _numbers_repeat(files: Sequence[SegmentFacts]) -> bool:
    return len({facts.number for facts in files}) < len(files)


def _has_restarted(
    one: SegmentSeries, earlier: Sequence[SegmentSeries], recorded_s: Fraction | None
) -> bool:
    """Not one that counts on. Of one that begins again in a take that was told to begin, there is
    no doubt; another may as well have been sent again."""
    if one.first and one.segments[0].number == earlier[0].segments[0].number:
        return True  # it counts from where it did, wherever that is
    if not one.restarted or one.first:
        return one.restarted
    in_its_take = [
        facts for before in earlier if before.take == one.take for facts in before.segments
    ]
    if (
        _shows_the_same(one, in_its_take)
        or _completes(one, in_its_take)
        or not _has_room(one, earlier, recorded_s)
    ):
        return False
    # Not a first segment that came alone while its camera went on where it was.
    alone = one.segments[0].mtime_ns
    return len(one.segments) > 1 or not any(facts.mtime_ns > alone for facts in in_its_take)


def _shows_the_same(one: SegmentSeries, before: Sequence[SegmentFacts]) -> bool:
    """Whether its frames were taken when those of a file before were."""
    times = {facts.captured.first_us for facts in before if facts.captured}
    return any(facts.captured and facts.captured.first_us in times for facts in one.segments)


def _completes(one: SegmentSeries, before: Sequence[SegmentFacts]) -> bool:
    """Whether it is whole where what came before under its numbers is not: as of a transfer that broke
    off and left what it had, and was made again."""
    whole = {facts.number for facts in before if facts.readability is Readability.WHOLE}
    return all(
        facts.readability is Readability.WHOLE and facts.number not in whole
        for facts in one.segments
    )


def _has_room(
    one: SegmentSeries, earlier: Sequence[SegmentSeries], recorded_s: Fraction | None
) -> bool:
    """Whether a camera can have recorded it after all that came before, and before the stop."""
    if recorded_s is None or any(facts.captured for facts in one.segments):
        return True
    before = sum(map(_recorded_s, earlier), Fraction(0))
    return before + _ROOM * _recorded_s(one) <= recorded_s


def _recorded_s(series: SegmentSeries) -> Fraction:
    """How long a series is, with the segments that are missing in it."""
    lengths = sorted(map(length_of, series.segments))
    missing = series.last - series.segments[0].number + 1 - len(lengths)
    return sum(lengths, Fraction(0)) + max(missing, 0) * lengths[len(lengths) // 2]


def _is_sent_again(one: SegmentSeries, earlier: Sequence[SegmentSeries]) -> bool:
    numbers = {facts.number for before in earlier for facts in before.segments}
    return all(facts.number in numbers for facts in one.segments)


def _take_over(again: SegmentSeries, earlier: Sequence[SegmentSeries]) -> list[Problem]:
    problems = []
    for facts in again.segments:
        for series in earlier:
            for at, known in enumerate(series.segments):
                if known.number == facts.number:
                    series.segments[at], problem = _choose(known, facts)
                    problems.append(problem)
    return problems


def _choose(known: SegmentFacts, again: SegmentFacts) -> tuple[SegmentFacts, Problem]:
    """The one of two files of one number that is joined."""
    same = known.captured and again.captured and _starts(known) == _starts(again)
    better = again.readability is Readability.WHOLE and known.readability is not Readability.WHOLE
    if again.usable and (same or better or not known.usable):
        text = f"{again.name} was sent again with other bytes, and joined; {known.name} is kept."
        return again, Problem("sent_again", text, known.name, harms=False)
    text = (
        f"{again.name} has the same number as {known.name} and other bytes; it was left out, as "
        "nothing tells when it was recorded. Both are kept."
    )
    return known, Problem("duplicate_number", text, again.name, harms=again.usable)


def _starts(facts: SegmentFacts) -> int | None:
    return facts.captured.first_us if facts.captured else None
