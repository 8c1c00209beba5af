"""Keep or make: every combination of the facts that matter, and what must hold of each answer."""

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product

import pytest

from ctlr.postprocess.manifest.shapes import (
    ChunkEntry,
    FailedSource,
    FileEntry,
    GapEntry,
    Manifest,
    VideoSource,
)
from ctlr.postprocess.manifest.standing import Standing
from ctlr.postprocess.manifest.sync import MarkEntry
from ctlr.postprocess.run.plan import Plan, PlannedCopy
from ctlr.postprocess.run.reuse import Why, choose_video, is_news, is_up_to_date, plan_reuse
from ctlr.postprocess.video.facts import Readability, SegmentFacts
from ctlr.postprocess.video.marks import PlacedMark
from ctlr.postprocess.video.planned import PlannedVideo, RawState
from ctlr.postprocess.video.timeline import Part, Placement
from ctlr.sessions.model import Mark

SEGMENTS = ("seg_0000.mp4", "seg_0001.mp4")
LATE = "seg_0002.mp4"
SIZE = 50
VIDEO, TIMES = "cam-a.mp4", "cam-a.frames.csv"
MARK = MarkEntry(at_ms=5, label="a", offset_s={"cam-a": 1.5})
PLACED = PlacedMark(Mark(5, "a"), "a", 1.5)

FOLDER = {
    "never made": None,
    "as made": {VIDEO: 100, TIMES: 7},
    "video gone": {VIDEO: None, TIMES: 7},
    "video shorter": {VIDEO: 99, TIMES: 7},
    "times gone": {VIDEO: 100, TIMES: None},
    "disk is silent": {},
    "verified as damaged": {VIDEO: 100, TIMES: 7},
}
RAW = (
    "same",
    "one more",
    "one gone",
    "all gone but a late one",
    "one empty",
    "one cut short",
    "one a little cut",
    "none readable",
    "one more, one empty",
    "one replaced",
    "one replaced, and kept beside",
)
RECORD = ("none", "same", "other")
CHAPTERS = ("same", "other")


@dataclass(frozen=True)
class Case:
    folder: str
    raw: str
    record: str
    chapters: str

    @property
    def standing(self) -> Standing:
        sizes = FOLDER[self.folder]
        if sizes is None:
            return Standing()
        damaged = (VIDEO,) if self.folder == "verified as damaged" else ()
        return Standing(manifest(damaged=damaged), sizes)

    @property
    def video(self) -> PlannedVideo:
        names, harmed, parts = set(SEGMENTS), dict[str, int](), PARTS
        sizes = {name: {SIZE} for name in SEGMENTS}
        if "one more" in self.raw:
            names.add(LATE)
        if self.raw == "one gone":
            names.remove(SEGMENTS[1])
        if self.raw == "all gone but a late one":
            names = {LATE}
        if "one empty" in self.raw:
            harmed = {SEGMENTS[1]: 0}
        if self.raw == "one cut short":
            harmed = {SEGMENTS[1]: 30}
        if self.raw == "one a little cut":  # what the video has of it can all be read
            harmed = {SEGMENTS[1]: 60}
        if self.raw == "none readable":
            harmed, parts = dict.fromkeys(SEGMENTS, 0), ()
        if "one replaced" in self.raw:
            sizes[SEGMENTS[1]] = {SIZE + 1, *({SIZE} if "beside" in self.raw else ())}
        return PlannedVideo(
            node="cam-a",
            parts=parts,
            gaps=(),
            problems=(),
            frame_times=True,
            bytes=100,
            raw=RawState(
                frozenset(names),
                inputs="files" if self.raw == "same" else "other files",
                told={"none": "", "same": "told", "other": "told other"}[self.record],
                sizes={name: frozenset(found) for name, found in sizes.items()},
            ),
            marks=(PLACED,) if self.chapters == "same" else (),
            harmed=harmed,
        )


def part() -> Part:
    facts = SegmentFacts(SEGMENTS[0], 0, 50, 1, Readability.WHOLE, frames=30)
    return Part((Placement(facts, 0),), Fraction(0), "splice")


PARTS: tuple[Part, ...] = (part(),)


def source(**changes: object) -> VideoSource:
    chunks = [
        ChunkEntry(segment=name, offset=0, length=45, xxh128="", source_bytes=SIZE)
        for name in SEGMENTS
    ]
    values = {
        "file": VIDEO, "segments": 2, "size_mb": 0.0, "bytes": 100, "frames": 60, "duration_s": 2.0,
        "codec": "h264", "width": 640, "height": 360, "fps": 30.0, "frames_file": TIMES,
        "chunks": chunks, "inputs": "files", "told": "told",
    }  # fmt: skip
    return VideoSource.model_validate(values | changes)


