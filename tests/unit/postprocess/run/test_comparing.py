"""Frame times compared while a session is followed: the manifest is that of a plain run."""

import shutil
from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.unit.postprocess.rig import START_MS, UUID, Rig
from tests.unit.postprocess.run.test_follow import touch_folder
from tests.unit.postprocess.run.test_proof import record, told

from ctlr.kernel.clock import SystemClock
from ctlr.postprocess.run.follow import Follower
from ctlr.sessions.model import ClockSample, Session


def known_until(seconds: int) -> Session:
    """The record as far as it goes while the session is being recorded."""
    facts = told(a=0, b=2000)
    samples = {
        node: tuple(
            ClockSample(START_MS + s * 1000, clock[0].offset_ms, 0.4) for s in range(-1, seconds)
        )
        for node, clock in facts.clocks.items()
    }
    return replace(facts, clocks=samples, stopped_at_ms=START_MS + 80_000)


def arrive(rig: Rig, number: int) -> None:
    for name, ahead_ms, phase_us in (("cam-a", 0, 0), ("cam-b", 2000, 3_000)):
        rig.record(name, range(number, number + 1))
        first_us = round((START_MS + ahead_ms + number * 1000) * 1000) + phase_us
        rows = (f"{n},{n * 33_333},{first_us + n * 33_333}\n" for n in range(30))
        text = "frame,pts_us,captured_at_us\n" + "".join(rows)
        (rig.node(name) / f"seg_{number:04d}.frames.csv").write_text(text)
        touch_folder(rig, name)


def frame_times(rig: Rig) -> dict[str, str]:
    return {path.name: path.read_text() for path in rig.folder.glob("*.frames.csv")}


def nothing(_: Rig, facts: Session) -> Session:
    return facts


def another_camera(rig: Rig, facts: Session) -> Session:
    record(rig, "cam-c")
    more = replace(facts, clocks=facts.clocks | {"cam-c": facts.clocks["cam-a"]})
    return replace(more, nodes=(*facts.nodes, replace(facts.nodes[0], name="cam-c")))


def another_history(_: Rig, facts: Session) -> Session:
    samples = tuple(replace(s, offset_ms=s.offset_ms + 1) for s in facts.clocks["cam-b"])
    return replace(facts, clocks=facts.clocks | {"cam-b": samples})


def a_segment_before_the_others(rig: Rig, facts: Session) -> Session:
    for file in ("seg_0002.mp4", "seg_0002.frames.csv"):
        path = rig.node("cam-a") / file
        path.write_bytes(path.read_bytes())  # sent again: what was made of it does not count
    return facts


@pytest.mark.parametrize(
    "change", [nothing, another_camera, another_history, a_segment_before_the_others]
)
def test_it_comes_to_the_same_as_a_plain_run(
    rig: Rig, change: Callable[[Rig, Session], Session]
) -> None:
    following = Follower(rig.settings, UUID, lambda _: None)
    for number in range(80):
        arrive(rig, number)
        if number % 20 == 19:
            following.step()
            following.compare(known_until(number))
    ahead = rig.sync / f".tmp-{UUID}" / "cam-a.frames.csv.timed"
    assert len(ahead.read_text().splitlines()) > 2_000  # most of it need not be written in the end
    facts = change(rig, known_until(81))
    assert following.finish(facts, SystemClock()).exit_code in {0, 3}
    followed, times = rig.manifest(), frame_times(rig)
    shutil.rmtree(rig.folder)
    rig.process(facts)
    assert times == frame_times(rig)
    assert times["cam-a.frames.csv"].splitlines()[-1].endswith(",79.966657")
    assert followed["sync"] == rig.manifest()["sync"]
    assert followed["sync"]["verdict"] != "unknown"
    assert followed["sync"]["pairs"][0]["frames"] > 4_000
