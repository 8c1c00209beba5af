"""Disks that fail while a session is made: errors at every kind of call, a drive that fills up at
any byte, one that is pulled, and power cuts at any moment. Fault numbers as in the comments."""

import errno
import hashlib
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.component.postprocess.conftest import put_into
from tests.component.postprocess.packets import decode_errors, packets
from tests.faults.blkfs import FailingDisk, after_power_cut
from tests.faults.faultfs import FaultyFolder
from tests.faults.served import needs_faults
from tests.unit.postprocess.rig import UUID, Rig

from ctlr.kernel.clock import SystemClock
from ctlr.postprocess.folder.read_back import verify_folder
from ctlr.postprocess.folder.verify import verify_session
from ctlr.postprocess.manifest.progress import Progress
from ctlr.postprocess.run.follow import Follower

pytestmark = needs_faults


def quiet(_: Progress) -> None:
    """Nobody listens."""


def fingerprint(folder: Path) -> dict[str, str]:
    """Every file below a folder, by what is in it."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture
def logging(rig: Rig, segment_sets: dict[str, Path], tmp_path: Path) -> Iterator[FaultyFolder]:
    """A logging disk with four segments that can fail; whatever happens, it stays as it is."""
    beneath = tmp_path / "raw-beneath"
    rig.logging.rename(beneath)
    shutil.copytree(segment_sets["fragmented"], beneath / "cam-a" / UUID)
    before = fingerprint(beneath)
    with FaultyFolder(beneath, rig.logging) as faulty:
        yield faulty
    assert fingerprint(beneath) == before


@pytest.fixture
def sync(rig: Rig, segment_sets: dict[str, Path], tmp_path: Path) -> Iterator[FaultyFolder]:
    """A sync disk that can fail, with a session to be made."""
    shutil.copytree(segment_sets["plain"], rig.node(), dirs_exist_ok=True)
    for number in range(4):
        stamps = (f"{n},{n * 33333},{(number * 60 + n) * 33333}\n" for n in range(60))
        rows = "frame,pts_us,captured_at_us\n" + "".join(stamps)
        (rig.node() / f"seg_{number:04d}.frames.csv").write_text(rows)
    rig.upload("gps.csv")
    before = fingerprint(rig.logging)
    rig.sync.rename(tmp_path / "sync-beneath")
    with FaultyFolder(tmp_path / "sync-beneath", rig.sync) as faulty:
        yield faulty
    assert fingerprint(rig.logging) == before


class TestRawDiskThatFails:
    """A sector of the logging disk cannot be read."""

    @pytest.mark.parametrize("followed", [False, True])
    def test_what_can_be_read_is_kept_and_the_rest_is_named(
        self, rig: Rig, logging: FaultyFolder, followed: bool
    ) -> None:
        segment = rig.node() / "seg_0001.mp4"
        bad_from = segment.stat().st_size // 2
        logging.fail("read", path="*/seg_0001.mp4", from_byte=bad_from)
        if followed:
            follower = Follower(rig.settings, UUID, quiet)
            assert follower.step() == 3
            outcome = follower.finish(None, SystemClock())
        else:
            outcome = rig.process()
        assert outcome.exit_code == 3, outcome.summary
        (gap,) = rig.source()["gaps"]
        assert (gap["after_segment"], gap["reason"]) == ("seg_0001.mp4", "cut")
        frames = rig.source()["frames"]
        assert 180 < frames < 240
        joined = packets(rig.folder / "cam-a.mp4")["video"]
        assert len(joined) == frames
        assert joined[-60].shown_s == pytest.approx(6.0, abs=1e-3)  # the last segment has its place
        assert decode_errors(rig.folder / "cam-a.mp4") == ""

    def test_among_segments_that_are_remuxed_too(
        self, rig: Rig, segment_sets: dict[str, Path], tmp_path: Path
    ) -> None:
        shutil.copytree(segment_sets["plain"], rig.node(), dirs_exist_ok=True)
        for path in rig.node().iterdir():
            put_into("matroska", path)
        segment = rig.node() / "seg_0001.mp4"
        bad_from = segment.stat().st_size // 2
        rig.logging.rename(tmp_path / "raw-beneath")
        with FaultyFolder(tmp_path / "raw-beneath", rig.logging) as logging:
            logging.fail("read", path="*/seg_0001.mp4", from_byte=bad_from)
            outcome = rig.process()
        assert outcome.exit_code == 3, outcome.summary
        assert rig.source()["method"] == "remux"
        gap = rig.source()["gaps"][0]
        assert (gap["after_segment"], gap["reason"]) == ("seg_0001.mp4", "cut")
        frames = rig.source()["frames"]
        assert 180 < frames < 240
        joined = packets(rig.folder / "cam-a.mp4")["video"]
        assert len(joined) == frames
        assert joined[-60].shown_s == pytest.approx(6.0, abs=1e-3)

    def test_a_segment_that_cannot_be_opened_is_a_gap(
        self, rig: Rig, logging: FaultyFolder
    ) -> None:
        logging.fail("open", path="*/seg_0002.mp4")
        assert rig.process().exit_code == 3
        (gap,) = rig.source()["gaps"]
        assert (gap["after_segment"], gap["segments"]) == ("seg_0001.mp4", ["seg_0002.mp4"])
        assert rig.source()["frames"] == 180

    def test_a_folder_that_cannot_be_listed_is_no_empty_session(
        self, rig: Rig, logging: FaultyFolder
    ) -> None:
        logging.fail("readdir")
        outcome = rig.process()
        assert (outcome.exit_code, "Input/output error" in outcome.summary) == (1, True)
        assert rig.listing() == []
        logging.heal()
        assert rig.process().exit_code == 0


class TestSyncDiskThatFails:
    @pytest.mark.parametrize("file", ["/*/cam-a.mp4", "/*/cam-a.frames.csv", "/*/gps.csv"])
    def test_a_flush_that_fails_is_never_repeated(
        self, rig: Rig, sync: FaultyFolder, file: str
    ) -> None:
        """D5: the first one says that data is lost, a second one would succeed."""
        sync.fail("fsync", path=file, times=1)
        outcome = rig.process()
        assert (outcome.exit_code, "Input/output error" in outcome.summary) == (1, True)
        assert sync.calls("fsync", path=file) == 1
        assert not rig.folder.exists()
        assert rig.process().exit_code == 0
        assert sync.calls("fsync", path=file) == 2
        assert verify_session(rig.settings, UUID, quiet).exit_code == 0

    def test_after_a_failed_flush_nothing_that_was_copied_is_believed(
        self, rig: Rig, sync: FaultyFolder
    ) -> None:
        follower = Follower(rig.settings, UUID, quiet)
        sync.fail("fsync", path="/*.mp4")
        with pytest.raises(OSError, match="Input/output error"):
            follower.step()
        follower.close()
        assert sync.calls("fsync", path="/*.mp4") == 1
        assert [name for name in rig.listing() if "cam-a.mp4" in name] == []

    @pytest.mark.parametrize("operation", ["write", "create", "rename", "mkdir", "flush"])
    @pytest.mark.parametrize("after", [0, 1, 2, 5])
    def test_an_error_at_any_call_leaves_nothing_half_made(
        self, rig: Rig, sync: FaultyFolder, operation: str, after: int
    ) -> None:
        sync.fail(operation, after=after)
        outcome = rig.process()
        struck = sync.calls(operation) > after
        sync.heal()
        assert outcome.exit_code == (1 if struck else 0), outcome.summary
        if rig.folder.exists():
            assert verify_folder(rig.folder, quiet).exit_code == 0
        assert rig.process().exit_code == 0
        assert verify_folder(rig.folder, quiet).exit_code == 0

    def test_a_drive_that_fills_up_at_any_byte(self, rig: Rig, sync: FaultyFolder) -> None:
        """PP5: nothing appears, and with room again the result is what it would have been."""
        assert rig.process().exit_code == 0
        whole = fingerprint(rig.folder)
        size = sum(path.stat().st_size for path in rig.folder.rglob("*") if path.is_file())
        shutil.rmtree(rig.folder)
        for room in [*range(0, size, size // 15), size - 1]:
            sync.fill(room)
            outcome = rig.process()
            assert (outcome.exit_code, "full" in outcome.summary) == (1, True), room
            assert not rig.folder.exists()
            sync.heal()
            assert rig.process().exit_code == 0
            made = fingerprint(rig.folder)
            assert {n: h for n, h in made.items() if n != "manifest.json"} == {
                n: h for n, h in whole.items() if n != "manifest.json"
            }
            shutil.rmtree(rig.folder)

    def test_a_drive_that_turns_read_only(self, rig: Rig, sync: FaultyFolder) -> None:
        sync.make_read_only()
        assert rig.process().exit_code == 1
        sync.heal()
        assert rig.process().exit_code == 0

    def test_a_drive_that_is_pulled_and_returns(
        self, rig: Rig, sync: FaultyFolder, tmp_path: Path
    ) -> None:
        """PP11: the follower ends at once, and the drive's next mount has what it flushed."""
        follower = Follower(rig.settings, UUID, quiet)
        assert follower.step() == 4
        sync.fail("*")
        with pytest.raises(OSError, match="Input/output error"):
            follower.finish(None, SystemClock())
        sync.heal()
        assert rig.process().exit_code == 0
        assert rig.source()["frames"] == 240

    def test_a_video_that_cannot_be_looked_at_is_not_removed(
        self, rig: Rig, sync: FaultyFolder
    ) -> None:
        assert rig.process().exit_code == 0
        video = rig.folder / "cam-a.mp4"
        before = video.read_bytes()
        raw = rig.node().rename(rig.logging.parent / "deleted")
        rig.upload("late.csv")
        sync.fail("getattr", path=f"/{UUID}/cam-a.mp4")
        assert rig.process().exit_code == 1
        sync.heal()
        assert video.read_bytes() == before
        assert rig.process().revision == 2
        assert (rig.source()["frames"], rig.manifest()["damaged"]) == (240, [])
        raw.rename(rig.node())
        (rig.logging / "phone" / UUID / "late.csv").unlink()

    def test_what_cannot_be_read_back_is_never_called_verified(
        self, rig: Rig, sync: FaultyFolder
    ) -> None:
        assert rig.process().exit_code == 0
        sync.fail("read", path="*/cam-a.mp4", from_byte=100_000)
        result = verify_session(rig.settings, UUID, quiet)
        assert (result.exit_code, "cam-a.mp4" in result.summary) == (3, True)
        assert rig.manifest()["verified_at"] is None
        assert rig.manifest()["damaged"] == ["cam-a.mp4"]
        sync.heal()
        assert rig.process().revision == 2
        assert verify_session(rig.settings, UUID, quiet).exit_code == 0


