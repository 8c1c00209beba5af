"""What other people's cameras write, joined: odd indexes, odd tracks, odd times, odd names.

Each is a film of 12 s cut into three segments of 4 s, and changed as such a device would write it.
"""

import os
import resource
import shutil
import struct
import subprocess
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from tests.component.postprocess.box_tree import Node, Tree, edit, u32
from tests.component.postprocess.conftest import ffmpeg
from tests.component.postprocess.packets import Packet, decode_errors, packets, picture_hashes
from tests.unit.postprocess.rig import START_MS, Rig, session

from ctlr.sessions.model import SessionNode

FRAMES = 360
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "30", "-sc_threshold", "0", "-bf", "0")


def film(path: Path, *encode: str, sound: bool = True, rate: int = 30, seconds: int = 12) -> Path:
    source = ["-f", "lavfi", "-i", f"testsrc2=s=320x180:r={rate}:d={seconds}"]
    heard = ["-f", "lavfi", "-i", f"sine=f=330:r=48000:d={seconds}", "-c:a", "aac"]
    ffmpeg(*source, *(heard if sound else ()), *X264, "-pix_fmt", "yuv420p",
           "-video_track_timescale", "90000", *encode, str(path))  # fmt: skip
    return path


def cut(path: Path, folder: Path, form: str = "video_track_timescale=90000") -> Path:
    folder.mkdir(exist_ok=True)
    ffmpeg("-i", str(path), "-map", "0", "-c", "copy", "-f", "segment", "-segment_time", "4",
           "-reset_timestamps", "1", "-segment_format_options", form,
           str(folder / "seg_%04d.mp4"))  # fmt: skip
    return folder


@pytest.fixture(scope="session")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three segments with sound."""
    root = tmp_path_factory.mktemp("heard")
    return cut(film(root / "film.mp4"), root / "cut")


@pytest.fixture(scope="session")
def silent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same without."""
    root = tmp_path_factory.mktemp("silent")
    return cut(film(root / "film.mp4", sound=False), root / "cut")


class Joined:
    """What became of segments."""

    def __init__(self, rig: Rig) -> None:
        self.outcome = rig.process()
        self.source = rig.source()
        self.complete = rig.manifest()["complete"]
        self.path = rig.folder / "cam-a.mp4"
        self.problems = [problem["code"] for problem in self.source.get("problems", [])]

    @property
    def packets(self) -> dict[str, list[Packet]]:
        return packets(self.path)


Join = Callable[[Path, "Callable[[Path], object] | None"], Joined]


@pytest.fixture
def join(rig: Rig) -> Join:
    """Joins a folder's segments, each changed first."""

    def run(folder: Path, change: Callable[[Path], object] | None = None) -> Joined:
        shutil.copytree(folder, rig.node(), dirs_exist_ok=True)
        for path in sorted(rig.node().iterdir()):
            if change:
                change(path)
        return Joined(rig)

    return run


def changing(change: Callable[[Tree], object]) -> Callable[[Path], object]:
    return lambda path: edit(path, change)


def assert_one_film(joined: Joined, frames: int = FRAMES) -> None:
    """All frames, at 30 a second, from 0 on."""
    shown = sorted(packet.shown_s for packet in joined.packets["video"])
    assert shown == pytest.approx([number / 30 for number in range(frames)], abs=1e-3)
    assert joined.source["duration_s"] == pytest.approx(frames / 30, abs=1e-3)


