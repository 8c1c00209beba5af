"""The CAN bus in whole sessions: made, kept, made again, and when it is not as it should be."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.unit.can.recording import open_files
from tests.unit.postprocess.rig import START_MS, UUID, Rig, session

from ctlr.can.frame import make_batch
from ctlr.config import Settings
from ctlr.kernel.clock import SystemClock
from ctlr.postprocess.folder.verify import verify_session
from ctlr.postprocess.run.changes import CAN_SETTLED_MS, needs_processing
from ctlr.postprocess.run.plan import CAN_MARGIN_MS
from ctlr.sessions.model import SessionNode
from ctlr.simulator.can import DATABASE, VehicleBus
from ctlr.simulator.can_senders import line_of

FACTS = session(SessionNode("cam-a", started=True))
FIRST_MS, LAST_MS = START_MS - CAN_MARGIN_MS, START_MS + 4000 + CAN_MARGIN_MS
OVER_MS = LAST_MS + CAN_SETTLED_MS


class Now(SystemClock):
    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms


class CanRig(Rig):
    """A rig with one camera, beside which a listener records."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.record()
        self.rows: list[bytes] = []

    def listen(self, first_ms: int, last_ms: int, *, clock_off_ms: int = 0) -> list[bytes]:
        """Some of what the vehicle says between two instants; returns the rows."""
        bus, glances = VehicleBus(1), range(first_ms, last_ms, 500)
        frames = [frame for at in glances for frame in bus.frames(at / 1000, (at + 20) / 1000)]
        files = open_files(self.logging / "can")
        rows = [line_of(frame, clock_off_ms / 1000) for frame in frames]
        for row, frame in zip(rows, frames, strict=True):
            own = int(row.partition(b",")[0])
            files.append([make_batch("bridge", round(frame.at_s * 1000), row, [own])])
        files.close()
        self.rows += rows
        return rows

    def configure(self, *databases: Path) -> None:
        can = {"dbc": [str(path) for path in databases]}
        values = self.settings.model_dump() | {"can": can}
        self.settings = Settings.model_validate(values)

    def bus(self) -> dict[str, Any]:
        return self.source("can")

    def cut(self) -> list[bytes]:
        return (self.folder / "can_raw.csv").read_bytes().splitlines(keepends=True)[1:]

    def needs(self, now_ms: int = OVER_MS) -> bool:
        return needs_processing(self.settings, UUID, clock=Now(now_ms))


@pytest.fixture
def rig(tmp_path: Path) -> CanRig:
    return CanRig(tmp_path)


def test_the_sessions_rows_with_two_minutes_on_either_side(rig: CanRig) -> None:
    rows = rig.listen(FIRST_MS - 10_000, LAST_MS + 10_000)
    outcome = rig.process(FACTS)
    assert outcome.exit_code == 0
    own = [int(row.partition(b",")[0]) for row in rows]
    wanted = [row for row, at in zip(rows, own, strict=True) if FIRST_MS <= at <= LAST_MS]
    assert rig.cut() == wanted
    assert rig.bus() == {
        "file": "can_raw.csv",
        "frames": len(wanted),
        "arrival_file": "can_arrival.csv",
        "by_arrival": 0,
        "buses": {"bridge": len(wanted)},
        "first_ms": FIRST_MS,
        "last_ms": LAST_MS,
        "until_ms": max(own),
        "signals": None,
        "problems": [],
    }
    assert verify_session(rig.settings, UUID, lambda _: None).exit_code == 0


def test_cutting_and_decoding_are_reported_on(rig: CanRig) -> None:
    rig.listen(FIRST_MS, LAST_MS)
    rig.process(FACTS)
    cut = sum(p.stage == "can" for p in rig.progress)
    shutil.rmtree(rig.folder)
    rig.configure(DATABASE)
    rig.process(FACTS)
    assert 0 < cut < sum(p.stage == "can" for p in rig.progress)


def test_frames_of_a_clock_that_is_years_off_count_by_their_arrival(rig: CanRig) -> None:
    rows = rig.listen(START_MS, START_MS + 4000, clock_off_ms=-1_000_000_000_000)
    rig.process(FACTS)
    assert rig.cut() == rows
    assert (rig.bus()["frames"], rig.bus()["by_arrival"]) == (len(rows), len(rows))


