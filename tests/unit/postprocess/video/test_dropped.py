"""Counting the frames that a camera dropped."""

from fractions import Fraction

import pytest
from tests.unit.postprocess.video.test_placing import seg

from ctlr.postprocess.video.dropped import dropped_frames
from ctlr.postprocess.video.facts import CaptureTimes
from ctlr.postprocess.video.timeline import Part, Placement


def part(*numbers: tuple[int, int, int] | None) -> Part:
    """Segments of which the first and last frame's number and the rows are given."""
    found = []
    for index, given in enumerate(numbers):
        captured = CaptureTimes(given[2], 1, 2, (given[0], given[1])) if given else None
        found.append(Placement(seg(index, captured=captured), 0))
    return Part(tuple(found), Fraction(0), "splice")


@pytest.mark.parametrize(
    ("numbers", "count"),
    [
        ([(0, 299, 300), (300, 599, 300)], 0),
        ([(0, 299, 298), (300, 599, 300)], 2),
        ([(0, 299, 300), (303, 599, 297)], 3),
        ([(0, 299, 300), (0, 299, 299)], 1),
        ([(5, 299, 295)], 0),
        ([(0, 299, 300), None, (610, 899, 290)], 0),
        ([None, None], None),
    ],
    ids=["none", "within", "between", "from_0_each", "late", "unknown_between", "untold"],
)
def test_missing_numbers(numbers: list[tuple[int, int, int] | None], count: int | None) -> None:
    assert dropped_frames(part(*numbers), set()) == count


def test_what_a_gap_swallowed_is_not_counted() -> None:
    assert dropped_frames(part((0, 299, 300), (900, 1199, 300)), {"seg_0000.mp4"}) == 0


def test_a_sidecar_without_numbers() -> None:
    facts = seg(0, captured=CaptureTimes(300, 1, 2))
    assert dropped_frames(Part((Placement(facts, 0),), Fraction(0), "splice"), set()) is None