class TestNeverCompleteWhenItIsNot:
    def test_an_index_that_holds_the_first_fragment(self, join: Join, tmp_path: Path) -> None:
        source = film(tmp_path / "f.mp4", sound=False)
        joined = join(cut(source, tmp_path / "cut", "movflags=frag_keyframe"), None)
        assert (joined.outcome.exit_code, joined.source["frames"]) == (0, FRAMES)
        assert_one_film(joined)

    @pytest.mark.parametrize("form", ["faststart", "frag_keyframe+empty_moov+default_base_moof"])
    def test_media_that_were_never_written_to_the_end(
        self, join: Join, silent: Path, tmp_path: Path, form: str
    ) -> None:
        folder = cut(silent.parent / "film.mp4", tmp_path / "cut", f"movflags={form}")
        path = folder / "seg_0001.mp4"
        data = bytearray(path.read_bytes())
        begin = len(data) // 2
        for at in range(begin, len(data)):  # the media alone: the index of a fragment is there
            data[at] = 0 if form == "faststart" else data[at]
        if form != "faststart":
            last = data.rindex(b"mdat") + 4
            data[last:] = bytes(len(data) - last)
        path.write_bytes(data)
        joined = join(folder, None)
        assert (joined.outcome.exit_code, joined.complete) == (3, False)
        (gap,) = joined.source["gaps"]
        assert (gap["after_segment"], gap["reason"]) == ("seg_0001.mp4", "cut")
        assert joined.source["frames"] + round(gap["expected_ms"] * 30 / 1000) == FRAMES
        wanted = set(picture_hashes(silent.parent / "film.mp4"))
        assert set(picture_hashes(joined.path)) <= wanted
        assert joined.packets["video"][-120].shown_s == pytest.approx(8, abs=1e-3)

    def test_a_page_of_zeros_within_is_said(self, join: Join, tmp_path: Path) -> None:
        source = film(tmp_path / "f.mp4", "-b:v", "8M", "-minrate", "8M", "-bufsize", "1M")
        folder = cut(source, tmp_path / "cut")
        path = folder / "seg_0001.mp4"
        data = bytearray(path.read_bytes())
        page = data.index(b"mdat") // 4096 * 4096 + 40 * 4096
        data[page : page + 2 * 4096] = bytes(2 * 4096)
        path.write_bytes(data)
        joined = join(folder, None)
        assert (joined.outcome.exit_code, joined.source["frames"]) == (3, FRAMES)
        assert "blank_frames" in joined.problems

    def test_a_page_of_zeros_is_remembered_by_the_next_run(self, rig: Rig, tmp_path: Path) -> None:
        """What was copied and not yet looked at when the first was killed."""
        source = film(tmp_path / "f.mp4", "-b:v", "8M", "-minrate", "8M", "-bufsize", "1M")
        folder = cut(source, tmp_path / "cut")
        path = folder / "seg_0001.mp4"
        data = bytearray(path.read_bytes())
        page = data.index(b"mdat") // 4096 * 4096 + 40 * 4096
        data[page : page + 2 * 4096] = bytes(2 * 4096)
        path.write_bytes(data)
        shutil.copytree(folder, rig.node(), dirs_exist_ok=True)
        assert rig.process().exit_code == 3
        shutil.rmtree(rig.folder)
        assert rig.process().exit_code == 3
        assert "blank_frames" in [p["code"] for p in rig.source()["problems"]]

    def test_a_picture_that_changes_its_size_within_a_segment(
        self, join: Join, silent: Path, rig: Rig
    ) -> None:
        """And what comes after it is shown as it was."""
        big = rig.node().parent / "big.mp4"
        ffmpeg("-f", "lavfi", "-i", "testsrc2=s=640x360:r=30:d=4", *X264, "-pix_fmt", "yuv420p",
               "-video_track_timescale", "90000", str(big))  # fmt: skip
        shutil.copytree(silent, rig.node(), dirs_exist_ok=True)
        wanted = [picture_hashes(path) for path in (silent / "seg_0000.mp4", big)]
        wanted.append(picture_hashes(silent / "seg_0001.mp4"))
        _put_together(silent / "seg_0000.mp4", big, rig.node() / "seg_0000.mp4")
        (rig.node() / "seg_0002.mp4").unlink()
        big.unlink()
        joined = Joined(rig)
        assert joined.outcome.exit_code == 0
        assert "picture_changes" in joined.problems
        files = [joined.path, rig.folder / joined.source["parts"][0]["file"]]
        assert [len(picture_hashes(path)) for path in files] == [240, 120]
        assert picture_hashes(files[0])[:120] == wanted[0]
        assert picture_hashes(files[1]) == wanted[2]

    @pytest.mark.parametrize(
        "name", ["seg_0002.MP4", "seg_0002 (1).mp4", "seg_0002.mp4.part", "seg_0002.h264"]
    )
    def test_a_stray_that_fills_a_hole_is_taken(self, join: Join, silent: Path, name: str) -> None:
        def rename(path: Path) -> None:
            if path.name == "seg_0002.mp4":
                path.rename(path.with_name(name))

        joined = join(silent, rename)
        assert (joined.outcome.exit_code, joined.source["frames"]) == (0, FRAMES)
        assert joined.problems == ["stray_taken"]
        assert_one_film(joined)

    def test_strays_that_fill_none_are_named(self, join: Join, silent: Path, rig: Rig) -> None:
        (rig.node() / "seg_0003.mp4.part").write_bytes(b"half a file")
        (rig.node() / "seg_0004.mp4").mkdir()
        (rig.node() / "seg_0005.mp4").symlink_to(silent / "seg_0002.mp4")
        (rig.node() / "thumbnail.jpg").write_bytes(b"x")
        shutil.copytree(silent, rig.node(), dirs_exist_ok=True)
        shutil.copy(silent / "seg_0001.mp4", rig.node() / "seg_0001 (1).mp4")
        joined = Joined(rig)
        assert (joined.outcome.exit_code, joined.source["frames"]) == (3, FRAMES)
        told = {p["segment"]: p["harms"] for p in joined.source["problems"]}
        assert told == {
            "seg_0001 (1).mp4": False,
            "seg_0003.mp4.part": True,
            "seg_0004.mp4": True,
            "seg_0005.mp4": True,
            "thumbnail.jpg": False,
        }


