"""The recorder: what reaches the drive, what waits while it is away, what is lost and counted."""

import threading
from pathlib import Path

import pytest
from can.io.blf import BLFReader
from structlog.testing import capture_logs
from tests.unit.can.recording import (
    LARGE,
    NOW_MS,
    batch,
    check_runs,
    no_file_may_grow_beyond,
    recorded,
    rows_of,
)

from ctlr.can.blf import BlfCopy
from ctlr.can.frame import make_batch, parse_lines
from ctlr.can.recorder import RETRY_EVERY_S, SYNC_EVERY_S, Beside, Recorder
from ctlr.kernel.clock import SystemClock


class Drive:
    """A folder with another folder mounted on it, as far as a recorder can tell."""

    def __init__(self, root: Path) -> None:
        self.mounted = root / "logging"
        self._away = root / "away"
        self.mounted.mkdir()
        self.problem: str | None = None

    def pull(self) -> None:
        """The bare mount point shows; the drive keeps what it has."""
        self.mounted.rename(self._away)
        self.mounted.mkdir()
        self.problem = "not mounted"

    def plug(self) -> None:
        self.mounted.rmdir()
        self._away.rename(self.mounted)
        self.problem = None

    @property
    def can(self) -> Path:
        return self.mounted / "can"


@pytest.fixture
def drive(tmp_path: Path) -> Drive:
    return Drive(tmp_path)


