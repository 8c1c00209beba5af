"""Joining while segments arrive."""

import os
import threading
from contextlib import closing

import pytest
from tests.unit.postprocess.mp4 import Film, fragmented
from tests.unit.postprocess.rig import UUID, Rig

from ctlr.kernel.clock import SystemClock
from ctlr.layout.raw import LoggingLayout
from ctlr.mp4.tables import shown_ticks
from ctlr.postprocess.manifest.copying import SourceReadError
from ctlr.postprocess.manifest.progress import Progress
from ctlr.postprocess.run.follow import Follower, follow
from ctlr.postprocess.run.session import growing_parts
from ctlr.postprocess.run.worker import EXIT_TERMINATED
from ctlr.postprocess.video.facts import SegmentFacts
from ctlr.postprocess.video.scan import scan_node


def follower(rig: Rig) -> Follower:
    return Follower(rig.settings, UUID, lambda _: None)


def leave_half_done(rig: Rig) -> None:
    """A follower takes in what is there, flushes it, and is gone."""
    gone = follower(rig)
    assert gone.step() == 4
    gone.close()


def touch_folder(rig: Rig, node: str = "cam-a") -> None:
    """Make the folder's time differ from what was seen, as it does between real arrivals."""
    stat = rig.node(node).stat()
    os.utime(rig.node(node), ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000_000))


def check(rig: Rig, segments: int = 6) -> None:
    wanted = [Film(tag=b"cam-a-%d" % s).payload(n) for s in range(segments) for n in range(30)]
    movie = rig.movie()
    assert movie.frames == wanted
    assert shown_ticks(movie.tables.reference) == [3000 * n for n in range(30 * segments)]


def test_segments_are_taken_in_as_they_arrive(rig: Rig) -> None:
    following = follower(rig)
    assert following.step() == 0
    for number in range(5):
        rig.record(numbers=range(number, number + 1))
        touch_folder(rig)
        assert following.step() == 1
        assert following.step() == 0
        assert not rig.folder.exists()
    rig.record(numbers=range(5, 6))
    touch_folder(rig)
    outcome = following.finish(None, SystemClock())
    assert outcome.exit_code == 0, outcome.summary
    check(rig)


def test_arrival_out_of_order_does_not_matter(rig: Rig) -> None:
    following = follower(rig)
    for number in (3, 0, 5, 1):
        rig.record(numbers=range(number, number + 1))
        touch_folder(rig)
        following.step()
    rig.record(numbers=range(6))
    os.utime(rig.node() / "seg_0000.mp4", (1, 1))  # and one was sent again
    assert following.finish(None, SystemClock()).exit_code == 0
    check(rig)


def test_a_segment_that_was_sent_again_before_it_was_copied_is_not_taken_for_the_first(
    rig: Rig,
) -> None:
    rig.record(numbers=range(1))
    path = rig.node() / "seg_0000.mp4"
    parts = growing_parts(rig.settings, UUID)

    def look() -> SegmentFacts:
        [file] = scan_node(LoggingLayout(rig.logging), "cam-a", UUID).segments
        return parts.examiner.examine(rig.node(), file, ())

    seen = look()
    path.write_bytes(fragmented(Film(tag=b"again")))
    with closing(parts):
        part = parts.get("cam-a", 0)
        with pytest.raises(SourceReadError):
            part.add(seen)
        assert part.names == set()
        part.add(look())
        parts.flush()
    assert rig.process().exit_code == 0
    assert rig.movie().frames == [Film(tag=b"again").payload(n) for n in range(30)]


def test_a_file_that_was_begun_too_many_does_not_appear(rig: Rig) -> None:
    """Other parameters arrive between: what follows them is a third file, until all are there."""
    following = follower(rig)
    for numbers, film in (
        (range(1), Film()),
        (range(4, 5), Film(width=320)),
        (range(1, 4), Film()),
    ):
        rig.record(numbers=numbers, film=film)
        touch_folder(rig)
        following.step()
    assert (rig.sync / f".tmp-{UUID}" / "out" / "cam-a.part3.mp4").exists()
    assert following.finish(None, SystemClock()).exit_code == 0
    files = {entry["path"] for entry in rig.manifest()["files"]}
    assert files == {"cam-a.mp4", "cam-a.part2.mp4"}
    assert {p.name for p in rig.folder.iterdir()} == {*files, "manifest.json"}


