"""Cameras that delivered the same files: one of them recorded nothing that is here.

No two cameras make the same file: sensors have noise, and files hold instants. Where two nodes
share a spool, a card was copied, or one machine answers under two names, the files of both are one
camera's, and nearest frames agree to the microsecond. That is no good step but a camera without
pictures. Files are compared byte by byte where name and size are the same, up to the first byte
that differs, so cameras that are two cost next to nothing.
"""

import filecmp
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from ctlr.postprocess.manifest.problem import Problem
from ctlr.postprocess.video.facts import SegmentFacts

_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Twins:
    """Two cameras, and the segments of which both delivered the same file."""

    cameras: tuple[str, str]
    segments: tuple[str, ...]

    def problem(self) -> Problem:
        one, other = self.cameras
        count, named = len(self.segments), ", ".join(self.segments[:_MOST_NAMED])
        more = ", …" if count > _MOST_NAMED else ""
        text = (
            f"{one} and {other} delivered the same file for {count} segments ({named}{more}): the "
            "pictures of one of them are missing. Two nodes share a spool, or one camera has two "
            "names; give each its own."
        )
        return Problem("same_pictures", text)


def find_twins(
    segments: Mapping[str, Sequence[SegmentFacts]], folder_of: Callable[[str], Path]
) -> list[Twins]:
    """Of every two cameras; ``folder_of`` is where a camera's segments lie. A file that cannot be
    read is no twin."""
    found = []
    for one, other in combinations(sorted(segments), 2):
        sizes = {facts.name: facts.size for facts in segments[one] if facts.usable}
        same = tuple(
            facts.name
            for facts in segments[other]
            if sizes.get(facts.name) == facts.size
            and _is_same(folder_of(one) / facts.name, folder_of(other) / facts.name)
        )
        if same:
            found.append(Twins((one, other), same))
    return found


def _is_same(one: Path, other: Path) -> bool:
    try:
        return filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False
