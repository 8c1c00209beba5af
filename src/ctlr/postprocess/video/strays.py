"""Files that plainly are segments under a name that is not quite right. Pure.

A copy by way of a FAT card writes names in capitals, a browser adds "(1)", a broken copy has ``.part``
at its end. One that is whole stands in where the segment itself is missing, cut or damaged, in the
take in which it came: of a camera that began again it may be one that another tool saved from being
replaced. Every other is named, and the session is not called complete: nobody knows what it holds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ctlr.layout.raw import held_name, parse_segment_name, parse_stray_segment
from ctlr.postprocess.manifest.problem import Problem
from ctlr.postprocess.video.facts import Readability, SegmentFacts


@dataclass(frozen=True, slots=True)
class Choice:
    """The segments to be joined, and what there is to say of the others."""

    segments: tuple[SegmentFacts, ...]
    problems: tuple[Problem, ...]


def choose(found: Sequence[SegmentFacts]) -> Choice:
    """Take strays where they fill a hole."""
    segments = {facts.name: facts for facts in found if not facts.stray}
    problems = []
    for stray in sorted((f for f in found if f.stray), key=_worth, reverse=True):
        own = _of_its_number(stray, segments.values())
        if stray.readability is Readability.WHOLE and not any(_is_better(f, stray) for f in own):
            for facts in own:
                del segments[facts.name]
            segments[stray.name] = stray
            problems.append(_taken(stray, own))
        else:
            problems.append(_left_out(stray, own))
    return Choice(tuple(segments.values()), tuple(problems))


def _of_its_number(stray: SegmentFacts, segments: Iterable[SegmentFacts]) -> list[SegmentFacts]:
    """The segments under other names that a stray may be another form of: those of its take, else
    one as large. Two that came under one name were compared when they came: they are two (``takes``)."""
    name = held_name(stray.name)
    same = [f for f in segments if f.number == stray.number and held_name(f.name) != name]
    own = [facts for facts in same if facts.take == stray.take]
    return own or [facts for facts in same if facts.size == stray.size]


def name_strays(names: Sequence[str]) -> list[Problem]:
    """What lies beside the segments and is not looked into."""
    return [_name(name) for name in names]


def _name(name: str) -> Problem:
    if parse_segment_name(name) is None and parse_stray_segment(name) is None:
        text = f"{name} is neither a segment nor a sidecar."
        return Problem("stray_file", text, name, harms=False)
    text = f"{name} has a segment's name and is no file that can be joined; it was left out."
    return Problem("stray_segment", text, name)


def _worth(stray: SegmentFacts) -> tuple[int, int]:
    return stray.frames, stray.size


def _is_better(own: SegmentFacts, stray: SegmentFacts) -> bool:
    return own.readability is Readability.WHOLE or (own.usable and own.frames > stray.frames)


def _taken(stray: SegmentFacts, own: Sequence[SegmentFacts]) -> Problem:
    instead = ", ".join(f"{facts.name}, which is {facts.readability}" for facts in own)
    take = f" of take {stray.take}" if stray.take > 1 else ""
    text = f"{stray.name} was taken as segment {stray.number}{take}"
    text += (
        f" in the place of {instead}." if instead else ", which is not there under its own name."
    )
    return Problem("stray_taken", text, stray.name, harms=False)


def _left_out(stray: SegmentFacts, own: Sequence[SegmentFacts]) -> Problem:
    if stray.readability is not Readability.WHOLE:
        text = (
            f"{stray.name} looks like segment {stray.number} and is {stray.readability} "
            f"({stray.reason}); it was left out."
        )
        return Problem("stray_segment", text, stray.name)
    copied = any((facts.size, facts.take) == (stray.size, stray.take) for facts in own)
    text = f"{stray.name} looks like a copy of {own[0].name}, which was taken; it was left out."
    return Problem("stray_segment", text, stray.name, harms=not copied)
