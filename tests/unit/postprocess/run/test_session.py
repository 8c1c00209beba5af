"""From the logging disk to the sync disk, with segments made by hand."""

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.postprocess.mp4 import Film, fragmented, plain
from tests.unit.postprocess.rig import START_MS, UUID, Rig, session

from ctlr.kernel.errors import Refusal
from ctlr.mp4.tables import shown_ticks
from ctlr.postprocess.folder.folders import SET_ASIDE_NAME
from ctlr.postprocess.folder.lock import session_lock
from ctlr.postprocess.folder.verify import verify_session
from ctlr.postprocess.manifest.progress import Progress
from ctlr.postprocess.run.changes import needs_processing
from ctlr.postprocess.run.listing import list_sessions, resolve_prefix
from ctlr.postprocess.run.plan_text import describe
from ctlr.postprocess.run.planning import plan_session
from ctlr.postprocess.run.session import process
from ctlr.sessions.model import ClockSample, Mark, SessionNode

OTHER = "99999999-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
TWIN = "3f2b8c1e-9d4a-4c6b-8f0e-000000000000"


def raw_state(rig: Rig) -> dict[str, tuple[int, int, bytes]]:
    return {
        str(p): (p.stat().st_size, p.stat().st_mtime_ns, p.read_bytes())
        for p in sorted(rig.logging.rglob("*"))
        if p.is_file()
    }


class TestJoin:
    @pytest.mark.parametrize("make", [plain, fragmented])
    def test_frames_out_are_frames_in(self, rig: Rig, make: Callable[[Film], bytes]) -> None:
        rig.record(make=make)
        before = raw_state(rig)
        outcome = rig.process()
        assert outcome.exit_code == 0, outcome.summary
        movie = rig.movie()
        wanted = [Film(tag=b"cam-a-%d" % s).payload(n) for s in range(4) for n in range(30)]
        assert movie.frames == wanted
        assert shown_ticks(movie.tables.reference) == [3000 * n for n in range(120)]
        assert raw_state(rig) == before
        source = rig.source()
        assert (source["segments"], source["frames"], source["duration_s"]) == (4, 120, 4.0)
        assert (source["codec"], source["width"], source["fps"]) == ("h264", 640, 30.0)
        assert rig.manifest()["complete"] is True

    def test_chunks_are_the_segments_media(self, rig: Rig) -> None:
        rig.record()
        rig.process()
        data = (rig.folder / "cam-a.mp4").read_bytes()
        for number, chunk in enumerate(rig.source()["chunks"]):
            media = data[chunk["offset"] : chunk["offset"] + chunk["length"]]
            assert media == Film(tag=b"cam-a-%d" % number).media
            assert chunk["segment"] == f"seg_{number:04d}.mp4"

    def test_one_media_box_and_the_index_behind_it(self, rig: Rig) -> None:
        rig.record(numbers=range(20))
        rig.process()
        data = (rig.folder / "cam-a.mp4").read_bytes()
        kinds: list[bytes] = []
        at = 0
        while at < len(data):
            size = int.from_bytes(data[at : at + 4], "big")
            kinds.append(data[at + 4 : at + 8])
            at += size if size != 1 else int.from_bytes(data[at + 8 : at + 16], "big")
        assert kinds == [b"ftyp", b"mdat", b"moov"]

    def test_b_frames_start_at_zero_and_follow_each_other(self, rig: Rig) -> None:
        film = Film(
            frames=6, shifts=(6000, 15000, 6000, 0, 3000, 6000), edits=((200, 6000, 1 << 16),)
        )
        rig.record(numbers=range(3), film=film)
        rig.process()
        track = rig.movie().tables.reference
        shown = sorted(shown_ticks(track))
        assert [t + track.start_ticks for t in shown][:2] == [0, 3000]
        one = [0, 3000, 6000, 9000, 18000, 21000]
        assert len(shown) == 18
        assert track.start_ticks == -6000
        assert shown[6] - shown[0] == 18000, one

    def test_frame_times_are_joined(self, rig: Rig) -> None:
        rig.record(numbers=range(2), make=fragmented)
        for number in range(2):
            rows = "".join(
                f"{n},{n * 33333},{START_MS * 1000 + number * 10**6 + n * 33333}\n"
                for n in range(30)
            )
            (rig.node() / f"seg_{number:04d}.frames.csv").write_text(
                "frame,pts_us,captured_at_us\n" + rows
            )
        node = SessionNode("cam-a", started=True, segments_total=2)
        outcome = rig.process(session(node, stopped_at_ms=START_MS + 2000))
        assert outcome.exit_code == 0, outcome.summary
        joined = (rig.folder / "cam-a.frames.csv").read_text().splitlines()
        assert joined[0] == "frame,pts_us,captured_at_us,slot,t_s"
        assert joined[1] == f"0,0,{START_MS * 1000},0,"
        assert joined[31] == f"30,1000000,{START_MS * 1000 + 10**6},0,"
        assert len(joined) == 61
        assert rig.source()["first_frame_at_us"] == START_MS * 1000
        assert rig.source()["frames_file"] == "cam-a.frames.csv"