class TestBlockDeviceThatFails:
    """The same below a real ext4."""

    @pytest.fixture
    def disk(
        self, rig: Rig, segment_sets: dict[str, Path], tmp_path: Path
    ) -> Iterator[FailingDisk]:
        shutil.copytree(segment_sets["plain"], rig.node(), dirs_exist_ok=True)
        with FailingDisk(tmp_path, size_mib=112) as disk:
            disk.format("ext4")
            yield disk

    def test_a_write_that_the_drive_refuses_is_told_by_the_flush(
        self, rig: Rig, disk: FailingDisk
    ) -> None:
        with disk.mounted(rig.sync):
            disk.fail("write")
            outcome = rig.process()
            assert (outcome.exit_code, rig.folder.exists()) == (1, False), outcome.summary
        subprocess.run(["fsck.ext4", "-p", disk.device], check=False, capture_output=True)
        with disk.mounted(rig.sync):
            assert rig.process().exit_code == 0
            assert verify_session(rig.settings, UUID, quiet).exit_code == 0

    def test_an_unreadable_sector_of_the_result_is_found_and_mended(
        self, rig: Rig, disk: FailingDisk
    ) -> None:
        """D7, below the cache: what was hashed while copying is in memory, the disk has lost it."""
        with disk.mounted(rig.sync):
            assert rig.process().exit_code == 0
            os.sync()
            disk.fail("read", from_byte=1 << 20)
            result = verify_session(rig.settings, UUID, quiet)
            assert result.exit_code in {1, 3}, result.summary
            disk.heal()
            assert rig.process().exit_code == 0
            assert verify_session(rig.settings, UUID, quiet).exit_code == 0