def _put_together(first: Path, second: Path, target: Path) -> None:
    """One segment whose picture is that of the first, then that of the second file."""
    trees = [Tree(first.read_bytes()), Tree(second.read_bytes())]
    media = [next(node.data for node in tree.top if node.kind == b"mdat") for tree in trees]
    sizes = [tree.table(b"stsz").data[12:] for tree in trees]
    syncs = [tree.table(b"stss").data[8:] for tree in trees]
    keys = [*struct.unpack(f">{len(syncs[0]) // 4}I", syncs[0])]
    keys += [120 + n for n in struct.unpack(f">{len(syncs[1]) // 4}I", syncs[1])]
    tree, tables = trees[0], trees[0].tables()
    entries = tables.at(b"stsd").data[8:] + trees[1].table(b"stsd").data[8:]
    tables.at(b"stsd").data = u32(0, 2) + entries
    tables.at(b"stts").data = u32(0, 1, 240, 3000)
    tables.at(b"stss").data = u32(0, len(keys), *keys)
    tables.at(b"stsz").data = u32(0, 0, 240) + sizes[0] + sizes[1]
    tables.at(b"stsc").data = u32(0, 2, 1, 120, 1, 2, 120, 2)
    head = b"".join(node.pack() for node in tree.top if node.kind == b"ftyp")
    at = len(head) + 8
    tables.at(b"stco").data = u32(0, 2, at, at + len(media[0]))
    body = media[0] + media[1]
    target.write_bytes(head + struct.pack(">I4s", len(body) + 8, b"mdat") + body + tree.moov.pack())


class TestNamesAndBytesThatNobodyExpects:
    def test_names_that_are_not_utf_8(self, join: Join, silent: Path, rig: Rig) -> None:
        for folder in (rig.node(), rig.logging / "phone" / rig.node().name):
            folder.mkdir(parents=True, exist_ok=True)
            Path(os.fsdecode(os.fsencode(folder) + b"/\xdcbersicht.mp4")).write_bytes(b"x")
        foreign = os.fsdecode(os.fsencode(rig.logging) + b"/K\xfcche")
        (Path(foreign) / rig.node().name).mkdir(parents=True)
        joined = join(silent, None)
        assert joined.outcome.exit_code in (0, 3), joined.outcome.summary
        assert joined.source["frames"] == FRAMES
        assert "\ufffdbersicht.mp4" in [p["segment"] for p in joined.source["problems"]]
        assert rig.manifest()["sources"]["phone"]["files"] == ["_bersicht.mp4"]

    def test_a_handler_name_in_another_code(self, join: Join, tmp_path: Path) -> None:
        """Of a segment that has to be remuxed."""
        folder = cut(film(tmp_path / "f.mp4", sound=False), tmp_path / "cut")

        def change(path: Path) -> None:
            ffmpeg("-i", str(path), "-c", "copy", "-metadata", "title=TITLE", "-f", "matroska",
                   str(path.with_suffix(".mkv")))  # fmt: skip
            path.with_suffix(".mkv").rename(path)
            path.write_bytes(path.read_bytes().replace(b"TITLE", b"\xb3\xb5\xd4\xd8\xd0"))

        joined = join(folder, change)
        assert (joined.outcome.exit_code, joined.source["method"]) == (0, "remux")
        assert joined.source["frames"] == FRAMES


