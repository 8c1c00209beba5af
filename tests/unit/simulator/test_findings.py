from pathlib import Path
from typing import Any

from ctlr.simulator.findings import VideoSeen, judge, video_files

START_MS = 1_776_313_714_000


def source(first_frame_us: int, **changes: Any) -> dict[str, Any]:
    plain = {
        "file": "cam.mp4",
        "frames": 360,
        "duration_s": 12.0,
        "gaps": [],
        "bytes": 9_000_000,
        "first_frame_at_us": first_frame_us,
    }
    return plain | changes


def manifest(complete: bool = True, **sources: Any) -> dict[str, Any]:
    sync = {"verdict": "pass", "text": "All in step."}
    return {"sources": sources, "complete": complete, "missing": [], "sync": sync}


def seen(first_us: int | None, frames: int = 360, unreadable: int = 0) -> VideoSeen:
    return VideoSeen(frames, unreadable, 0, first_us)


def test_first_frames_count_from_the_start_and_the_spread_is_between_cameras() -> None:
    a, b = START_MS * 1000 + 4_000, START_MS * 1000 + 13_500
    report = manifest(a=source(a), b=source(b))
    found = judge(report, ["a", "b"], START_MS, {"a": seen(a), "b": seen(b)})
    assert [video.first_frame_ms for video in found.videos] == [4.0, 13.5]
    assert found.spread_ms == 9.5
    assert found.step == "All in step."
    assert found.complete
    assert found.lies == ()


def test_a_manifest_that_disagrees_with_the_picture_is_a_lie() -> None:
    at = START_MS * 1000 + 4_000
    found = judge(manifest(a=source(at + 33_000)), ["a"], START_MS, {"a": seen(at)})
    assert len(found.lies) == 1
    assert found.lies[0].startswith("a: the manifest has the first frame at")


def test_a_frame_more_than_there_is_a_lie() -> None:
    at = START_MS * 1000
    found = judge(manifest(a=source(at)), ["a"], START_MS, {"a": seen(at, frames=359)})
    assert found.lies == ("a: the manifest counts 360 frames, the video has 359",)
    assert found.videos[0].frames == 359


def test_unreadable_frames_are_counted_and_leave_no_spread() -> None:
    at = START_MS * 1000
    found = judge(manifest(a=source(at)), ["a"], START_MS, {"a": seen(None, unreadable=3)})
    assert found.spread_ms is None
    assert "3 of 360 frames do not show" in found.lies[0]


def test_a_camera_without_a_video_has_an_empty_row_and_no_file() -> None:
    report = manifest(complete=False, a={"error": "no segments"}) | {"missing": ["a"]}
    found = judge(report, ["a"], START_MS, {})
    assert found.videos[0].frames == 0
    assert found.faults == ("a is missing", "a: no segments")
    assert not found.complete
    assert video_files(report, Path("/sync"), ["a"]) == {}


def test_gaps_and_problems_of_the_manifest_are_told() -> None:
    at = START_MS * 1000
    broken = source(
        at,
        gaps=[{"after_segment": "seg_0001.mp4", "expected_ms": 4000, "reason": "not delivered"}],
        problems=[{"code": "truncated", "text": "seg_0002.mp4 ends early"}],
    )
    found = judge(manifest(complete=False, a=broken), ["a"], START_MS, {"a": seen(at)})
    assert found.faults == ("a: not delivered", "a: seg_0002.mp4 ends early")
    assert found.videos[0].gaps == 1
