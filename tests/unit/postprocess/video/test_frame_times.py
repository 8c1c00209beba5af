"""Frame times of the joined video: the same whether followed or made at once."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.unit.postprocess.mp4 import Film
from tests.unit.postprocess.rig import START_MS, UUID, Rig
from tests.unit.postprocess.run.test_follow import touch_folder

from ctlr.kernel.clock import SystemClock
from ctlr.postprocess.run.follow import Follower


def follow(rig: Rig, arrivals: Sequence[int], record: Callable[[int], None]) -> bytes:
    """Let segments arrive one by one, finish, and return the frame times."""
    following = Follower(rig.settings, UUID, lambda _: None)
    for number in arrivals:
        record(number)
        touch_folder(rig)
        following.step()
    outcome = following.finish(None, SystemClock())
    assert outcome.exit_code in (0, 3), outcome.summary
    return (rig.folder / "cam-a.frames.csv").read_bytes()


def at_once(rig: Rig) -> bytes:
    """The frame times that a plain run makes of the same raw files."""
    shutil.rmtree(rig.folder)
    assert rig.process().exit_code in (0, 3)
    return (rig.folder / "cam-a.frames.csv").read_bytes()


@pytest.mark.parametrize(
    "arrivals",
    [
        (0, 1, 2, 3),
        (1, 0, 2, 3),
        (3, 2, 1, 0),
        (0, 1, 3),
        (2, 3),
        (0, 2, 1, 3),
        (*range(1, 100), 0, 100),
    ],
)
def test_any_order_of_arrival(rig: Rig, arrivals: Sequence[int]) -> None:
    def record(number: int) -> None:
        rig.capture(numbers=range(number, number + 1))
        rig.record(numbers=range(number, number + 1))

    followed = follow(rig, arrivals, record)
    assert followed == at_once(rig)
    assert followed.count(b"\n") == 1 + 30 * len(arrivals)


def test_a_sidecar_that_comes_after_its_segment(rig: Rig) -> None:
    def record(number: int) -> None:
        rig.record(numbers=range(number, number + 1))
        if number:
            rig.capture(numbers=range(number - 1, number))

    followed = follow(rig, range(4), record)
    assert followed == at_once(rig)
    assert followed.splitlines()[-1] == b"119,3966666,,,"


def test_changed_parameters(rig: Rig) -> None:
    def record(number: int) -> None:
        rig.capture(numbers=range(number, number + 1))
        film = Film(width=320 if number > 1 else 640)
        rig.record(numbers=range(number, number + 1), film=film)

    assert follow(rig, range(4), record) == at_once(rig)
    second = (rig.folder / "cam-a.part2.frames.csv").read_text().splitlines()
    assert second[1] == f"0,0,{START_MS * 1000 + 2 * 10**6},0,"


def test_a_file_that_was_tampered_with_is_written_again(rig: Rig) -> None:
    def record(number: int) -> None:
        rig.capture(numbers=range(number, number + 1))
        rig.record(numbers=range(number, number + 1))
        growing: Path = rig.sync / f".tmp-{UUID}" / "out" / "cam-a.frames.csv"
        if number == 3:
            growing.write_bytes(b"nonsense")

    assert follow(rig, range(4), record) == at_once(rig)