def manifest(damaged: tuple[str, ...] = (), **changes: object) -> Manifest:
    files = [
        FileEntry(path=VIDEO, bytes=100, xxh128="", inputs="files"),
        FileEntry(path=TIMES, bytes=7, xxh128="", inputs="files"),
        FileEntry(path="phone/gps.csv", bytes=5, xxh128="", inputs="5-1"),
    ]
    values = {
        "uuid": "u", "folder": "u", "started_at": 1, "stopped_at": 9, "processed_at": "",
        "sources": {"cam-a": source()}, "marks": (MARK,), "files": files, "damaged": damaged,
        "measured": "clocks",
    }  # fmt: skip
    return Manifest.model_validate(values | changes)


CASES = [Case(*facts) for facts in product(FOLDER, RAW, RECORD, CHAPTERS)]
RAW_IS_GONE = {"one gone", "all gone but a late one"}
RAW_IS_WORSE = {"one empty", "one cut short", "one more, one empty"}
KEPT_FOR_ITS_RAW_DATA = RAW_IS_GONE | RAW_IS_WORSE | {"one replaced"}
HARMED_ON_DISK = {"video shorter", "times gone", "disk is silent", "verified as damaged"}
NOTHING_TO_KEEP = {"never made", "video gone"}


def test_what_stands_is_never_replaced_by_less() -> None:
    for case in CASES:
        choice = choose_video(case.video, case.standing)
        if case.folder in NOTHING_TO_KEEP:
            assert (choice.why, choice.kept, choice.before) == (Why.NEW, None, None), case
        elif case.raw in RAW_IS_GONE:
            assert choice.why is Why.RAW_GONE, case
            assert choice.kept is not None, case
        elif case.raw == "one replaced":
            assert choice.why is Why.RAW_REPLACED, case
            assert choice.kept is not None, case
        elif case.raw in RAW_IS_WORSE:
            assert choice.why is Why.RAW_WORSE, case
            assert choice.kept is not None, case
        else:
            assert choice.before == source(), f"{case}: it stays should nothing come of the making"
            assert (choice.kept is None) == (choice.why is not Why.SAME), case


def test_a_video_is_made_again_for_each_reason_that_there_is() -> None:
    for case in CASES:
        if case.folder in NOTHING_TO_KEEP or case.raw in KEPT_FOR_ITS_RAW_DATA:
            continue
        why = choose_video(case.video, case.standing).why
        if case.folder in HARMED_ON_DISK:
            assert why is Why.DAMAGED, case
        elif case.raw != "same":
            assert why is Why.OTHER_FILES, case
        elif case.record == "other":
            assert why is Why.OTHER_RECORD, case
        elif (case.record, case.chapters) == ("same", "other"):
            assert why is Why.OTHER_CHAPTERS, case
        else:
            assert why is Why.SAME, case


def test_every_rule_decides_some_case() -> None:
    assert {choose_video(case.video, case.standing).why for case in CASES} == set(Why)


def test_a_video_kept_from_worse_raw_data_says_so_and_is_not_asked_for_again() -> None:
    case = Case("as made", "one more, one empty", "same", "same")
    kept = choose_video(case.video, case.standing).kept
    assert kept is not None
    assert (kept.inputs, kept.told) == ("other files", "told")
    assert [(p.code, p.segment) for p in kept.problems] == [
        ("segment_left_out", LATE),
        ("not_made_again", None),
    ]
    assert SEGMENTS[1] in kept.problems[1].text
    again = Standing(manifest(sources={"cam-a": kept}), case.standing.sizes)
    assert choose_video(case.video, again).kept == kept


def test_a_video_whose_segment_was_replaced_says_so_and_is_not_asked_for_again() -> None:
    """Its pictures are in the video and nowhere else."""
    case = Case("as made", "one replaced", "other", "same")
    assert is_news(source(), case.video.raw)
    kept = choose_video(case.video, case.standing).kept
    assert kept is not None
    assert [(p.code, p.harms) for p in kept.problems] == [("not_made_again", True)]
    assert f"another file is in the place of {SEGMENTS[1]}" in kept.problems[0].text
    assert not is_news(kept, case.video.raw)
    again = Standing(manifest(sources={"cam-a": kept}), case.standing.sizes)
    assert choose_video(case.video, again).kept == kept


def test_a_segment_that_was_cut_may_be_completed() -> None:
    cut = GapEntry(after_segment=SEGMENTS[1], expected_ms=5, reason="cut")
    stands = Standing(manifest(sources={"cam-a": source(gaps=(cut,))}), {VIDEO: 100, TIMES: 7})
    video = Case("as made", "one replaced", "same", "same").video
    assert choose_video(video, stands).why is Why.OTHER_FILES


def test_what_would_be_made_is_news_and_nothing_else() -> None:
    """Whoever asks by names alone is told what a run would decide, or less: never more."""
    for case in CASES:
        if case.folder != "as made" or case.raw in RAW_IS_WORSE | {"none readable"}:
            continue  # which nobody sees without opening a file
        choice = choose_video(case.video, case.standing)
        by_names = choice.why is not Why.OTHER_CHAPTERS and choice.kept != source()
        assert is_news(source(), case.video.raw) is by_names, case
    failed = FailedSource(error="", inputs="files", told="told")
    assert not is_news(failed, Case("", "same", "same", "same").video.raw)
    assert is_news(failed, Case("", "one more", "same", "same").video.raw)
    assert is_news(None, Case("", "same", "same", "same").video.raw)