MAKE = """
import os, sys
from ctlr.config import Settings
from ctlr.postprocess.run.session import process
from ctlr.postprocess.folder.verify import verify_session
if sys.argv[3] == "unflushed":
    os.fsync = lambda fd: None
settings = Settings.model_validate_json(sys.argv[1])
assert process(settings, sys.argv[2], None, lambda _: None).exit_code == 0
if sys.argv[3] == "verified":
    assert verify_session(settings, sys.argv[2], lambda _: None).exit_code == 0
"""


class TestPowerCuts:
    """D2, PP6: the power goes while sessions are published and made again."""

    def make(self, rig: Rig, how: str) -> None:
        command = [sys.executable, "-c", MAKE, rig.settings.model_dump_json(), UUID, how]
        subprocess.run(command, check=True)

    def violations(self, rig: Rig, tmp_path: Path, how: str, cuts: int) -> int:
        """How many of the power cuts break a promise."""
        rig.record()
        rig.upload("gps.csv")
        broken = 0
        with FailingDisk(tmp_path, size_mib=112) as disk:
            disk.format("ext4")
            with disk.mounted(rig.sync):
                os.sync()
                disk.record()
                self.make(rig, how)
                disk.mark("1")
                rig.upload("late.csv")
                rig.record("cam-b")
                self.make(rig, how)
                disk.mark("2")
            for cut in disk.power_cuts(cuts, random.Random(11)):
                with after_power_cut(cut, tmp_path) as mount:
                    broken += not self.keeps_its_promise(rig, mount, cut.promised)
        return broken

    def keeps_its_promise(self, rig: Rig, mount: Path, promised: tuple[str, ...]) -> bool:
        """Whether each finished session is whole, what was promised is there, and the next run
        makes it all."""
        folder = mount / UUID
        if (folder / "manifest.json").exists() and verify_folder(folder, quiet).exit_code != 0:
            return False
        if promised and not folder.exists():
            return False
        storage = rig.settings.storage.model_copy(update={"sync": mount})
        rig.settings = rig.settings.model_copy(update={"storage": storage})
        outcome = rig.process()
        if outcome.exit_code != 0:
            return False
        return verify_folder(folder, quiet).exit_code == 0

    @pytest.mark.parametrize("how", ["flushed", "verified"])
    def test_a_session_is_absent_or_whole(self, rig: Rig, tmp_path: Path, how: str) -> None:
        assert self.violations(rig, tmp_path, how, cuts=15) == 0

    def test_without_flushes_it_would_not_be(self, rig: Rig, tmp_path: Path) -> None:
        """The control: the same cuts must break what was never flushed."""
        assert self.violations(rig, tmp_path, "unflushed", cuts=10) > 0


def test_errors_have_the_number_that_they_were_told(rig: Rig, sync: FaultyFolder) -> None:
    sync.fail("statfs", errno.ENODEV)
    outcome = rig.process()
    assert (outcome.exit_code, "No such device" in outcome.summary) == (1, True)