class TestThePictureIsNotThrownAway:
    @pytest.mark.parametrize("ailment", ["stsd empty", "no stsd", "timescale", "offset"])
    def test_a_data_track_that_nobody_can_read(self, join: Join, heard: Path, ailment: str) -> None:
        def change(tree: Tree) -> None:
            track = tree.add_data_track()
            tables = track.at(b"mdia", b"minf", b"stbl")
            if ailment == "stsd empty":
                tables.at(b"stsd").data = bytes(8)
            elif ailment == "no stsd":
                tables.drop(b"stsd")
            elif ailment == "offset":
                tables.at(b"stco").data = u32(0, 1, 8)
            else:
                header = track.at(b"mdia", b"mdhd")
                header.data = header.data[:12] + bytes(4) + header.data[16:]

        joined = join(heard, changing(change))
        assert_one_film(joined)
        assert len(joined.packets["audio"]) > 500
        assert joined.problems == ["track_lost"] * 3
        assert not joined.complete

    @pytest.mark.parametrize("place_said", [True, False])
    def test_a_data_track_is_kept(self, join: Join, heard: Path, place_said: bool) -> None:
        """Beside a picture whose first half second is hidden; also one that does not say that its
        samples lie in this file."""

        def change(tree: Tree) -> None:
            track = tree.add_data_track()
            if not place_said:
                track.at(b"mdia", b"minf").drop(b"dinf")
            tree.hide((3.5, 0.5))

        joined = join(heard, changing(change))
        assert_one_film(joined)
        assert len(joined.packets["data"]) == 3
        assert set(joined.problems) == {"hidden_frames"}
        assert joined.complete

    def test_a_sound_track_without_description(self, join: Join, heard: Path) -> None:
        def change(tree: Tree) -> None:
            tree.table(b"stsd", b"soun").data = bytes(8)

        joined = join(heard, changing(change))
        assert_one_film(joined)
        assert joined.problems == ["track_lost"] * 3

    @pytest.mark.parametrize("slack", ["chunk", "samples", "last chunk", "times", "sizes", "keys"])
    def test_an_index_with_slack(self, join: Join, heard: Path, slack: str) -> None:
        def change(tree: Tree) -> None:
            if slack == "chunk":  # one too many
                box = tree.table(b"stco")
                box.data = u32(0, len(box.data) // 4 - 1) + box.data[8:] + u32(0xC000009D)
            elif slack == "samples":  # more in each chunk than there are
                box = tree.table(b"stsc")
                assert box.data[8:] == u32(1, 1, 1)
                box.data = u32(0, 1, 1, 6, 1)
            elif slack == "last chunk":
                box = tree.table(b"stsc")
                box.data = u32(0, 2, 1, 1, 1, 120, 6, 1)
            elif slack == "times":  # one too few
                tree.table(b"stts").data = u32(0, 1, 119, 3000)
            elif slack == "sizes":
                tables = tree.tables(b"soun")
                sizes = tables.at(b"stsz").data
                count = int.from_bytes(sizes[8:12])
                halves = b"".join(sizes[at + 2 : at + 4] for at in range(12, len(sizes), 4))
                tables.at(b"stsz").kind = b"stz2"
                tables.at(b"stz2").data = u32(0, 16, count) + halves
            else:
                tree.table(b"stss").data = u32(0, 5, 1, 31, 61, 91, 121)

        joined = join(heard, changing(change))
        assert (joined.outcome.exit_code, joined.problems) == (0, [])
        assert_one_film(joined)
        assert decode_errors(joined.path) == ""

    @pytest.mark.parametrize("rows", [[(2, 0), (2, 2)], [(1, 0), (2, 2)], [(4, 0)]])
    def test_edit_lists(self, join: Join, heard: Path, rows: list[tuple[float, float]]) -> None:
        joined = join(heard, changing(lambda tree: tree.hide(*rows)))
        assert joined.complete
        assert_one_film(joined)

    def test_texts_are_one_track(self, join: Join, tmp_path: Path) -> None:
        """Muxers write another bit rate into each segment's description of them."""
        text = "".join(
            f"{n + 1}\n00:00:{n:02d},200 --> 00:00:{n:02d},700\nline {n:02d}\n\n" for n in range(12)
        )
        (tmp_path / "texts.srt").write_text(text)
        ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x180:r=30:d=12", "-i", str(tmp_path / "texts.srt"),
               "-map", "0", "-map", "1", *X264, "-c:s", "mov_text", str(tmp_path / "f.mp4"))  # fmt: skip
        folder = tmp_path / "cut"
        folder.mkdir()
        for number in range(3):
            ffmpeg("-ss", f"{number * 4}", "-t", "4", "-i", str(tmp_path / "f.mp4"), "-map", "0",
                   "-c", "copy", str(folder / f"seg_{number:04d}.mp4"))  # fmt: skip
        wanted = packets(tmp_path / "f.mp4")["subtitle"]
        joined = join(folder, None)
        assert (joined.outcome.exit_code, joined.problems) == (0, [])
        tracks = [
            node for node in Tree(joined.path.read_bytes()).moov.inner or () if node.kind == b"trak"
        ]
        assert len(tracks) == 2
        found = {packet.md5: packet.shown_s for packet in joined.packets["subtitle"]}
        texts = {packet.md5: packet.shown_s for packet in wanted[1::2]}
        assert len(texts) == 12
        assert {md5: found[md5] for md5 in texts} == pytest.approx(texts, abs=0.5)

    @pytest.mark.parametrize(("picture_ms", "sound_ms"), [(21, 0), (0, 21), (500, 0), (0, 500)])
    def test_a_track_that_begins_with_an_empty_edit(
        self, join: Join, heard: Path, picture_ms: int, sound_ms: int
    ) -> None:
        """Sound stays where it is beside the picture; the picture begins at 0."""

        def change(tree: Tree) -> None:
            for kind, wait_ms in ((b"vide", picture_ms), (b"soun", sound_ms)):
                waits = [(wait_ms / 1000, -1.0)] if wait_ms else []
                tree.hide(*waits, (4.0, 0.0), kind=kind)

        joined = join(heard, changing(change))
        assert (joined.outcome.exit_code, joined.problems) == (0, [])
        assert_one_film(joined)
        first = joined.packets["audio"][0].shown_s
        assert first == pytest.approx((sound_ms - picture_ms) / 1000, abs=1e-3)

    def test_a_second_picture_is_kept_beside_the_first(self, join: Join, heard: Path) -> None:
        joined = join(heard, changing(lambda tree: tree.add_copy(7)))
        assert joined.complete
        assert len(joined.packets["video"]) == 2 * FRAMES
        assert joined.source["frames"] == FRAMES

    @pytest.mark.parametrize(
        "trailer", [b"\0\1\2\3" * 500 + b"8db42d694ccc418790edff", bytes(9000)]
    )
    def test_bytes_behind_the_last_box(self, join: Join, heard: Path, trailer: bytes) -> None:
        joined = join(heard, lambda path: path.write_bytes(path.read_bytes() + trailer))
        assert (joined.outcome.exit_code, joined.problems) == (0, [])
        assert_one_film(joined)

    def test_a_sound_track_that_was_switched_off_stays_so(self, join: Join, heard: Path) -> None:
        def change(tree: Tree) -> None:
            header = tree.track(b"soun").at(b"tkhd")
            header.data = header.data[:3] + b"\0" + header.data[4:]

        joined = join(heard, changing(change))
        assert len(joined.packets["audio"]) > 500
        made = Tree(joined.path.read_bytes())
        assert made.track(b"soun").at(b"tkhd").data[3] == 0
        assert made.track().at(b"tkhd").data[3] & 1

    def test_what_a_camera_says_of_itself_stays(self, join: Join, heard: Path) -> None:
        """That of the first segment: settings, place, firmware, the shape of the picture."""
        settings = b"DVIDc\0\0\1\1DVNML\0\0\1Black"

        def change(path: Path) -> None:
            def add(tree: Tree) -> None:
                assert tree.moov.inner is not None
                tree.moov.drop(b"udta")
                boxes = [Node(b"FIRM", path.name.encode()), Node(b"GPMF", settings)]
                tree.moov.inner.append(Node(b"udta", inner=boxes))
                track = tree.track()
                assert track.inner is not None
                track.inner.append(Node(b"uuid", bytes(range(16)) + b"<rdf:SphericalVideo/>"))
                header = tree.moov.at(b"mvhd")
                header.data = header.data[:4] + u32(3_800_000_000) + header.data[8:]

            edit(path, add)

        joined = join(heard, change)
        made = Tree(joined.path.read_bytes())
        data = made.moov.at(b"udta").data
        assert Node(b"FIRM", b"seg_0000.mp4").pack() in data
        assert Node(b"GPMF", settings).pack() in data
        assert made.track().at(b"uuid").data[16:] == b"<rdf:SphericalVideo/>"
        assert int.from_bytes(made.moov.at(b"mvhd").data[4:12]) == 3_800_000_000
        assert decode_errors(joined.path) == ""

    def test_the_mark_of_hevc_stays(self, join: Join, tmp_path: Path) -> None:
        x265 = ["-c:v", "libx265", "-x265-params", "log-level=none:keyint=30", "-tag:v", "hvc1"]
        folder = cut(film(tmp_path / "f.mp4", *x265, sound=False), tmp_path / "cut")
        joined = join(folder, changing(lambda tree: tree.hide((3.5, 0.5))))
        assert Tree(joined.path.read_bytes()).table(b"stsd").data[12:16] == b"hvc1"


