"""That the disks which fail on purpose do so as told: the control of every test that uses them."""

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults.blkfs import FailingDisk, after_power_cut
from tests.faults.faultfs import FaultyFolder
from tests.faults.served import needs_faults

pytestmark = needs_faults

MIB = 1 << 20


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[FaultyFolder]:
    (tmp_path / "beneath").mkdir()
    with FaultyFolder(tmp_path / "beneath", tmp_path / "seen") as faulty:
        yield faulty


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FailingDisk]:
    with FailingDisk(tmp_path_factory.mktemp("disk"), size_mib=32) as failing:
        yield failing


def write(path: Path, data: bytes, *, flush: bool = True) -> None:
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        if flush:
            os.fsync(file.fileno())


class TestFaultyFolder:
    def test_it_shows_the_folder_beneath(self, folder: FaultyFolder, tmp_path: Path) -> None:
        seen, beneath = folder.mount_point, tmp_path / "beneath"
        (seen / "a").mkdir()
        write(seen / "a" / "b", b"x" * 300_000)
        os.rename(seen / "a" / "b", seen / "c")
        (seen / "a").rmdir()
        assert os.listdir(beneath) == ["c"]
        assert (beneath / "c").read_bytes() == (seen / "c").read_bytes() == b"x" * 300_000
        assert os.statvfs(seen).f_bavail == os.statvfs(beneath).f_bavail
        (seen / "c").unlink()
        assert os.listdir(beneath) == []

    def test_a_call_fails_as_often_as_told_and_is_counted(self, folder: FaultyFolder) -> None:
        folder.fail("fsync", after=1, times=1, path="/b*")
        write(folder.mount_point / "a", b"1")
        write(folder.mount_point / "b", b"1")
        with pytest.raises(OSError, match="Input/output error"):
            write(folder.mount_point / "b", b"2")
        write(folder.mount_point / "b", b"3")
        assert (folder.calls("fsync"), folder.calls("fsync", path="/b")) == (4, 3)

    def test_it_cannot_be_read_from_a_byte_on(self, folder: FaultyFolder, tmp_path: Path) -> None:
        (tmp_path / "beneath" / "seg").write_bytes(b"x" * MIB)
        folder.fail("read", from_byte=MIB // 2 + 1)
        fd = os.open(folder.mount_point / "seg", os.O_RDONLY)
        assert os.pread(fd, 4096, 0) == b"x" * 4096
        with pytest.raises(OSError, match="Input/output error"):
            os.pread(fd, 4096, MIB // 2)
        folder.heal()
        assert len(os.pread(fd, 4096, MIB // 2)) == 4096
        os.close(fd)

    def test_it_fills_up_and_turns_read_only(self, folder: FaultyFolder) -> None:
        folder.fill(10)
        write(folder.mount_point / "a", b"0123456789", flush=False)
        with pytest.raises(OSError, match="No space left"):
            write(folder.mount_point / "b", b"0")
        folder.heal()
        folder.make_read_only()
        with pytest.raises(OSError, match="Read-only"):
            (folder.mount_point / "c").mkdir()
        assert (folder.mount_point / "a").read_bytes() == b"0123456789"

    def test_a_call_that_hangs_goes_on_when_healed(self, folder: FaultyFolder) -> None:
        folder.hang("statfs")
        command = [sys.executable, "-c", "import os, sys; os.statvfs(sys.argv[1])"]
        with subprocess.Popen([*command, str(folder.mount_point)]) as child:
            while not folder.calls("statfs"):
                assert child.poll() is None
            assert child.poll() is None
            folder.heal()
            assert child.wait(10) == 0

    def test_a_slow_call_is_answered(self, folder: FaultyFolder) -> None:
        folder.slow("mkdir", 0.05)
        (folder.mount_point / "a").mkdir()
        assert (folder.mount_point / "a").is_dir()

    def test_nothing_is_left_when_a_file_is_still_open(self, tmp_path: Path) -> None:
        (tmp_path / "beneath").mkdir()
        with FaultyFolder(tmp_path / "beneath", tmp_path / "seen") as faulty:
            fd = os.open(faulty.mount_point / "a", os.O_WRONLY | os.O_CREAT)
        assert not os.path.ismount(tmp_path / "seen")
        with pytest.raises(OSError, match="not connected"):
            os.write(fd, b"x")
        with pytest.raises(OSError, match="not connected"):
            os.close(fd)


class TestFailingDisk:
    @pytest.mark.parametrize("kind", ["ext4", "exfat"])
    def test_it_is_a_disk(self, disk: FailingDisk, tmp_path: Path, kind: str) -> None:
        disk.format(kind)
        with disk.mounted(tmp_path / "mount") as mount:
            write(mount / "a", b"x" * MIB)
        with disk.mounted(tmp_path / "mount") as mount:
            assert (mount / "a").read_bytes() == b"x" * MIB

    def test_a_failed_flush_is_told_once_and_the_data_is_gone(
        self, disk: FailingDisk, tmp_path: Path
    ) -> None:
        """Why no flush may be repeated: the second one succeeds over lost data."""
        disk.format()
        with disk.mounted(tmp_path / "mount") as mount:
            write(mount / "a", b"old " * 5000)
            fd = os.open(mount / "a", os.O_RDWR)
            os.pwrite(fd, b"new " * 5000, 0)
            disk.fail("write", times=20)
            with pytest.raises(OSError, match="Input/output error"):
                os.fsync(fd)
            disk.heal()
            os.fsync(fd)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            assert os.pread(fd, 4, 0) == b"old "
            os.close(fd)

    def test_a_hanging_disk_holds_its_callers_until_it_is_healed(
        self, disk: FailingDisk, tmp_path: Path
    ) -> None:
        disk.format()
        program = (
            "import os, sys; f = open(sys.argv[1], 'wb'); f.write(b'x'); f.flush(); os.fsync(f)"
        )
        with disk.mounted(tmp_path / "mount") as mount:
            before = disk.calls("write")
            disk.hang("write")
            command = [sys.executable, "-c", program, str(mount / "a")]
            with subprocess.Popen(command) as child:
                while disk.calls("write") == before:
                    assert child.poll() is None
                child.kill()
                with pytest.raises(subprocess.TimeoutExpired):
                    child.wait(0.2)  # in state D nobody can be killed
                disk.heal()
                child.wait(10)

    def test_what_was_flushed_survives_power_cuts_and_the_rest_does_not_always(
        self, disk: FailingDisk, tmp_path: Path
    ) -> None:
        disk.format()
        with disk.mounted(tmp_path / "mount") as mount:
            os.sync()
            disk.record()
            for number in range(12):
                for how in ("flushed", "hoped"):
                    write(mount / f"{how}-{number}", b"x" * 20_000, flush=how == "flushed")
                    sync_folder(mount)
                    disk.mark(f"{how}-{number}")
        lost = {"flushed": 0, "hoped": 0}
        for cut in disk.power_cuts(12, random.Random(4)):
            with after_power_cut(cut, tmp_path) as mount:
                for name in cut.promised:
                    found = (mount / name).read_bytes() if (mount / name).exists() else b""
                    lost[name.partition("-")[0]] += found != b"x" * 20_000
        assert lost["flushed"] == 0
        assert lost["hoped"] > 0


def sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)
