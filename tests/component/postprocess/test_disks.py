"""Full disks, exFAT, kills: what the sync disk and the world do to a run."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.component.postprocess.conftest import hide_a_beginning
from tests.component.postprocess.packets import packets
from tests.unit.postprocess.mp4 import Film, plain
from tests.unit.postprocess.rig import UUID, Rig

from ctlr.kernel.clock import SystemClock
from ctlr.mp4.boxes import make_box
from ctlr.postprocess.folder.read_back import verify_folder
from ctlr.postprocess.folder.verify import needs_verification, verify_session
from ctlr.postprocess.manifest.progress import Progress, RunResult
from ctlr.postprocess.run.changes import needs_processing
from ctlr.postprocess.run.follow import Follower
from ctlr.postprocess.run.session import process

MB = 1 << 20
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")

ORACLE = Path(sys.executable).with_name("ascmhl-debug")
"""The public media hash list tool, from the same environment."""


def quiet(_: Progress) -> None:
    """Nobody listens."""


@contextmanager
def mounted(command: list[str], at: Path) -> Iterator[Path]:
    at.mkdir(exist_ok=True)
    subprocess.run([*command, str(at)], check=True, capture_output=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", str(at)], check=True)


@contextmanager
def loop_device(image: Path) -> Iterator[str]:
    command = ["losetup", "-f", "--show", str(image)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    device = done.stdout.strip()
    try:
        yield device
    finally:
        subprocess.run(["losetup", "-d", device], check=True)


@needs_root
@pytest.mark.parametrize("remuxed", [False, True])
@pytest.mark.parametrize("filled_at", [1, 2, 5])
def test_a_disk_that_fills_up_leaves_nothing_and_is_taken_up(
    rig: Rig, segment_sets: dict[str, Path], filled_at: int, remuxed: bool
) -> None:
    shutil.copytree(segment_sets["plain"], rig.node(), dirs_exist_ok=True)
    if remuxed:
        hide_a_beginning(rig.node() / "seg_0001.mp4")
    steps = 0

    def fill(_: Progress) -> None:
        nonlocal steps
        steps += 1
        if steps == filled_at:
            with open(rig.sync / "other-program", "wb", buffering=0) as file:
                try:
                    while True:
                        file.write(bytes(MB))
                except OSError:
                    return

    with mounted(["mount", "-t", "tmpfs", "-o", "size=80m", "tmpfs"], rig.sync):
        outcome = process(rig.settings, UUID, None, fill)
        assert (outcome.exit_code, "full" in outcome.summary) == (1, True)
        assert not rig.folder.exists()
        (rig.sync / "other-program").unlink()
        assert rig.process().exit_code == 0
        assert len(packets(rig.folder / "cam-a.mp4")["video"]) == 240


@needs_root
def test_too_little_room_is_said_before_anything_is_written(rig: Rig) -> None:
    rig.record()
    with mounted(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs"], rig.sync):
        outcome = rig.process()
        assert outcome.exit_code == 1
        assert "free" in outcome.summary
        assert rig.listing() == []


class Heavy(Film):
    """Segments of 4 MB."""

    def payload(self, number: int) -> bytes:
        return super().payload(number) + bytes(MB // 8)


@needs_root
@pytest.mark.parametrize("size_mb", [86, 74])
def test_what_was_copied_ahead_needs_no_room_again(rig: Rig, size_mb: int) -> None:
    """Four of five segments are there when the end comes: 64 MB more than the fifth must be free."""
    rig.record(numbers=range(5), make=lambda film: plain(Heavy(**vars(film))))
    last = (rig.node() / "seg_0004.mp4").rename(rig.node() / ".seg_0004.mp4.x7Yz")
    with mounted(["mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs"], rig.sync):
        follower = Follower(rig.settings, UUID, quiet)
        assert follower.step() == 4
        last.rename(rig.node() / "seg_0004.mp4")
        if size_mb > 80:
            assert follower.finish(None, SystemClock()).exit_code == 0
            assert len(rig.movie().frames) == 150
        else:
            with pytest.raises(OSError, match=r"3 MB are needed, 5. MB are free"):
                follower.finish(None, SystemClock())


@needs_root
@pytest.mark.skipif(not shutil.which("mount.exfat-fuse"), reason="exfat-fuse is not installed")
def test_everything_works_on_exfat(rig: Rig, tmp_path: Path, segment_sets: dict[str, Path]) -> None:
    image = tmp_path / "drive.img"
    with open(image, "wb") as file:
        file.truncate(200 * MB)
    subprocess.run(["mkfs.exfat", str(image)], check=True, capture_output=True)
    shutil.copytree(segment_sets["fragmented running on"], rig.node(), dirs_exist_ok=True)
    rig.upload("gps.csv")
    with loop_device(image) as device, mounted(["mount.exfat-fuse", device], rig.sync):
        assert rig.process().exit_code == 0
        assert verify_session(rig.settings, UUID, quiet).exit_code == 0
        rig.upload("late.csv")
        rig.upload("watch/heart_rate.csv")
        assert rig.process().revision == 2
        assert verify_session(rig.settings, UUID, quiet).exit_code == 0
        assert len(packets(rig.folder / "cam-a.mp4")["video"]) == 240
    subprocess.run(["fsck.exfat", "-n", str(image)], check=True, capture_output=True)
    with loop_device(image) as device, mounted(["mount.exfat-fuse", device], rig.sync):
        assert verify_folder(rig.folder, quiet).exit_code == 0


WORK = """
import sys
from ctlr.config import Settings
from ctlr.postprocess.run.session import process
from ctlr.postprocess.run.worker import ProgressLines, end_on_sigterm
end_on_sigterm()
settings = Settings.model_validate_json(sys.argv[1])
sys.exit(process(settings, sys.argv[2], None, ProgressLines()).exit_code)
"""


def start_worker(rig: Rig) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", WORK, rig.settings.model_dump_json(), UUID]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def copy_segment(source: Path, target: Path, camera: str) -> None:
    """Copy a segment as a camera of its own would have made it: no two make the same file."""
    target.write_bytes(source.read_bytes() + make_box(b"free", camera.encode()))


def big_session(rig: Rig, segments: Path, copies: int = 12) -> int:
    """Four cameras with a few hundred segments; returns the number of frames of each."""
    sources = sorted(segments.iterdir())
    for camera in ("cam-a", "cam-b", "cam-c", "cam-d"):
        for number in range(len(sources) * copies):
            copy_segment(
                sources[number % len(sources)], rig.node(camera) / f"seg_{number:04d}.mp4", camera
            )
    return 240 * copies


def test_killed_at_any_instant_it_ends_well(rig: Rig, segment_sets: dict[str, Path]) -> None:
    """SIGKILL at random times: the folder is absent or whole, and the raw files are as they were."""
    frames = big_session(rig, segment_sets["fragmented"])
    dice = random.Random(3)
    for _ in range(15):
        worker = start_worker(rig)
        time.sleep(dice.uniform(0.05, 0.6))
        worker.kill()
        worker.communicate()
        if rig.folder.exists():
            assert verify_folder(rig.folder, quiet).exit_code == 0
            shutil.rmtree(rig.folder)
    worker = start_worker(rig)
    _, errors = worker.communicate()
    assert worker.returncode == 0, errors
    assert rig.source("cam-d")["frames"] == frames
    assert verify_folder(rig.folder, quiet).exit_code == 0
    assert [p.name for p in rig.sync.iterdir()] == [UUID]


def test_two_at_once_are_one(rig: Rig, segment_sets: dict[str, Path]) -> None:
    """PP8: the second says that it is busy and touches nothing."""
    frames = big_session(rig, segment_sets["plain"], copies=6)
    first, second = start_worker(rig), start_worker(rig)
    said = [worker.communicate(timeout=60) for worker in (first, second)]
    assert {first.returncode, second.returncode} <= {0, 1}, said
    assert 0 in {first.returncode, second.returncode}, said
    assert rig.source("cam-d")["frames"] == frames
    assert rig.manifest()["revision"] == 1
    assert verify_folder(rig.folder, quiet).exit_code == 0


def test_told_to_end_it_ends_within_seconds(rig: Rig, segment_sets: dict[str, Path]) -> None:
    big_session(rig, segment_sets["plain"])
    worker = start_worker(rig)
    assert worker.stdout is not None
    worker.stdout.readline()
    began = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    worker.communicate(timeout=5)
    assert time.monotonic() - began < 5
    assert worker.returncode in (143, 0)
    assert not rig.folder.exists() or verify_folder(rig.folder, quiet).exit_code == 0


class TestProof:
    def make(self, rig: Rig, segments: Path) -> RunResult:
        shutil.copytree(segments, rig.node(), dirs_exist_ok=True)
        rig.upload("gps.csv")
        rig.upload("watch/heart_rate.csv")
        assert rig.process().exit_code == 0
        return verify_session(rig.settings, UUID, quiet)

    def test_xxhsum_agrees(self, rig: Rig, segment_sets: dict[str, Path]) -> None:
        assert needs_verification(rig.settings, UUID) is False
        self.make(rig, segment_sets["plain"])
        command = ["xxhsum", "-c", "checksums.xxh128"]
        done = subprocess.run(command, cwd=rig.folder, capture_output=True, check=True, text=True)
        assert done.stdout.count(": OK") == 4  # manifest.json too
        assert not needs_verification(rig.settings, UUID)
        assert rig.manifest()["verified_at"] > 1_700_000_000_000

    @pytest.mark.parametrize("where", [60, 2_000, -40])
    def test_one_changed_byte_is_found(
        self, rig: Rig, segment_sets: dict[str, Path], where: int
    ) -> None:
        self.make(rig, segment_sets["plain"])
        flip(rig.folder / "cam-a.mp4", where)
        result = verify_folder(rig.folder, quiet)
        assert (result.exit_code, "cam-a.mp4" in result.summary) == (3, True)

    def test_missing_and_unknown_files(self, rig: Rig, segment_sets: dict[str, Path]) -> None:
        self.make(rig, segment_sets["plain"])
        (rig.folder / "holiday.jpg").write_bytes(b"x")
        assert "holiday.jpg" in verify_folder(rig.folder, quiet).summary
        (rig.folder / "phone" / "gps.csv").unlink()
        result = verify_folder(rig.folder, quiet)
        assert (result.exit_code, "gps.csv is missing" in result.summary) == (3, True)
        assert verify_folder(rig.sync, quiet).exit_code == 1

    def test_the_public_media_hash_list_tool_agrees(
        self, rig: Rig, segment_sets: dict[str, Path]
    ) -> None:
        self.make(rig, segment_sets["plain"])
        oracle(rig.folder, "-dh")
        rig.upload("late.csv")
        assert rig.process().revision == 2
        assert verify_session(rig.settings, UUID, quiet).exit_code == 0
        oracle(rig.folder)
        lists = sorted(p.name[:4] for p in (rig.folder / "ascmhl").glob("*.mhl"))
        assert lists == ["0001", "0002"]
        (rig.node() / "seg_0003.mp4").unlink()  # fewer raw segments: the video stays
        rig.node("cam-b")
        shutil.copytree(segment_sets["plain"], rig.node("cam-b"), dirs_exist_ok=True)
        assert rig.process().revision == 3
        assert verify_session(rig.settings, UUID, quiet).exit_code == 0
        oracle(rig.folder)


class TestDamage:
    """A byte of a finished session flips on the sync disk."""

    @pytest.fixture
    def session(self, rig: Rig, segment_sets: dict[str, Path]) -> Rig:
        for camera in ("cam-a", "cam-b"):
            for source in segment_sets["plain"].iterdir():
                copy_segment(source, rig.node(camera) / source.name, camera)
        rig.upload("gps.csv")
        assert rig.process().exit_code == 0
        assert verify_session(rig.settings, UUID, quiet).exit_code == 0
        return rig

    def test_it_is_noted_and_made_again_of_the_raw_data(self, session: Rig) -> None:
        rig = session
        before = {p: p.stat().st_ino for p in rig.folder.glob("cam-*.mp4")}
        good = (rig.folder / "cam-a.mp4").read_bytes()
        flip(rig.folder / "cam-a.mp4", 2000)
        result = verify_session(rig.settings, UUID, quiet)
        assert (result.exit_code, "cam-a.mp4" in result.summary) == (3, True)
        noted = rig.manifest()
        assert (noted["verified_at"], noted["damaged"]) == (None, ["cam-a.mp4"])
        assert newest_list(rig.folder).count('action="failed"') == 1
        assert newest_list(rig.folder).count('action="verified"') == 2
        assert not needs_verification(rig.settings, UUID)

        assert needs_processing(rig.settings, UUID)
        made = rig.process()
        assert (made.exit_code, made.revision, rig.manifest()["damaged"]) == (0, 2, [])
        assert (rig.folder / "cam-a.mp4").read_bytes() == good
        after = {p: p.stat().st_ino for p in rig.folder.glob("cam-*.mp4")}
        assert {p.name for p in before if before[p] != after[p]} == {"cam-a.mp4"}
        assert not needs_processing(rig.settings, UUID)
        assert needs_verification(rig.settings, UUID)
        assert verify_session(rig.settings, UUID, quiet).exit_code == 0
        assert newest_list(rig.folder).count('action="verified"') == 3

    def test_without_raw_data_it_stays_reported(self, session: Rig) -> None:
        rig = session
        (rig.node("cam-b") / "seg_0001.mp4").unlink()
        flip(rig.folder / "cam-b.mp4", 2000)
        damaged = (rig.folder / "cam-b.mp4").read_bytes()
        assert verify_session(rig.settings, UUID, quiet).exit_code == 3
        assert not needs_processing(rig.settings, UUID)
        assert not needs_verification(rig.settings, UUID)
        rig.upload("late.csv")
        assert rig.process().revision == 2
        assert rig.manifest()["damaged"] == ["cam-b.mp4"]
        assert (rig.folder / "cam-b.mp4").read_bytes() == damaged

    def test_an_upload_is_copied_again(self, session: Rig) -> None:
        rig = session
        flip(rig.folder / "phone" / "gps.csv", 3)
        assert verify_session(rig.settings, UUID, quiet).exit_code == 3
        assert needs_processing(rig.settings, UUID)
        assert rig.process().revision == 2
        assert (rig.folder / "phone" / "gps.csv").read_text() == "time,x\n1,2\n"
        assert verify_session(rig.settings, UUID, quiet).exit_code == 0
        assert rig.manifest()["damaged"] == []

    def test_the_public_media_hash_list_tool_agrees(self, session: Rig) -> None:
        rig = session
        flip(rig.folder / "cam-a.mp4", 2000)
        verify_session(rig.settings, UUID, quiet)
        with pytest.raises(AssertionError, match=r"cam-a\.mp4"):
            oracle(rig.folder)
        rig.process()
        assert verify_session(rig.settings, UUID, quiet).exit_code == 0
        oracle(rig.folder)
        assert len(list((rig.folder / "ascmhl").glob("*.mhl"))) == 3


def flip(path: Path, where: int) -> None:
    """Change one bit of a file in place."""
    with open(path, "r+b") as file:
        file.seek(where, os.SEEK_END if where < 0 else os.SEEK_SET)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))


def newest_list(folder: Path) -> str:
    return max((folder / "ascmhl").glob("*.mhl")).read_text()


def oracle(folder: Path, *options: str) -> None:
    command = [str(ORACLE), "verify", *options, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
