"""Sessions of cameras that began again, and of such that recorded on after the stop."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.postprocess.mp4 import Film, fragmented, plain
from tests.unit.postprocess.rig import START_MS, UUID, Rig, session
from tests.unit.postprocess.run.test_follow import touch_folder
from tests.unit.postprocess.run.test_session import raw_state

from ctlr.ingest.keeping import TakeKeeper
from ctlr.kernel.clock import SystemClock
from ctlr.mp4.tables import shown_ticks
from ctlr.postprocess.folder.verify import verify_session
from ctlr.postprocess.run.changes import needs_processing
from ctlr.postprocess.run.follow import Follower
from ctlr.sessions.model import Session, SessionNode, TakeStart


def told(stop_s: float, *starts: TakeStart, confirmed_s: float | None = None) -> Session:
    """A session, and the camera that confirmed its stop at once, or later."""
    confirmed_ms = START_MS + round((confirmed_s or stop_s) * 1000)
    node = SessionNode(
        "cam-a", started=True, stop_acknowledged=True, stopped_at_ms=confirmed_ms, starts=starts
    )
    return session(node, stopped_at_ms=START_MS + round(stop_s * 1000))


def deliver(rig: Rig, tag: bytes, numbers: range, ends_at_s: float) -> None:
    """As rsync: under a hidden name first, with the camera's time, then renamed."""
    for number in numbers:
        hidden = rig.node() / f".seg_{number:04d}.mp4.AbCdEf"
        hidden.write_bytes(plain(Film(tag=b"%s-%d" % (tag, number))))
        at_ns = round((START_MS / 1000 + ends_at_s + number) * 1e9)
        os.utime(hidden, ns=(at_ns, at_ns))
        os.replace(hidden, rig.node() / f"seg_{number:04d}.mp4")


def payloads(*segments: tuple[bytes, int]) -> list[bytes]:
    return [
        Film(tag=b"%s-%d" % (tag, number)).payload(frame)
        for tag, number in segments
        for frame in range(30)
    ]


def record_twice(rig: Rig) -> Session:
    """Three segments of a second, and from the fifth second on two of the same names."""
    keeper = TakeKeeper()
    deliver(rig, b"first", range(3), 1)
    keeper.keep(rig.node(), 1)
    deliver(rig, b"again", range(2), 6)
    keeper.keep(rig.node(), 2)
    return told(7, TakeStart(2, START_MS + 5000))


ALL = payloads(*((b"first", n) for n in range(3)), *((b"again", n) for n in range(2)))


def check_both_takes(rig: Rig) -> None:
    movie = rig.movie()
    assert movie.frames == ALL
    shown = shown_ticks(movie.tables.reference)
    assert [shown[0], shown[89], shown[90], shown[149]] == [0, 267_000, 450_000, 627_000]
    assert [chunk["segment"] for chunk in rig.source()["chunks"]] == [
        "seg_0000.take1.mp4",
        "seg_0001.take1.mp4",
        "seg_0002.mp4",
        "seg_0000.mp4",
        "seg_0001.mp4",
    ]
    assert [(g["after_segment"], g["expected_ms"]) for g in rig.source()["gaps"]] == [
        ("seg_0002.mp4", 2000)
    ]
    assert rig.source()["gaps"][0]["reason"] == "restarted"
    assert rig.manifest()["complete"] is False
    assert rig.manifest()["problems"] == rig.source()["problems"] == []


def test_both_takes_are_joined_in_the_order_of_time(rig: Rig) -> None:
    facts = record_twice(rig)
    before = raw_state(rig)
    assert rig.process(facts).exit_code == 3
    check_both_takes(rig)
    assert raw_state(rig) == before
    assert not needs_processing(rig.settings, UUID, facts)
    assert verify_session(rig.settings, UUID, lambda _: None).exit_code == 0


def test_a_copy_of_the_disk_tells_the_same(rig: Rig, tmp_path: Path) -> None:
    """It has no hard links."""
    facts = record_twice(rig)
    rig.logging.rename(tmp_path / "original")
    shutil.copytree(tmp_path / "original", rig.logging)
    assert rig.process(facts).exit_code == 3
    check_both_takes(rig)