class Now(SystemClock):
    """A clock whose seconds pass when they are told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def now() -> Now:
    return Now()


def make(
    drive: Drive, now: Now, memory_bytes: int = LARGE, beside: Beside | None = None
) -> Recorder:
    return Recorder(
        drive.mounted,
        lambda: drive.problem,
        now,
        rotate_bytes=LARGE,
        memory_bytes=memory_bytes,
        beside=beside,
    )


def pass_time(recorder: Recorder, now: Now) -> None:
    """Long enough to look for the drive, write and flush."""
    for _ in range(3):
        now.seconds += max(RETRY_EVERY_S, SYNC_EVERY_S)
        recorder.step()


def test_everything_is_there_at_the_end(drive: Drive, now: Now) -> None:
    recorder = make(drive, now)
    writer = threading.Thread(target=recorder.run)
    writer.start()
    for number in range(100):
        recorder.put(batch(number))
    recorder.stop()
    writer.join()
    assert recorded(drive.can) == rows_of(*(batch(number) for number in range(100)))
    check_runs(drive.can)
    assert (recorder.waiting_rows, recorder.lost) == (0, 0)


def test_rows_are_written_at_once_and_flushed_soon(drive: Drive, now: Now) -> None:
    recorder = make(drive, now)
    recorder.step()
    recorder.put(batch(1))
    recorder.step()
    assert recorded(drive.can) == rows_of(batch(1))
    assert (recorder.waiting_rows, recorder.problem) == (2, None)
    now.seconds += SYNC_EVERY_S
    recorder.step()
    assert recorder.waiting_rows == 0
    assert recorder.file_bytes == (drive.can / "raw.csv").stat().st_size


def test_nothing_is_written_below_a_bare_mount_point(drive: Drive, now: Now) -> None:
    drive.pull()
    recorder = make(drive, now)
    recorder.put(batch(1))
    pass_time(recorder, now)
    assert (recorder.problem, list(drive.mounted.iterdir())) == ("not mounted", [])
    drive.plug()
    recorder.put(batch(2))
    pass_time(recorder, now)
    assert recorded(drive.can) == rows_of(batch(1), batch(2))


def test_a_drive_that_was_pulled_is_let_go_and_gone_on_with(drive: Drive, now: Now) -> None:
    recorder = make(drive, now)
    recorder.put(batch(1))
    pass_time(recorder, now)
    drive.pull()
    pass_time(recorder, now)
    assert recorder.problem == "not mounted"
    assert not [
        link for link in Path("/proc/self/fd").iterdir() if "away/can" in str(link.resolve())
    ]
    for number in range(2, 6):
        recorder.put(batch(number))
        pass_time(recorder, now)
    assert list(drive.mounted.iterdir()) == []
    drive.plug()
    pass_time(recorder, now)
    assert recorded(drive.can) == rows_of(*(batch(number) for number in range(1, 6)))
    check_runs(drive.can)
    assert recorder.waiting_rows == 0
    assert not recorder.problem


def test_a_drive_that_is_full_is_gone_on_with_where_it_stopped(drive: Drive, now: Now) -> None:
    recorder = make(drive, now)
    recorder.put(batch(1))
    pass_time(recorder, now)
    size = (drive.can / "raw.csv").stat().st_size
    with capture_logs(), no_file_may_grow_beyond(size + 20):
        recorder.put(batch(2))
        pass_time(recorder, now)
        assert recorder.problem is not None
        assert (drive.can / "raw.csv").stat().st_size == size + 20  # in the middle of a row
    recorder.put(batch(3))
    pass_time(recorder, now)
    assert recorded(drive.can) == rows_of(batch(1), batch(2), batch(3))
    check_runs(drive.can)
    assert (recorder.waiting_rows, recorder.lost) == (0, 0)
    assert not recorder.problem


def test_memory_is_bounded_and_the_oldest_go_counted(drive: Drive, now: Now) -> None:
    drive.pull()
    recorder = make(drive, now, memory_bytes=100_000)
    for number in range(5000):
        recorder.put(batch(number))
    assert recorder.waiting_bytes <= 100_000
    kept = recorder.waiting_rows
    assert 0 < kept < 1000
    assert recorder.lost == 10_000 - kept
    drive.plug()
    pass_time(recorder, now)
    assert recorded(drive.can).endswith(batch(4999).data)
    assert recorded(drive.can).count(b"\n") == kept


def test_a_drive_that_is_away_holds_up_no_end(drive: Drive, now: Now) -> None:
    drive.pull()
    recorder = make(drive, now)
    recorder.put(batch(1, rows=7))
    recorder.stop()
    recorder.run()
    assert recorder.waiting_rows == 7


def test_the_copy_for_other_tools_holds_the_same_frames(drive: Drive, now: Now) -> None:
    recorder = make(drive, now, beside=BlfCopy(["can0", "can1"], LARGE))
    rows = [
        b"5,1A0,2,00FF",  # years off: it stands where it arrived
        b"-7,18DAF110,1,01",
        b"9,001,4,",
        b"9,123,12,000102030405060708090A0B",
    ]
    lines = parse_lines(b"\n".join(rows))
    recorder.put(make_batch("can1", NOW_MS, lines.data, lines.times_ms))
    recorder.put(batch(1))
    recorder.stop()
    recorder.run()
    [file] = drive.can.glob("*.blf")
    with BLFReader(file) as reader:
        read = list(reader)
    assert [message.arbitration_id for message in read[:4]] == [0x1A0, 0x18DAF110, 1, 0x123]
    assert [message.is_extended_id for message in read[:4]] == [False, True, False, False]
    assert [bytes(message.data).hex() for message in read[:2]] == ["00ff", "01"]
    assert (read[2].is_remote_frame, read[2].dlc, read[3].is_fd) == (True, 4, True)
    assert [message.channel for message in read] == [1, 1, 1, 1, 0, 0]
    assert read[0].timestamp == pytest.approx(NOW_MS / 1000, abs=0.001)
    assert len(read) == 6


def test_the_copy_has_the_frames_own_times(drive: Drive, now: Now) -> None:
    """Not those of their arrival: what was gathered for 10 ms arrived at once. A bus that is read
    a little later may bring frames from before the file's first; those that are off stand where
    they arrived."""
    recorder = make(drive, now, beside=BlfCopy(["can0", "can1"], LARGE))
    own = [-9, -8, -3, -40, -999, -1200, 61_000]
    for bus, times in (("can0", own[:3]), ("can1", own[3:])):
        data = b"".join(b"%d,100,0,\n" % (NOW_MS + at) for at in times)
        recorder.put(make_batch(bus, NOW_MS, data, [NOW_MS + at for at in times]))
    recorder.stop()
    recorder.run()
    [file] = drive.can.glob("*.blf")
    with BLFReader(file) as reader:
        shown = [round(message.timestamp * 1000) - NOW_MS for message in reader]
    assert shown == [-9, -8, -3, -40, -999, 0, 0]