def test_a_session_beside_which_nothing_was_recorded(rig: CanRig) -> None:
    assert rig.process(FACTS).exit_code == 0
    assert "can" not in rig.manifest()["sources"]
    open_files(rig.logging / "can").close()
    rig.upload("gps.csv")
    rig.process(FACTS)
    assert rig.bus()["frames"] == 0
    assert rig.cut() == []
    assert not rig.needs()


class TestLater:
    def test_what_comes_after_the_stop_makes_one_revision(self, rig: CanRig) -> None:
        rig.listen(START_MS - 5000, START_MS + 6000)
        rig.process(FACTS)
        early = rig.bus()["frames"]
        rig.listen(START_MS + 6000, START_MS + 60_000)
        assert not rig.needs(START_MS + 60_000)  # more is to come
        rig.listen(START_MS + 60_000, LAST_MS + 30_000)
        assert not rig.needs(LAST_MS)
        assert rig.needs(OVER_MS)
        video = (rig.folder / "cam-a.mp4").stat().st_ino
        assert rig.process(FACTS).revision == 2
        assert rig.bus()["frames"] > early
        assert (rig.folder / "cam-a.mp4").stat().st_ino == video
        rig.listen(LAST_MS + 30_000, LAST_MS + 40_000)
        assert not rig.needs()
        assert not rig.process(FACTS).changed

    def test_a_bus_that_fell_silent_at_the_stop_makes_no_revision(self, rig: CanRig) -> None:
        rig.listen(START_MS - 5000, START_MS + 3000)
        rig.process(FACTS)
        assert not rig.needs()
        assert not rig.process(FACTS).changed

    def test_rows_that_a_session_had_are_not_given_up(self, rig: CanRig) -> None:
        rows = rig.listen(START_MS, START_MS + 4000)
        rig.process(FACTS)
        shutil.rmtree(rig.logging / "can")
        assert not rig.needs()
        rig.listen(START_MS + 5000, START_MS + 5500)
        assert rig.needs()
        rig.upload("late.csv")
        assert rig.process(FACTS).revision == 2
        assert (rig.cut(), rig.bus()["frames"]) == (rows, len(rows))
        assert not rig.needs()
        assert not rig.process(FACTS).changed

    def test_a_cut_that_proved_damaged_is_made_again(self, rig: CanRig) -> None:
        rows = rig.listen(START_MS, START_MS + 4000)
        rig.process(FACTS)
        with open(rig.folder / "can_raw.csv", "r+b") as file:
            file.seek(100)
            file.write(b"#")
        assert verify_session(rig.settings, UUID, lambda _: None).exit_code == 3
        assert rig.process(FACTS).revision == 2
        assert rig.cut() == rows
        assert verify_session(rig.settings, UUID, lambda _: None).exit_code == 0

    def test_a_damaged_cut_stays_where_less_of_the_recording_is_left(self, rig: CanRig) -> None:
        rig.configure(DATABASE)
        rows = rig.listen(START_MS, START_MS + 4000)
        rig.process(FACTS)
        table = (rig.folder / "can" / "Vehicle.csv").read_bytes()
        raw = rig.folder / "can_raw.csv"
        with open(raw, "r+b") as file:
            file.seek(100)
            file.write(b"#")
        damaged = raw.read_bytes()
        assert verify_session(rig.settings, UUID, lambda _: None).exit_code == 3
        shutil.rmtree(rig.logging / "can")
        rig.listen(START_MS + 5000, START_MS + 5500)
        assert rig.process(FACTS).revision == 2
        assert raw.read_bytes() == damaged
        assert (rig.folder / "can" / "Vehicle.csv").read_bytes() == table
        assert rig.bus()["frames"] == len(rows)
        assert rig.manifest()["damaged"] == ["can_raw.csv"]


