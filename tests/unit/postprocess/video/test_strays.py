"""Files that plainly are segments under other names: which stand in, and of which take they are."""

from dataclasses import replace

import pytest
from tests.unit.postprocess.video.test_placing import gaps, seconds, seg

from ctlr.postprocess.video.facts import Readability, SegmentFacts
from ctlr.postprocess.video.placing import place
from ctlr.postprocess.video.strays import choose


def stray(number: int, name: str, **more: object) -> SegmentFacts:
    return replace(seg(number, name=name, stray=True), **more)  # type: ignore[arg-type]


def names(*found: SegmentFacts) -> list[str]:
    return sorted(facts.name for facts in choose(found).segments)


def said(*found: SegmentFacts) -> list[tuple[str, str | None, bool]]:
    return [(p.code, p.segment, p.harms) for p in choose(found).problems]


@pytest.mark.parametrize("same_size", [True, False])
def test_two_takes_of_a_camera_that_writes_capitals_are_both_joined(*, same_size: bool) -> None:
    first = [stray(n, f"SEG_{n:04d}.take1.MP4", size=5) for n in range(3)]
    size = 5 if same_size else 6
    second = [stray(n, f"SEG_{n:04d}.MP4", take=2, size=size) for n in range(2)]
    found = [*first, *second]
    assert names(*found) == sorted(facts.name for facts in found)
    assert {code for code, _, _ in said(*found)} == {"stray_taken"}
    timeline = place(choose(found).segments)
    assert seconds(timeline) == [0, 10, 20, 30, 40]
    assert [reason for _, _, reason in gaps(timeline)] == ["restarted"]


def test_what_came_late_of_the_take_before_is_joined_beside_one_of_its_name() -> None:
    """It lay on the card when the camera lost its power, and came once that was back."""
    found = [stray(0, "SEG_0000.take1.MP4"), stray(1, "SEG_0001.take2.MP4", take=2)]
    found += [stray(0, "SEG_0000.MP4", take=2), stray(1, "SEG_0001.MP4", take=2, version=2)]
    assert len(names(*found)) == 4
    assert {code for code, _, _ in said(*found)} == {"stray_taken"}


def test_what_another_tool_renamed_is_of_the_take_in_which_it_came() -> None:
    first = [seg(n, size=5) for n in range(2)]
    second = [stray(n, f"seg_{n:04d} (1).mp4", take=2, size=6) for n in range(2)]
    assert len(names(*first, *second)) == 4


def test_a_copy_that_came_later_is_not_joined_and_may_be_another() -> None:
    copied = stray(0, "seg_0000 (1).mp4", take=2, size=5)
    assert names(seg(0, size=5), copied) == ["seg_0000.mp4"]
    assert said(seg(0, size=5), copied) == [("stray_segment", "seg_0000 (1).mp4", True)]
    assert said(seg(0, size=5), replace(copied, take=1)) == [
        ("stray_segment", "seg_0000 (1).mp4", False)
    ]


def test_within_a_take_one_stands_in_for_what_cannot_be_used() -> None:
    broken = SegmentFacts("seg_0001.mp4", 1, 10, 1, Readability.DAMAGED, "why")
    whole = stray(1, "SEG_0001.MP4", size=6)
    assert names(seg(0), broken, whole) == ["SEG_0001.MP4", "seg_0000.mp4"]
    assert names(seg(0), seg(1), whole) == ["seg_0000.mp4", "seg_0001.mp4"]
    assert names(seg(0), replace(seg(1), take=2), whole) == [
        "SEG_0001.MP4",
        "seg_0000.mp4",
        "seg_0001.mp4",
    ]