def test_only_a_making_that_failed_leaves_the_earlier_video() -> None:
    choice = choose_video(Case("as made", "none readable", "none", "same").video, standing())
    assert choice.why is Why.OTHER_FILES
    made = source(inputs="other files", frames=30)
    assert choice.outcome(made) == made
    failed = FailedSource(error="not one frame", inputs="other files")
    kept = choice.outcome(failed)
    assert isinstance(kept, VideoSource)
    assert (kept.frames, kept.inputs) == (60, "other files")
    new = choose_video(Case("never made", "same", "none", "same").video, Standing())
    assert new.outcome(failed) == failed


def test_of_a_remuxed_video_only_what_is_lost_whole_counts() -> None:
    remuxed = source(chunks=(), made_of=SEGMENTS, method="remux")
    stands = Standing(manifest(sources={"cam-a": remuxed}), {VIDEO: 100, TIMES: 7})
    for raw, why in [("one cut short", Why.OTHER_FILES), ("one empty", Why.RAW_WORSE)]:
        assert choose_video(Case("as made", raw, "none", "same").video, stands).why is why


def standing(**sizes: int | None) -> Standing:
    return Standing(manifest(), {VIDEO: 100, TIMES: 7, "phone/gps.csv": 5} | sizes)


def plan(*copies: PlannedCopy, **changes: object) -> Plan:
    made = Plan(
        uuid="u",
        folder="u",
        started_at=1,
        stopped_at=9,
        videos=(Case("as made", "same", "same", "same").video,),
        copies=copies,
        can=None,
        missing=(),
        problems=(),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


COPY = PlannedCopy("phone/u/gps.csv", "phone/gps.csv", size=5, mtime_ns=1)


@pytest.mark.parametrize(
    ("copy", "size", "damaged", "kept"),
    [
        (COPY, 5, (), True),
        (replace(COPY, mtime_ns=2), 5, (), False),
        (replace(COPY, size=6), 5, (), False),
        (replace(COPY, target="phone/other.csv"), 5, (), False),
        (COPY, 4, (), False),
        (COPY, None, (), False),
        (COPY, 5, ("phone/gps.csv",), False),
    ],
)
def test_an_upload_is_kept_while_it_is_what_was_sent(
    copy: PlannedCopy, size: int | None, damaged: tuple[str, ...], kept: bool
) -> None:
    stands = Standing(manifest(damaged), {VIDEO: 100, TIMES: 7, "phone/gps.csv": size})
    assert plan_reuse(plan(copy), stands).copies == (() if kept else (copy,))


def test_sources_whose_raw_data_is_gone_are_carried_over() -> None:
    sources = {
        "cam-a": source(),
        "cam-b": source(file="cam-b.mp4"),
        "cam-c": FailedSource(error=""),
    }
    stands = Standing(manifest(sources=sources), {})
    assert set(plan_reuse(plan(), stands).carried) == {"cam-b"}


@pytest.mark.parametrize(
    ("changes", "before", "measured", "same"),
    [
        ({}, {}, "clocks", True),
        ({}, {}, "", True),
        ({}, {}, "other clocks", False),
        ({"started_at": 2}, {}, "clocks", False),
        ({"stopped_at": None}, {}, "clocks", False),
        ({"missing": (("cam-b", "silent"),)}, {}, "clocks", False),
        ({"missing": (("cam-b", "silent"),)}, {"missing": ("cam-b",)}, "clocks", True),
        ({}, {"missing": ("cam-b",)}, "clocks", False),
        ({"copies": (COPY,)}, {}, "clocks", True),
        ({"copies": (replace(COPY, size=6),)}, {}, "clocks", False),
        ({"marks": (Mark(5, "a"),)}, {}, "clocks", True),
        ({"marks": (Mark(5, "a"),)}, {"damaged": ("events.csv",)}, "clocks", False),
        ({"videos": (Case("", "one more", "same", "same").video,)}, {}, "clocks", False),
        ({"videos": (Case("", "one gone", "same", "same").video,)}, {}, "clocks", True),
        (
            {"videos": (Case("", "all gone but a late one", "same", "same").video,)},
            {},
            "clocks",
            False,
        ),
    ],
)
def test_nothing_is_made_where_the_manifest_says_all_already(
    changes: dict[str, object], before: dict[str, object], measured: str, same: bool
) -> None:
    wanted = plan(**changes)
    stands = Standing(manifest(**before), standing().sizes)  # type: ignore[arg-type]
    assert is_up_to_date(wanted, plan_reuse(wanted, stands), stands, measured) is same


def test_the_first_run_is_never_up_to_date() -> None:
    wanted = plan()
    assert not is_up_to_date(wanted, plan_reuse(wanted, Standing()), Standing(), "")