def test_a_new_follower_takes_up_what_was_flushed(rig: Rig) -> None:
    rig.record(numbers=range(4))
    leave_half_done(rig)
    rig.record(numbers=range(4, 6))
    second = follower(rig)
    assert second.step() <= 6
    growing = rig.sync / f".tmp-{UUID}" / "out" / "cam-a.mp4"
    assert growing.read_bytes().count(b"mdat") == 6
    second.finish(None, SystemClock())
    check(rig)


def test_a_plain_run_takes_up_what_a_follower_left(rig: Rig) -> None:
    rig.record()
    leave_half_done(rig)
    assert rig.process().exit_code == 0
    check(rig, 4)


def test_a_torn_journal_and_a_torn_video_are_cut_back(rig: Rig) -> None:
    rig.record()
    leave_half_done(rig)
    state = rig.sync / f".tmp-{UUID}"
    journal = state / "cam-a.mp4.journal"
    journal.write_bytes(journal.read_bytes()[:-20])
    with open(state / "out" / "cam-a.mp4", "ab") as video:
        video.write(b"half a segment")
    assert rig.process().exit_code == 0
    check(rig, 4)


def test_a_cut_segment_waits_for_the_end(rig: Rig) -> None:
    rig.record(numbers=range(6))
    whole = (rig.node() / "seg_0003.mp4").read_bytes()
    (rig.node() / "seg_0003.mp4").write_bytes(whole[:100])
    following = follower(rig)
    assert following.step() == 5
    (rig.node() / "seg_0003.mp4").write_bytes(whole)
    assert following.finish(None, SystemClock()).exit_code == 0
    check(rig)


def test_changed_parameters_grow_another_part(rig: Rig) -> None:
    rig.record(numbers=range(2))
    rig.record(numbers=range(2, 4), film=Film(width=320))
    following = follower(rig)
    assert following.step() == 4
    following.finish(None, SystemClock())
    assert rig.source()["parts"][0]["frames"] == 60


class TestPipe:
    def run(self, rig: Rig, said: bytes) -> tuple[int, list[Progress]]:
        read, write = os.pipe()
        progress: list[Progress] = []
        result: list[int] = []

        def work() -> None:
            outcome = follow(rig.settings, UUID, progress.append, lambda: None, commands=read)
            result.append(outcome.exit_code)

        thread = threading.Thread(target=work)
        thread.start()
        os.write(write, said)
        os.close(write)
        thread.join(20)
        os.close(read)
        return result[0], progress

    def test_finish(self, rig: Rig) -> None:
        rig.record()
        code, progress = self.run(rig, b"finish\n")
        assert code == 0
        assert progress[0].stage == "follow"
        check(rig, 4)

    def test_a_parent_that_is_gone(self, rig: Rig) -> None:
        rig.record()
        assert self.run(rig, b"")[0] == EXIT_TERMINATED
        assert not rig.folder.exists()

    def test_a_session_that_is_processed_already(self, rig: Rig) -> None:
        rig.record()
        rig.process()
        assert self.run(rig, b"finish\n")[0] == 1


@pytest.mark.parametrize("wrong", [b"{}\n", b"[1,2]\n", b"\xff\xfe\n", b"null\n"])
def test_a_journal_of_nonsense_is_no_journal(rig: Rig, wrong: bytes) -> None:
    rig.record()
    leave_half_done(rig)
    (rig.sync / f".tmp-{UUID}" / "cam-a.mp4.journal").write_bytes(wrong)
    assert rig.process().exit_code == 0
    check(rig, 4)