class TestBadInput:
    def check(self, rig: Rig, *, frames: int, gaps: list[tuple[str | None, int, str]]) -> None:
        outcome = rig.process()
        assert outcome.exit_code == 3, outcome.summary
        source = rig.source()
        assert len(rig.movie().frames) == source["frames"] == frames
        found = [(g["after_segment"], g["expected_ms"], g["reason"]) for g in source["gaps"]]
        assert found == gaps
        assert rig.manifest()["complete"] is False

    def test_zero_byte_segment(self, rig: Rig) -> None:
        rig.record()
        (rig.node() / "seg_0001.mp4").write_bytes(b"")
        self.check(rig, frames=90, gaps=[("seg_0000.mp4", 1000, "empty")])
        assert shown_ticks(rig.movie().tables.reference)[30] == 2 * 90_000

    def test_text_file(self, rig: Rig) -> None:
        rig.record()
        (rig.node() / "seg_0002.mp4").write_text("shopping list\n")
        self.check(rig, frames=90, gaps=[("seg_0001.mp4", 1000, "damaged")])

    @pytest.mark.parametrize(
        "text",
        [
            "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://127.0.0.1:9/a.ts\n",
            "ffconcat version 1.0\nfile /etc/passwd\n",
            "<?xml version='1.0'?><MPD><BaseURL>file:///etc/passwd</BaseURL></MPD>",
        ],
    )
    def test_a_playlist_leads_nowhere(self, rig: Rig, text: str) -> None:
        """S14: a list of other files is no segment, whatever it is called."""
        rig.record()
        (rig.node() / "seg_0002.mp4").write_text(text)
        self.check(rig, frames=90, gaps=[("seg_0001.mp4", 1000, "damaged")])
        made = b"".join(path.read_bytes() for path in rig.folder.rglob("*") if path.is_file())
        assert b"root:" not in made

    @pytest.mark.parametrize("make", [plain, fragmented])
    @pytest.mark.parametrize("lost", [1, 2])
    def test_middle_missing(self, rig: Rig, make: Callable[[Film], bytes], lost: int) -> None:
        rig.record(make=make)
        (rig.node() / f"seg_{lost:04d}.mp4").unlink()
        self.check(rig, frames=90, gaps=[(f"seg_{lost - 1:04d}.mp4", 1000, "missing")])
        assert shown_ticks(rig.movie().tables.reference)[30 * lost] == (lost + 1) * 90_000

    def test_first_missing_waits_on_the_timeline(self, rig: Rig) -> None:
        for number in range(4):
            film = Film(start=number * 90_000)
            rig.record(numbers=range(number, number + 1), make=fragmented, film=film)
        (rig.node() / "seg_0000.mp4").unlink()
        self.check(rig, frames=90, gaps=[(None, 1000, "missing")])
        assert rig.movie().tables.reference.start_ticks == 90_000

    def test_last_missing(self, rig: Rig) -> None:
        rig.record()
        facts = session(SessionNode("cam-a", started=True, segments_total=6))
        outcome = rig.process(facts)
        assert outcome.exit_code == 3
        assert rig.source()["gaps"][0]["segments"] == ["seg_0004.mp4", "seg_0005.mp4"]

    @pytest.mark.parametrize("tenth", range(1, 10))
    def test_cut_segment(self, rig: Rig, tenth: int) -> None:
        rig.record(make=fragmented, film=Film(frames=60, delta=1500))
        path = rig.node() / "seg_0001.mp4"
        path.write_bytes(path.read_bytes()[: path.stat().st_size * tenth // 10])
        assert rig.process().exit_code == 3
        frames = rig.movie().frames
        tail = [Film(frames=60, tag=b"cam-a-2").payload(n) for n in range(60)]
        start = frames.index(tail[0])
        assert frames[start : start + 60] == tail
        assert shown_ticks(rig.movie().tables.reference)[start] == 2 * 90_000
        assert rig.source()["gaps"][0]["expected_ms"] == pytest.approx(
            1000 - (start - 60) * 1000 / 60, abs=1
        )

    @pytest.mark.parametrize("make", [plain, fragmented])
    @pytest.mark.parametrize("left", [0, 20, 600])
    def test_unreadable_from_somewhere_on(
        self, rig: Rig, make: Callable[[Film], bytes], left: int
    ) -> None:
        """The disk fails (here: the file shrinks) after the segment was found to be whole."""
        rig.record(make=make)

        def shrink(progress: Progress) -> None:
            if progress.stage == "join":
                path = rig.node() / "seg_0002.mp4"
                stat = path.stat()
                os.truncate(path, left)
                os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))

        outcome = process(rig.settings, UUID, None, shrink)
        assert outcome.exit_code == 3, outcome.summary
        frames = rig.movie().frames
        assert frames[:60] == [
            Film(tag=b"cam-a-%d" % s).payload(n) for s in (0, 1) for n in range(30)
        ]
        assert frames[-30:] == [Film(tag=b"cam-a-3").payload(n) for n in range(30)]
        assert shown_ticks(rig.movie().tables.reference)[-30] == 3 * 90_000
        assert rig.source()["gaps"][0]["reason"] in {"cut", "damaged", "empty"}

    def test_sent_again_between_being_looked_at_and_copied(self, rig: Rig) -> None:
        rig.record()
        begun = False

        def send_again(progress: Progress) -> None:
            nonlocal begun
            if progress.stage == "join" and not begun:
                begun = True
                again = rig.node() / ".seg_0002.mp4.a1B2"
                again.write_bytes(fragmented(Film(tag=b"again")))
                again.rename(rig.node() / "seg_0002.mp4")

        outcome = process(rig.settings, UUID, None, send_again)
        assert outcome.exit_code == 0, outcome.summary
        assert begun
        assert rig.movie().frames[60:90] == [Film(tag=b"again").payload(n) for n in range(30)]
        assert not needs_processing(rig.settings, UUID)

    def test_parameters_change(self, rig: Rig) -> None:
        rig.record(numbers=range(2))
        rig.record(numbers=range(2, 4), film=Film(width=320))
        outcome = rig.process()
        assert outcome.exit_code == 0, outcome.summary
        source = rig.source()
        assert [p["file"] for p in source["parts"]] == ["cam-a.part2.mp4"]
        assert source["parts"][0]["starts_at_s"] == 2.0
        assert (source["frames"], source["parts"][0]["frames"]) == (60, 60)
        assert len(rig.movie("cam-a.part2.mp4").frames) == 60
        assert source["problems"][0]["code"] == "parameters_changed"

    def test_duplicates_strays_and_links(self, rig: Rig) -> None:
        rig.record()
        shutil.copy(rig.node() / "seg_0001.mp4", rig.node() / "seg_00001.mp4")
        (rig.node() / "notes.txt").write_text("x")
        (rig.node() / "seg_0009.mp4").symlink_to("/etc/passwd")
        (rig.node() / "_tmp_seg_0004.mp4").write_bytes(b"x")
        (rig.node() / ".seg_0004.mp4.Ab12").write_bytes(b"x")
        (rig.logging / "CAM-A" / UUID).mkdir(parents=True)
        assert rig.process().exit_code == 3
        codes = [p["code"] for p in rig.source()["problems"]]
        assert codes == ["duplicate_number", "stray_file", "stray_segment"]
        assert rig.manifest()["problems"][0]["code"] == "stray_folder"
        assert rig.source()["frames"] == 120

    def test_a_segment_of_another_time(self, rig: Rig) -> None:
        rig.record(film=Film(created=2_082_844_800 + START_MS // 1000))
        rig.record(
            numbers=range(2, 3), film=Film(created=2_082_844_800 + START_MS // 1000 - 86_400)
        )
        assert rig.process(session(SessionNode("cam-a", started=True))).exit_code == 3
        found = [(p["code"], p["segment"]) for p in rig.source()["problems"]]
        assert found == [("other_time", "seg_0002.mp4")]
        assert rig.source()["frames"] == 120

    def test_names_that_the_portable_disk_refuses(self, rig: Rig) -> None:
        rig.record()
        rig.upload("GPS.csv", "one")
        rig.upload("gps.csv", "two")
        rig.upload("a:b.csv", "three")
        (rig.node() / "frames.csv").write_text("not ours")
        assert rig.process().exit_code == 0
        assert rig.source("phone")["files"] == ["GPS.csv", "a_b.csv", "gps-2.csv"]
        assert (rig.folder / "phone" / "gps-2.csv").read_text() == "two"
        assert (rig.folder / "cam-a.frames-2.csv").read_text() == "not ours"
        assert not needs_processing(rig.settings, UUID)

    def test_only_unreadable_segments(self, rig: Rig) -> None:
        rig.record("cam-b")
        (rig.node() / "seg_0000.mp4").write_bytes(b"")
        assert rig.process().exit_code == 3
        assert "readable" in rig.source()["error"]
        assert rig.source("cam-b")["frames"] == 120

    def test_a_camera_that_delivered_nothing(self, rig: Rig) -> None:
        rig.record()
        facts = session(SessionNode("cam-a", started=True), SessionNode("cam-b", started=True))
        assert rig.process(facts).exit_code == 3
        assert rig.manifest()["missing"] == ["cam-b"]
        assert "no segment has arrived" in rig.source("cam-b")["error"]

    def test_nothing_at_all(self, rig: Rig) -> None:
        outcome = rig.process()
        assert outcome.exit_code == 1
        assert rig.listing() == []

    def test_phone_only(self, rig: Rig) -> None:
        rig.upload("gps.csv")
        rig.upload("watch/heart_rate.csv")
        outcome = rig.process()
        assert outcome.exit_code == 0, outcome.summary
        sources = rig.manifest()["sources"]
        assert {name: source["files"] for name, source in sources.items()} == {
            "phone": ["gps.csv"],
            "watch": ["heart_rate.csv"],
        }
        assert (rig.folder / "watch" / "heart_rate.csv").read_text() == "time,x\n1,2\n"


class TestBeginAndEnd:
    """Cameras with frame times, in a session of 4 s."""

    def test_a_camera_that_joined_late(self, rig: Rig) -> None:
        rig.record(numbers=range(3))
        rig.capture(numbers=range(3), late_us=1_000_000)
        outcome = rig.process(session(SessionNode("cam-a", True, START_MS + 1000)))
        assert outcome.exit_code == 3
        assert rig.manifest()["complete"] is False
        [gap] = rig.source()["gaps"]
        assert (gap["after_segment"], gap["expected_ms"], gap["reason"]) == (
            None,
            1000,
            "joined late",
        )
        assert gap["estimated"] is False
        assert rig.source()["duration_s"] == 4.0
        assert rig.source()["first_frame_at_us"] == (START_MS + 1000) * 1000
        rows = (rig.folder / "cam-a.frames.csv").read_text().splitlines()
        assert rows[1] == f"0,1000000,{(START_MS + 1000) * 1000},0,"
        assert rig.movie().tables.reference.start_ticks == 90_000

    @pytest.mark.parametrize("off_ms", [-7000, 7000])
    def test_a_clock_that_is_off_makes_no_camera_late(self, rig: Rig, off_ms: int) -> None:
        rig.record()
        rig.capture(late_us=off_ms * 1000)
        node = SessionNode("cam-a", True, START_MS + off_ms)
        clocks = {"cam-a": (ClockSample(START_MS - 500, off_ms, 2.0),)}
        assert rig.process(session(node, clocks=clocks)).exit_code == 0
        assert rig.source()["gaps"] == []

    def test_a_camera_whose_card_filled_up(self, rig: Rig) -> None:
        rig.record(numbers=range(2))
        rig.capture(numbers=range(2))
        node = SessionNode("cam-a", True, START_MS, error="the card is full", segments_total=2)
        assert rig.process(session(node)).exit_code == 3
        [gap] = rig.source()["gaps"]
        assert gap["after_segment"] == "seg_0001.mp4"
        assert gap["expected_ms"] == 2000
        assert gap["reason"] == "ended early (the card is full)"

    def test_dropped_frames_are_counted_and_harm_nothing(self, rig: Rig) -> None:
        rig.record(numbers=range(2))
        rig.capture(numbers=range(2))
        rig.record("cam-b", numbers=range(2))
        path = rig.node() / "seg_0001.frames.csv"
        head, *rows = path.read_text().splitlines()
        renumbered = [f"{n + 2},{row.partition(',')[2]}" for n, row in enumerate(rows, 30)]
        path.write_text("\n".join([head, *renumbered, ""]))
        nodes = [SessionNode(name, True, START_MS) for name in ("cam-a", "cam-b")]
        outcome = rig.process(session(*nodes, stopped_at_ms=START_MS + 2000))
        assert outcome.exit_code == 0, outcome.summary
        assert (rig.source()["dropped"], rig.source("cam-b")["dropped"]) == (2, None)
        [problem] = rig.source()["problems"]
        assert (problem["code"], problem["harms"]) == ("frames_dropped", False)
        assert "2 of its frames" in problem["text"]

    def test_a_mark_before_a_late_camera_lies_in_its_hole(self, rig: Rig) -> None:
        rig.record(numbers=range(2))
        rig.capture(numbers=range(2), late_us=2_000_000)
        node = SessionNode("cam-a", True, START_MS + 2000)
        rig.process(session(node, marks=(Mark(START_MS + 500, "a"), Mark(START_MS + 2500, "b"))))
        offsets = [mark["offset_s"]["cam-a"] for mark in rig.manifest()["marks"]]
        assert offsets == [0.5, 2.5]


class TestRevisions:
    def test_nothing_new_changes_nothing(self, rig: Rig) -> None:
        rig.record()
        rig.process()
        before = (rig.folder / "manifest.json").read_bytes()
        again = rig.process()
        assert (again.exit_code, again.changed, again.revision) == (0, False, 1)
        assert (rig.folder / "manifest.json").read_bytes() == before
        assert not needs_processing(rig.settings, UUID)

    def test_a_late_phone_file_keeps_the_videos(self, rig: Rig) -> None:
        rig.record()
        rig.process()
        inode = (rig.folder / "cam-a.mp4").stat().st_ino
        rig.upload("gps.csv")
        assert needs_processing(rig.settings, UUID)
        assert rig.process().revision == 2
        assert (rig.folder / "cam-a.mp4").stat().st_ino == inode
        assert rig.source("phone")["files"] == ["gps.csv"]
        assert not (rig.folder / SET_ASIDE_NAME).exists()

    def test_a_late_segment_makes_its_video_again(self, rig: Rig) -> None:
        rig.record(numbers=range(3))
        rig.record("cam-b")
        rig.process()
        inode = (rig.folder / "cam-b.mp4").stat().st_ino
        rig.record(numbers=range(3, 4))
        assert rig.process().revision == 2
        assert rig.source()["frames"] == 120
        assert (rig.folder / "cam-b.mp4").stat().st_ino == inode

    def test_raw_data_cleared_away_takes_nothing_from_the_session(self, rig: Rig) -> None:
        rig.record()
        rig.record("cam-b")
        rig.upload("gps.csv")
        (rig.node("cam-a") / "clock.csv").write_text("x")
        (rig.node("cam-b") / "notes.txt").write_text("a stray")
        (rig.node("cam-b") / "seg_0001.mp4").write_bytes(b"")
        rig.process()
        shutil.rmtree(rig.logging / "cam-a")
        shutil.rmtree(rig.logging / "phone")
        (rig.node("cam-b") / "seg_0003.mp4").unlink()
        assert not needs_processing(rig.settings, UUID)
        rig.upload("late.csv")
        assert needs_processing(rig.settings, UUID)
        outcome = rig.process()
        assert (outcome.exit_code, outcome.revision) == (3, 2), outcome.summary
        assert (rig.source("cam-a")["frames"], rig.source("cam-b")["frames"]) == (120, 90)
        assert len(rig.movie("cam-a.mp4").frames) == 120
        assert rig.source("phone")["files"] == ["gps.csv", "late.csv"]
        assert (rig.folder / "cam-a.clock.csv").read_text() == "x"
        assert not needs_processing(rig.settings, UUID)
        assert not rig.process().changed

    @pytest.mark.parametrize("left", [0, 2])
    def test_a_segment_that_is_late_for_its_raw_data_is_left_out_and_named(
        self, rig: Rig, left: int
    ) -> None:
        rig.record()
        assert rig.process().exit_code == 0
        video = (rig.folder / "cam-a.mp4").read_bytes()
        for number in range(left, 4):
            (rig.node() / f"seg_{number:04d}.mp4").unlink()
        rig.record(numbers=range(4, 5))
        assert needs_processing(rig.settings, UUID)
        outcome = rig.process()
        assert (outcome.exit_code, outcome.revision) == (3, 2), outcome.summary
        assert (rig.folder / "cam-a.mp4").read_bytes() == video
        assert rig.source()["segments"] == 4
        found = [(p["code"], p["segment"], p["harms"]) for p in rig.source()["problems"]]
        assert found == [("segment_left_out", "seg_0004.mp4", True)]
        assert (rig.node() / "seg_0004.mp4").exists()
        assert not needs_processing(rig.settings, UUID)
        assert not rig.process().changed
        rig.record(numbers=range(5, 6))
        assert needs_processing(rig.settings, UUID)
        assert rig.process().revision == 3
        named = [p["segment"] for p in rig.source()["problems"]]
        assert named == ["seg_0004.mp4", "seg_0005.mp4"]

    @pytest.mark.parametrize("left", [0, 1])
    def test_a_video_that_changed_on_the_drive_stays_where_it_cannot_be_made_again(
        self, rig: Rig, left: int
    ) -> None:
        rig.record()
        rig.process()
        for number in range(left, 4):
            (rig.node() / f"seg_{number:04d}.mp4").unlink()
        video = rig.folder / "cam-a.mp4"
        os.truncate(video, video.stat().st_size - 1)
        shortened = video.read_bytes()
        rig.upload("late.csv")
        assert rig.process().revision == 2
        assert video.read_bytes() == shortened
        assert rig.source()["frames"] == 120
        assert rig.manifest()["damaged"] == ["cam-a.mp4"]
        assert {f["path"]: f["bytes"] for f in rig.manifest()["files"]} == {
            "cam-a.mp4": len(shortened) + 1,
            "phone/late.csv": 11,
        }
        assert not needs_processing(rig.settings, UUID)

    def test_a_video_that_was_lost_with_its_raw_data_is_not_forgotten(self, rig: Rig) -> None:
        rig.record()
        rig.process()
        shutil.rmtree(rig.node())
        (rig.folder / "cam-a.mp4").unlink()
        rig.upload("late.csv")
        assert rig.process().revision == 2
        assert rig.source()["frames"] == 120
        assert rig.manifest()["damaged"] == ["cam-a.mp4"]

    def test_what_is_left_takes_the_place_of_a_video_that_was_lost(self, rig: Rig) -> None:
        rig.record()
        rig.process()
        (rig.node() / "seg_0003.mp4").unlink()
        (rig.folder / "cam-a.mp4").unlink()
        rig.upload("late.csv")
        assert rig.process().revision == 2
        assert len(rig.movie().frames) == 90
        assert rig.manifest()["damaged"] == []

    def test_a_video_outlives_raw_data_that_became_unreadable(self, rig: Rig) -> None:
        rig.record()
        rig.process()
        video = (rig.folder / "cam-a.mp4").read_bytes()
        for number in range(4):
            (rig.node() / f"seg_{number:04d}.mp4").write_bytes(b"")
        assert needs_processing(rig.settings, UUID)
        outcome = rig.process()
        assert (outcome.exit_code, outcome.revision) == (3, 2), outcome.summary
        assert (rig.folder / "cam-a.mp4").read_bytes() == video
        [problem] = rig.source()["problems"]
        assert (problem["code"], problem["harms"]) == ("not_made_again", True)
        assert "not one frame" in problem["text"]
        assert not needs_processing(rig.settings, UUID)
        rig.record()
        assert rig.process().exit_code == 0
        assert rig.source()["problems"] == []

    @pytest.mark.parametrize("left", [0, 20, 600])
    def test_a_video_outlives_one_segment_that_became_unreadable(self, rig: Rig, left: int) -> None:
        rig.record()
        rig.process()
        video = (rig.folder / "cam-a.mp4").read_bytes()
        os.truncate(rig.node() / "seg_0002.mp4", left)
        rig.record(numbers=range(4, 5))
        assert needs_processing(rig.settings, UUID)
        outcome = rig.process()
        assert (outcome.exit_code, outcome.revision) == (3, 2), outcome.summary
        assert (rig.folder / "cam-a.mp4").read_bytes() == video
        problems = {problem["code"]: problem for problem in rig.source()["problems"]}
        assert "seg_0002.mp4" in problems["not_made_again"]["text"]
        assert problems["segment_left_out"]["segment"] == "seg_0004.mp4"
        assert not needs_processing(rig.settings, UUID)
        assert not rig.process().changed
        rig.record(numbers=range(2, 3))
        assert rig.process().exit_code == 0
        assert (rig.source()["frames"], rig.source()["problems"]) == (150, [])

    def test_frame_times_that_are_gone_are_made_again(self, rig: Rig) -> None:
        rig.record()
        rig.capture()
        rig.process()
        times = (rig.folder / "cam-a.frames.csv").read_bytes()
        (rig.folder / "cam-a.frames.csv").unlink()
        assert rig.process().changed
        assert (rig.folder / "cam-a.frames.csv").read_bytes() == times

    def test_what_was_begun_again_does_not_replace_a_video_that_has_to_be_kept(
        self, rig: Rig
    ) -> None:
        rig.record()
        rig.capture()
        rig.process()
        names = ("cam-a.mp4", "cam-a.frames.csv")
        before = [(rig.folder / name).read_bytes() for name in names]
        rig.record(numbers=range(4, 5))
        rig.capture(numbers=range(4, 5))

        def stop(progress: Progress) -> None:
            if progress.stage == "compare":
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            process(rig.settings, UUID, None, stop)
        for number in range(4):
            (rig.node() / f"seg_{number:04d}.mp4").unlink()
        assert rig.process().revision == 2
        assert [(rig.folder / name).read_bytes() for name in names] == before

    def test_marks_stay_where_they_are_in_a_video_that_is_kept(self, rig: Rig) -> None:
        rig.record()
        rig.capture()
        facts = session(SessionNode("cam-a", True, START_MS), marks=(Mark(START_MS + 3500, "a"),))
        rig.process(facts)
        for number in range(1, 4):
            (rig.node() / f"seg_{number:04d}.mp4").unlink()
        rig.upload("late.csv")
        assert rig.process(facts).revision == 2
        assert rig.manifest()["marks"][0]["offset_s"] == {"cam-a": 3.5}

    def test_raw_data_that_returns_takes_in_what_was_left_out(self, rig: Rig) -> None:
        rig.record()
        rig.process()
        shutil.move(rig.node(), rig.logging / "elsewhere")
        rig.record(numbers=range(4, 5))
        assert rig.process().exit_code == 3
        shutil.copytree(rig.logging / "elsewhere", rig.node(), dirs_exist_ok=True)
        assert needs_processing(rig.settings, UUID)
        assert rig.process().exit_code == 0
        assert (rig.source()["frames"], rig.source()["problems"]) == (150, [])

    def test_a_segment_that_was_sent_again_counts_beside_a_stray(self, rig: Rig) -> None:
        rig.record()
        (rig.node() / "notes.txt").write_text("a stray")
        rig.process()
        rig.record(numbers=range(1, 2), film=Film(frames=30, delta=3000))
        os.utime(rig.node() / "seg_0001.mp4", (1, 1))
        assert needs_processing(rig.settings, UUID)
        assert rig.process().revision == 2

    def test_new_facts_count(self, rig: Rig) -> None:
        rig.record()
        facts = session(SessionNode("cam-a", started=True, segments_total=5))
        assert rig.process(session(SessionNode("cam-a", started=True))).exit_code == 0
        assert needs_processing(rig.settings, UUID, facts)
        assert rig.process(facts).exit_code == 3
        assert not needs_processing(rig.settings, UUID, facts)
        assert not needs_processing(rig.settings, UUID)

    def test_killed_while_a_revision_appears(self, rig: Rig) -> None:
        rig.record()
        rig.process()
        os.rename(rig.folder / "manifest.json", rig.folder / SET_ASIDE_NAME)
        assert needs_processing(rig.settings, UUID)
        outcome = rig.process()
        assert (outcome.exit_code, outcome.revision) == (0, 2)
        assert rig.listing() == [UUID, f"{UUID}/cam-a.mp4", f"{UUID}/manifest.json"]


class TestFolders:
    def test_what_is_there_from_elsewhere_is_never_touched(self, rig: Rig) -> None:
        rig.record()
        rig.folder.mkdir()
        (rig.folder / "cam-a.mp4").write_bytes(b"precious")
        outcome = rig.process()
        assert outcome.manifest == rig.sync / f"{UUID}-2" / "manifest.json"
        assert (rig.folder / "cam-a.mp4").read_bytes() == b"precious"
        assert not rig.process().changed

    def test_two_sessions_of_one_short_name(self, tmp_path: Path) -> None:
        rig = Rig(tmp_path, "{date}_{short}")
        twin = UUID[:-1] + "0"
        rig.record()
        rig.process(session())
        shutil.copytree(rig.node(), rig.logging / "cam-a" / twin)
        process(rig.settings, twin, session(uuid=twin), lambda _: None)
        assert sorted(p.name for p in rig.sync.iterdir()) == [
            "2026-04-16_3f2b8c",
            "2026-04-16_3f2b8c-2",
        ]
        assert not needs_processing(rig.settings, UUID)
        assert not needs_processing(rig.settings, twin)


class TestInterruption:
    @pytest.mark.parametrize("at", [0, 1, 2, 3])
    def test_whatever_is_interrupted_is_invisible_and_taken_up(self, rig: Rig, at: int) -> None:
        rig.record()
        seen = 0

        def stop(progress: Progress) -> None:
            nonlocal seen
            seen += progress.stage == "join"
            if seen > at:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            process(rig.settings, UUID, None, stop)
        assert not rig.folder.exists()
        assert rig.process().exit_code == 0
        assert len(rig.movie().frames) == 120
        assert rig.listing() == [UUID, f"{UUID}/cam-a.mp4", f"{UUID}/manifest.json"]

    def test_a_second_run_is_busy(self, rig: Rig) -> None:
        rig.record()
        with session_lock(rig.settings, UUID):
            outcome = rig.process()
            assert (outcome.exit_code, "another run" in outcome.summary) == (1, True)
        assert rig.process().exit_code == 0

    def test_a_full_disk_fails_clearly(self, rig: Rig) -> None:
        rig.record()

        def full(progress: Progress) -> None:
            if progress.stage == "join":
                raise OSError(errno.ENOSPC, "No space left on device", str(rig.sync))

        outcome = process(rig.settings, UUID, None, full)
        assert outcome.exit_code == 1
        assert "sync disk is full" in outcome.summary
        assert not rig.folder.exists()


class TestListing:
    def test_sessions_and_prefixes(self, rig: Rig) -> None:
        rig.record()
        (rig.logging / "cam-b" / OTHER).mkdir(parents=True)
        (rig.logging / "cam-b" / OTHER / "seg_0000.mp4").write_bytes(plain(Film()))
        rig.process()
        found = {
            s.uuid: (s.nodes, s.segments, s.revision, s.up_to_date)
            for s in list_sessions(rig.settings)
        }
        assert found == {UUID: (("cam-a",), 4, 1, True), OTHER: (("cam-b",), 1, None, False)}
        assert resolve_prefix(rig.settings, "3F2B") == UUID
        with pytest.raises(Refusal) as unknown:
            resolve_prefix(rig.settings, "aaaa")
        assert unknown.value.code == "unknown_session"
        with pytest.raises(Refusal) as nothing:
            resolve_prefix(rig.settings, "")
        assert nothing.value.code == "invalid_uuid"
        (rig.logging / "cam-b" / TWIN).mkdir()
        (rig.logging / "cam-b" / TWIN / "seg_0000.mp4").write_bytes(plain(Film()))
        with pytest.raises(Refusal) as ambiguous:
            resolve_prefix(rig.settings, UUID[:8])
        assert ambiguous.value.code == "ambiguous_session"
        shutil.rmtree(rig.logging / "cam-b" / TWIN)
        shutil.rmtree(rig.node("cam-a"))
        assert resolve_prefix(rig.settings, UUID[:8]) == UUID  # its copy is there

    def test_the_plan_says_everything(self, rig: Rig) -> None:
        rig.record()
        (rig.node() / "seg_0001.mp4").unlink()
        rig.upload("gps.csv")
        lines = describe(
            plan_session(rig.settings, UUID, session(SessionNode("cam-z", started=True)))
        )
        text = "\n".join(lines)
        for word in (
            "cam-a.mp4: 3 segments, 90 frames",
            "gap after seg_0000.mp4",
            "phone/gps.csv",
            "missing: cam-z",
            "incomplete",
        ):
            assert word in text
        assert rig.listing() == []

    def test_a_large_file_is_reported_on_in_its_middle(self, rig: Rig) -> None:
        """One file alone may take longer than a worker may be silent."""
        rig.record()
        rig.upload("gps.csv", "time,x\n" + "1,2\n" * (1 << 19))
        rig.process()
        copied = [p.bytes_done for p in rig.progress if p.stage == "copy"]
        assert len(copied) >= 4
        assert copied == sorted(set(copied))
        read: list[Progress] = []
        verify_session(rig.settings, UUID, read.append)
        assert len({p.bytes_done for p in read if p.source == "phone/gps.csv"}) >= 4
        assert max(p.bytes_done for p in read) == read[-1].bytes_total

    def test_progress_counts_every_byte(self, rig: Rig) -> None:
        rig.record()
        rig.process()
        last = [p for p in rig.progress if p.stage == "join"][-1]
        assert last.bytes_done == last.bytes_total > 0
        assert json.loads(last.to_line())["progress"]["stage"] == "join"