class TestSignals:
    def test_signals_are_tables_in_the_session(self, rig: CanRig) -> None:
        rig.configure(DATABASE)
        rig.listen(START_MS, START_MS + 4000)
        assert rig.process(FACTS).exit_code == 0
        signals = rig.bus()["signals"]
        assert signals["databases"] == ["vehicle.dbc"]
        assert (rig.folder / "can" / "Vehicle.csv").is_file()
        listed = {entry["path"] for entry in rig.manifest()["files"]}
        assert {"can.parquet", *(m["file"] for m in signals["messages"])} <= listed
        assert verify_session(rig.settings, UUID, lambda _: None).exit_code == 0

    def test_the_same_frames_and_databases_are_not_decoded_twice(self, rig: CanRig) -> None:
        rig.configure(DATABASE)
        rig.listen(START_MS, START_MS + 4000)
        rig.process(FACTS)
        inode = (rig.folder / "can.parquet").stat().st_ino
        assert not rig.process(FACTS).changed
        rig.upload("late.csv")
        assert rig.process(FACTS).revision == 2
        assert (rig.folder / "can.parquet").stat().st_ino == inode

    def test_a_new_database_makes_the_tables_again_when_asked(
        self, rig: CanRig, tmp_path: Path
    ) -> None:
        rig.listen(START_MS, START_MS + 4000)
        rig.process(FACTS)
        rig.configure(DATABASE)
        assert not rig.needs()
        assert rig.process(FACTS).revision == 2
        less = tmp_path / "less.dbc"
        text = DATABASE.read_text()
        less.write_text(text[: text.index("BO_ 229")] + text[text.index("BO_ 416") :])
        rig.configure(less)
        assert rig.process(FACTS).revision == 3
        assert not (rig.folder / "can" / "Steering.csv").exists()
        assert not any("Steering" in entry["path"] for entry in rig.manifest()["files"])
        assert rig.bus()["signals"]["unknown"]["0E5"] > 0
        assert verify_session(rig.settings, UUID, lambda _: None).exit_code == 0

    def test_without_a_database_what_was_decoded_stays(self, rig: CanRig) -> None:
        rig.configure(DATABASE)
        rig.listen(START_MS, START_MS + 4000)
        rig.process(FACTS)
        rig.configure()
        rig.upload("late.csv")
        rig.process(FACTS)
        assert rig.bus()["signals"]["messages"]
        assert (rig.folder / "can" / "Vehicle.csv").is_file()

    def test_a_database_that_is_not_there_harms_no_session(self, rig: CanRig) -> None:
        rig.configure(rig.logging / "absent.dbc")
        rig.listen(START_MS, START_MS + 4000)
        assert rig.process(FACTS).exit_code == 0
        assert rig.manifest()["complete"] is True
        [problem] = rig.bus()["problems"]
        assert (problem["code"], problem["harms"]) == ("database", False)
        assert "absent.dbc" in problem["text"]
        assert not rig.process(FACTS).changed

    def test_more_frames_make_other_tables(self, rig: CanRig) -> None:
        rig.configure(DATABASE)
        rig.listen(START_MS, START_MS + 4000)
        rig.process(FACTS)
        rig.listen(START_MS + 4000, START_MS + 8000)
        rig.process(FACTS)
        decoded = {m["message"]: m["frames"] for m in rig.bus()["signals"]["messages"]}
        assert sum(decoded.values()) == rig.bus()["frames"] == len(rig.rows)


class TestTrouble:
    @pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
    def test_a_recording_that_cannot_be_read_harms_nothing_else(
        self, rig: CanRig, kind: str
    ) -> None:
        rig.listen(START_MS, START_MS + 4000)
        raw = rig.logging / "can" / "raw.csv"
        raw.unlink()
        make = {"link": lambda: raw.symlink_to("elsewhere"), "pipe": lambda: os.mkfifo(raw)}
        make.get(kind, raw.mkdir)()
        outcome = rig.process(FACTS)
        assert outcome.exit_code == 3
        assert rig.source("cam-a")["frames"] == 120
        [problem] = rig.manifest()["problems"]
        assert problem["code"] == "can_unreadable"
        assert not rig.needs()

    def test_what_an_ended_run_has_left_is_no_part_of_the_session(self, rig: CanRig) -> None:
        rig.configure(DATABASE)
        rig.listen(START_MS, START_MS + 4000)
        out = rig.sync / f".tmp-{UUID}" / "out"
        (out / "can").mkdir(parents=True)
        (out / "can" / "Old.csv").write_text("left")
        (out / "can_arrival.csv").write_text("left")
        rig.process(FACTS)
        assert not (rig.folder / "can" / "Old.csv").exists()
        assert verify_session(rig.settings, UUID, lambda _: None).exit_code == 0

    def test_a_disk_that_is_full_fails_the_run_and_not_the_recording(self, rig: CanRig) -> None:
        rig.listen(START_MS, START_MS + 4000)
        before = (rig.logging / "can" / "raw.csv").read_bytes()
        (rig.sync / f".tmp-{UUID}" / "out" / "can_raw.csv").mkdir(parents=True)
        assert rig.process(FACTS).exit_code == 1
        os.rmdir(rig.sync / f".tmp-{UUID}" / "out" / "can_raw.csv")
        assert rig.process(FACTS).exit_code == 0
        assert (rig.logging / "can" / "raw.csv").read_bytes() == before