class TestTimes:
    @pytest.mark.parametrize("hours", [-10, -180_000])
    def test_a_clock_of_another_zone_makes_no_other_session(
        self, rig: Rig, silent: Path, hours: int
    ) -> None:
        """Nor one that was never set; a single file of another day does."""
        shutil.copytree(silent, rig.node(), dirs_exist_ok=True)
        told = SessionNode("cam-a", started=True, start_at_ms=START_MS)
        facts = replace(session(told), stopped_at_ms=START_MS + 12_000)

        def made_at(number: int, seconds: int) -> None:
            since_1904 = (START_MS // 1000 + seconds + 2_082_844_800) % (1 << 32)

            def change(tree: Tree) -> None:
                header = tree.moov.at(b"mvhd")
                header.data = header.data[:4] + u32(since_1904) + header.data[8:]

            edit(rig.node() / f"seg_{number:04d}.mp4", change)

        for number in range(3):
            made_at(number, 3600 * hours + 4 * number)
        rig.process(facts)
        problems = {p["code"]: p for p in rig.source()["problems"]}
        assert "other_time" not in problems
        assert problems["other_clock"]["harms"] is False
        made_at(1, 3600 * hours - 7 * 24 * 3600)
        rig.process(facts)
        foreign = [p["segment"] for p in rig.source()["problems"] if p["code"] == "other_time"]
        assert foreign == ["seg_0001.mp4"]

    @pytest.mark.parametrize("last", [0, 1])
    def test_a_last_frame_without_length(self, join: Join, silent: Path, last: int) -> None:
        def change(tree: Tree) -> None:
            tree.table(b"stts").data = u32(0, 2, 119, 3000, 1, last)

        joined = join(silent, changing(change))
        assert joined.complete
        assert_one_film(joined)

    def test_open_groups_of_pictures(self, join: Join, tmp_path: Path) -> None:
        """Their leading pictures belong before the keyframe, where the segment before left off."""
        x265 = "log-level=none:keyint=30:min-keyint=30:bframes=4:open-gop=1"
        encode = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", x265]
        source = film(tmp_path / "f.mp4", *encode, "-tag:v", "hvc1", sound=False)
        joined = join(cut(source, tmp_path / "cut"), None)
        assert_one_film(joined)
        assert picture_hashes(joined.path) == picture_hashes(source)

    @pytest.mark.parametrize("timescale", [15_360, 30_000])
    def test_another_timescale_in_the_middle(self, join: Join, heard: Path, timescale: int) -> None:
        def change(path: Path) -> None:
            if path.name == "seg_0001.mp4":
                made = path.with_suffix(".other.mp4")
                ffmpeg("-i", str(path), "-map", "0", "-c", "copy", "-video_track_timescale",
                       str(timescale), str(made))  # fmt: skip
                made.rename(path)

        joined = join(heard, change)
        assert (joined.complete, joined.source["parts"]) == (True, [])
        assert_one_film(joined)

    def test_a_segment_without_sound_and_one_with_its_tracks_in_another_order(
        self, join: Join, heard: Path, silent: Path
    ) -> None:
        def change(path: Path) -> None:
            made = path.with_suffix(".other.mp4")
            if path.name == "seg_0000.mp4":
                ffmpeg("-i", str(path), "-map", "0:a", "-map", "0:v", "-c", "copy",
                       "-video_track_timescale", "90000", str(made))  # fmt: skip
                made.rename(path)
            if path.name == "seg_0001.mp4":
                shutil.copy(silent / path.name, path)

        joined = join(heard, change)
        assert (joined.complete, joined.source["parts"]) == (True, [])
        assert_one_film(joined)
        heard_s = [packet.shown_s for packet in joined.packets["audio"]]
        (gap,) = ((a, b) for a, b in pairwise(heard_s) if b - a > 0.1)
        assert gap == pytest.approx((4, 8), abs=0.05)

    def test_fragment_times_that_begin_again(self, join: Join, tmp_path: Path) -> None:
        source = film(tmp_path / "f.mp4", sound=False)
        form = "movflags=frag_keyframe+empty_moov+default_base_moof"
        folder = tmp_path / "one"
        folder.mkdir()
        ffmpeg("-i", str(source), "-c", "copy", "-movflags", form.removeprefix("movflags="),
               str(folder / "seg_0000.mp4"))  # fmt: skip

        def change(path: Path) -> None:
            data, at, number = bytearray(path.read_bytes()), 0, 0
            while (at := data.find(b"tfdt", at)) >= 0:
                data[at + 8 : at + 16] = struct.pack(">Q", 90_000 * (number % 5))
                at, number = at + 4, number + 1
            assert number == 12
            path.write_bytes(data)

        joined = join(folder, change)
        assert joined.complete
        assert_one_film(joined)

    def test_sound_that_is_longer_than_the_picture_stays_in_step(
        self, join: Join, silent: Path
    ) -> None:
        def change(path: Path) -> None:
            made = path.with_suffix(".other.mp4")
            ffmpeg("-i", str(path), "-f", "lavfi", "-i", "sine=r=48000:d=4.3", "-map", "0:v",
                   "-map", "1:a", "-c:v", "copy", "-c:a", "aac", "-video_track_timescale", "90000",
                   str(made))  # fmt: skip
            made.rename(path)

        joined = join(silent, change)
        assert_one_film(joined)
        at = [packet.shown_s for packet in joined.packets["audio"]]
        assert at == sorted(at)
        for begin in (4, 8):  # a frame begins within its own length of where it should
            wanted = begin + 0.3 + 0.021
            assert min(abs(t - wanted) for t in at) < 0.022


class TestBounds:
    def test_a_drive_that_cannot_hold_so_large_a_file_is_named(
        self, rig: Rig, silent: Path
    ) -> None:
        """As FAT32 from 4 GB on; and that it would be the same again is said as well."""
        shutil.copytree(silent, rig.node(), dirs_exist_ok=True)
        usual = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, usual[1]))
        try:
            outcome = rig.process()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, usual)
        assert (outcome.exit_code, outcome.lasting) == (1, True)
        assert "FAT32" in outcome.summary
        assert rig.process().exit_code == 0

    @pytest.mark.parametrize("codec", ["pcm_s16be", "pcm_s24le", "pcm_mulaw"])
    def test_pcm_sound_costs_no_index(self, join: Join, tmp_path: Path, codec: str) -> None:
        folder = tmp_path / "one"
        folder.mkdir()
        encode = ["-f", "mov", "-c:a", codec]
        film(folder / "seg_0000.mp4", *encode, rate=10, seconds=60)
        joined = join(folder, None)
        assert joined.complete
        assert joined.source["frames"] == 600
        made, source = joined.path, folder / "seg_0000.mp4"
        assert joined.source["index"]["length"] < 100_000
        assert _sound(made) == _sound(source)

    @pytest.mark.parametrize("codec", ["libmp3lame", "flac", "alac", "ac3"])
    def test_a_bit_rate_that_differs_starts_no_new_file(
        self, join: Join, silent: Path, codec: str
    ) -> None:
        def change(path: Path) -> None:
            loud = 0.1 + 0.3 * int(path.stem[-1])
            rate = f"{128 + 64 * int(path.stem[-1])}k"
            made = path.with_suffix(".other.mp4")
            ffmpeg("-i", str(path), "-f", "lavfi", "-i", f"anoisesrc=a={loud}:r=48000:d=4",
                   "-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", codec, "-b:a", rate, "-strict", "-2",
                   "-video_track_timescale", "90000", str(made))  # fmt: skip
            made.rename(path)

        joined = join(silent, change)
        assert (joined.complete, joined.source["parts"]) == (True, [])
        assert_one_film(joined)
        assert decode_errors(joined.path) == ""


def _sound(path: Path) -> bytes:
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(path), "-vn", "-f", "s16le", "-"]
    return subprocess.run(command, check=True, capture_output=True).stdout
