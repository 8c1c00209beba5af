"""Examining segments: remembered, cut short, and with sidecars that come and go."""

from collections.abc import Callable

import pytest
from tests.unit.postprocess.mp4 import Film, fragmented, plain
from tests.unit.postprocess.rig import UUID, Rig

from ctlr.layout.raw import LoggingLayout
from ctlr.postprocess.video.examine import Examiner
from ctlr.postprocess.video.facts import CaptureTimes, Readability, SegmentFacts
from ctlr.postprocess.video.scan import scan_node


def examine(rig: Rig, examiner: Examiner) -> list[SegmentFacts]:
    layout = LoggingLayout(rig.logging)
    return examiner.examine_node(rig.node(), scan_node(layout, "cam-a", UUID))


@pytest.mark.parametrize("make", [plain, fragmented])
def test_what_proves_unreadable_is_remembered(rig: Rig, make: Callable[[Film], bytes]) -> None:
    rig.record(make=make, numbers=range(1))
    examiner, path = Examiner(), rig.node() / "seg_0000.mp4"
    assert examine(rig, examiner)[0].frames == 30
    media_at = examiner.tables(path).media[0][0]
    examiner.cut_at(path, media_at + 200, "Input/output error")
    (cut,) = examine(rig, examiner)
    assert (cut.readability, cut.duration_ticks) == (Readability.CUT, cut.frames * 3000)
    assert 0 < cut.frames < 10
    assert cut.declared_ticks == 90_000
    assert "Input/output error" in cut.reason
    assert sum(length for _, length in examiner.tables(path).media) == 200
    examiner.cut_at(path, media_at, "Input/output error")
    assert examine(rig, examiner)[0].readability is Readability.DAMAGED


def test_a_sidecar_that_comes_later_counts(rig: Rig) -> None:
    rig.record(numbers=range(1))
    examiner = Examiner()
    assert examine(rig, examiner)[0].captured is None
    rows = "frame,pts_us,captured_at_us\n0,0,1000\n1,33333,34333\n"
    (rig.node() / "seg_0000.frames.csv").write_text(rows)
    assert examine(rig, examiner)[0].captured == CaptureTimes(2, 1000, 34333, (0, 1))


@pytest.mark.parametrize("text", ["", "frame\n1\n", "frame,pts_us,captured_at_us\n0,0,x\n", "\0\0"])
def test_an_unusable_sidecar_is_none(rig: Rig, text: str) -> None:
    rig.record(numbers=range(1))
    (rig.node() / "seg_0000.frames.csv").write_text(text)
    (facts,) = examine(rig, Examiner())
    assert (facts.captured, facts.frames) == (None, 30)