def test_a_session_that_was_made_takes_in_the_second_take(rig: Rig) -> None:
    keeper = TakeKeeper()
    deliver(rig, b"first", range(3), 1)
    keeper.keep(rig.node(), 1)
    assert rig.process(told(7)).exit_code == 3
    assert [gap["reason"] for gap in rig.source()["gaps"]] == ["short"]
    deliver(rig, b"again", range(2), 6)
    keeper.keep(rig.node(), 2)
    facts = told(7, TakeStart(2, START_MS + 5000))
    assert needs_processing(rig.settings, UUID, facts)
    rig.process(facts)
    check_both_takes(rig)
    assert rig.manifest()["revision"] == 2


def test_a_session_that_is_followed_while_names_are_used_again(rig: Rig) -> None:
    follower, keeper = Follower(rig.settings, UUID, lambda _: None), TakeKeeper()
    deliver(rig, b"first", range(3), 1)
    keeper.keep(rig.node(), 1)
    touch_folder(rig)
    assert follower.step() == 3
    deliver(rig, b"again", range(2), 6)
    keeper.keep(rig.node(), 2)
    touch_folder(rig)
    follower.step()
    follower.finish(told(7, TakeStart(2, START_MS + 5000)), SystemClock())
    follower.close()
    check_both_takes(rig)


@pytest.mark.parametrize("make", [plain, fragmented])
@pytest.mark.parametrize("followed", [False, True])
def test_the_join_ends_at_the_stop(
    rig: Rig, make: Callable[[Film], bytes], *, followed: bool
) -> None:
    rig.record(numbers=range(27), make=make)
    before, facts = raw_state(rig), told(3.4, confirmed_s=27)
    if followed:
        follower = Follower(rig.settings, UUID, lambda _: None)
        touch_folder(rig)
        assert follower.step() == 27
        outcome = follower.finish(facts, SystemClock())
        follower.close()
    else:
        outcome = rig.process(facts)
    assert outcome.exit_code == 0
    source = rig.source()
    # Two clocks may have come apart by a third of a millisecond: the frame at 3.4 s may belong.
    assert (source["frames"], source["duration_s"]) == (103, 3.433333)
    assert rig.movie().frames == payloads(*((b"cam-a", n) for n in range(4)))[:103]
    assert source["after_stop"] == [f"seg_{n:04d}.mp4" for n in range(4, 27)]
    (said,) = source["problems"]
    assert (said["code"], said["harms"]) == ("after_stop", False)
    assert "23.6 s after the stop" in said["text"]
    assert "the end of seg_0003.mp4, seg_0004.mp4 to seg_0026.mp4" in said["text"]
    assert raw_state(rig) == before
    assert not needs_processing(rig.settings, UUID, facts)
    assert verify_session(rig.settings, UUID, lambda _: None).exit_code == 0
    assert rig.process(facts).changed is False


def test_frame_times_end_with_their_video(rig: Rig) -> None:
    rig.record(numbers=range(6))
    rig.capture(numbers=range(6))
    rig.process(told(3.4))
    rows = (rig.folder / "cam-a.frames.csv").read_text().splitlines()[1:]
    assert len(rows) == rig.source()["frames"] == 102
    assert int(rows[-1].split(",")[2]) < (START_MS + 3400) * 1000
    assert rig.manifest()["complete"] is True


def test_a_camera_that_recorded_only_after_the_stop_failed(rig: Rig) -> None:
    rig.record(numbers=range(3))
    rig.process(told(4, TakeStart(1, START_MS + 6000)))
    source = rig.source()
    assert source["error"] == "all that it sent was recorded after the stop"
    assert len(source["after_stop"]) == 3
    assert [(g["after_segment"], g["expected_ms"]) for g in source["gaps"]] == [(None, 4000)]
    assert rig.manifest()["complete"] is False
