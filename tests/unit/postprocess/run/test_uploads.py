"""What phone and watch sent, through a whole run: entries, revisions, and nothing read twice."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.unit.postprocess.rig import START_MS, UUID, Rig, session

from ctlr.kernel.clock import SystemClock
from ctlr.postprocess.manifest.shapes import FileEntry
from ctlr.postprocess.run.changes import needs_processing
from ctlr.postprocess.run.follow import Follower
from ctlr.postprocess.run.plan import make_plan
from ctlr.postprocess.run.uploads import Uploads
from ctlr.postprocess.tables.archives import read_member
from ctlr.postprocess.tables.reader import TableReader
from ctlr.postprocess.tables.table import FindQuantity, TableFacts
from ctlr.postprocess.video.facts import SessionFiles
from ctlr.sessions.model import ClockSample, Session, SessionNode
from ctlr.simulator.motion import Motion
from ctlr.simulator.phone import Lags, generate

SECONDS = 15


def facts(**changes: Any) -> Session:
    stopped_at_ms = START_MS + SECONDS * 1000
    node = SessionNode(
        "cam-a",
        started=True,
        stop_acknowledged=True,
        stopped_at_ms=stopped_at_ms,
        segments_total=SECONDS,
    )
    return session(node, **{"stopped_at_ms": stopped_at_ms, **changes})


def send(rig: Rig, *only: str, lags: Lags | None = None, start_ms: int = START_MS) -> None:
    """Upload what phone and watch would have measured, or only some files of it."""
    folder = rig.logging / "phone" / UUID
    for path in generate(folder, UUID, start_ms, SECONDS, seed=3, lags=lags or Lags()):
        if only and path.relative_to(folder).as_posix() not in only:
            path.unlink()


def tables(rig: Rig, kind: str = "phone") -> dict[str, dict[str, Any]]:
    return {table["file"]: table for table in rig.source(kind)["tables"]}


class Read(list[str]):
    """The names of the tables that are read, as they are."""

    def reader(self) -> TableReader:
        """For one run; it remembers nothing of an earlier one."""
        return TableReader(self._note)

    def _note(self, path: Path, member: str | None, find_quantity: FindQuantity) -> TableFacts:
        self.append(member or path.name)
        return read_member(path, member, find_quantity)


@pytest.fixture
def read() -> Read:
    return Read()


def test_each_table_has_an_entry(rig: Rig) -> None:
    rig.record(numbers=range(SECONDS))
    send(rig)
    assert rig.process(facts()).exit_code == 0
    found = tables(rig)
    assert list(found) == rig.source("phone")["files"]
    assert found["gyroscope.csv"] | {"inputs": ""} == {
        "file": "gyroscope.csv",
        "rows": 100 * SECONDS,
        "first_at": START_MS,
        "last_at": START_MS + SECONDS * 1000 - 10,
        "rate_hz": 100.0,
        "clock": "time",
        "unit": "ns",
        "measures": "rotation",
        "gaps": [],
        "problems": [],
        "inputs": "",
    }
    assert tables(rig, "watch")["gyroscope.csv"]["rate_hz"] == 50
    copy = rig.folder / "phone" / "gyroscope.csv"
    assert copy.read_bytes() == (rig.logging / "phone" / UUID / "gyroscope.csv").read_bytes()


def test_what_is_no_table_is_only_copied(rig: Rig) -> None:
    rig.record(numbers=range(SECONDS))
    rig.upload("notes.json", "{}")
    rig.process(facts())
    assert rig.source("phone")["files"] == ["notes.json"]
    assert rig.source("phone")["tables"] == []
    assert rig.manifest()["truth"] == []


def archive(folder: Path, name: str = "export.zip") -> Path:
    """A zip as Sensor Logger exports it, with what the phone measured."""
    path = folder / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as written:
        for file in sorted(folder.glob("*.csv")):
            written.write(file, file.name)
            file.unlink()
        written.writestr("__MACOSX/._gyroscope.csv", b"\0\5\26\7")
        written.writestr("Metadata.json", "{}")
    return path


EVENTS = (
    '"event","experiment time","system time","system time text"\n'
    f'"START",0.0E0,{(START_MS + 2250) / 1000:.9E},"2026-04-16 06:28:36.250 UTC+02:00"\n'
)
ELAPSED = '"Time (s)","x"\n' + "".join(f"{n / 100:.6E},1\n" for n in range(500))


@pytest.mark.parametrize("packed", [True, False])
def test_phyphox_says_when_its_experiment_was(rig: Rig, packed: bool) -> None:
    rig.record(numbers=range(SECONDS))
    folder = rig.logging / "phone" / UUID
    if packed:
        folder.mkdir(parents=True)
        with zipfile.ZipFile(folder / "x.zip", "w") as written:
            written.writestr("Gyro.csv", ELAPSED)
            written.writestr("meta/time.csv", EVENTS)
    else:
        rig.upload("Gyro.csv", ELAPSED)
        rig.upload("meta/time.csv", EVENTS)
    rig.process(facts())
    entry = tables(rig)["x.zip/Gyro.csv" if packed else "Gyro.csv"]
    assert (entry["first_at"], entry["last_at"]) == (START_MS + 2250, START_MS + 2250 + 4990)
    assert [problem["code"] for problem in entry["problems"]] == ["covers_part"]


def test_a_gpx_track_is_a_table_of_the_phone(rig: Rig) -> None:
    rig.record(numbers=range(SECONDS))
    points = "".join(
        f'<trkpt lat="52.5" lon="13.{n}"><ele>35</ele><time>2026-04-16T04:28:{34 + n}Z</time></trkpt>'
        for n in range(SECONDS)
    )
    rig.upload("track.gpx", f"<gpx><trk><trkseg>{points}</trkseg></trk></gpx>")
    rig.upload("ride.fit", "x")
    rig.process(facts())
    found = tables(rig)
    assert (found["track.gpx"]["rows"], found["track.gpx"]["first_at"]) == (SECONDS, START_MS)
    assert found["ride.fit"]["problems"][0]["code"] == "not_looked_into"


def test_tables_in_an_archive_have_entries_and_are_compared(rig: Rig, read: Read) -> None:
    rig.record()
    send(rig)
    plain = {path.name for path in (rig.logging / "phone" / UUID).glob("*.csv")}
    archive(rig.logging / "phone" / UUID)
    rig.process(facts(), tables=read.reader())
    found = tables(rig)
    assert set(found) == {f"export.zip/{name}" for name in plain}
    assert found["export.zip/gyroscope.csv"]["measures"] == "rotation"
    assert found["export.zip/gyroscope.csv"]["first_at"] == START_MS
    assert "export.zip" in rig.source("phone")["files"]
    [truth] = rig.manifest()["truth"]
    assert truth["files"] == ["watch/gyroscope.csv", "phone/export.zip/gyroscope.csv"]
    assert truth["confidence"] != "unknown"
    read.clear()
    rig.process(facts(), tables=read.reader())
    assert read == []


def test_what_nobody_looked_into_says_so(rig: Rig) -> None:
    rig.record(numbers=range(SECONDS))
    rig.upload("broken.zip", "PK no zip")
    rig.upload("pictures.zip", "")
    with zipfile.ZipFile(rig.logging / "phone" / UUID / "pictures.zip", "w") as written:
        written.writestr("a.jpg", "")
    rig.upload("export.json", '[{"sensor":"Accelerometer","time":"1776162514000000000","x":"1"}]')
    rig.upload("settings.json", '{"rate": 100}')
    rig.upload("export.xlsx", "PK")
    rig.process(facts())
    said = {name: [p["code"] for p in table["problems"]] for name, table in tables(rig).items()}
    assert said == {
        key: ["not_looked_into"]
        for key in ("broken.zip", "export.json", "export.xlsx", "pictures.zip")
    }
    texts = {name: table["problems"][0]["text"] for name, table in tables(rig).items()}
    assert texts["pictures.zip"] == "There is no table in it."
    assert "not as json" in texts["export.json"]
    assert rig.manifest()["complete"] is True


def test_nothing_that_is_odd_makes_a_session_incomplete(rig: Rig) -> None:
    rig.record(numbers=range(SECONDS))
    rig.upload("empty.csv", "")
    send(rig, "gps.csv", start_ms=START_MS + 3_600_000)
    assert rig.process(facts()).exit_code == 0
    assert rig.manifest()["complete"] is True
    assert [p["code"] for p in tables(rig)["empty.csv"]["problems"]] == ["empty"]
    assert [p["code"] for p in tables(rig)["gps.csv"]["problems"]] == ["misses_session"]


def test_clocks_of_watch_and_phone_are_compared(rig: Rig) -> None:
    rig.record(numbers=range(SECONDS))
    send(rig, lags=Lags(watch_s=1.25))
    rig.process(facts())
    (found,) = rig.manifest()["truth"]
    assert (found["clock"], found["against"], found["confidence"]) == ("watch", "phone", "high")
    assert found["lag_ms"] == pytest.approx(1250, abs=10)
    assert found["files"] == ["watch/gyroscope.csv", "phone/gyroscope.csv"]


def test_a_late_upload_makes_a_new_revision(rig: Rig) -> None:
    rig.record(numbers=range(SECONDS))
    rig.process(facts())
    assert "phone" not in rig.manifest()["sources"]
    send(rig, "gyroscope.csv")
    assert needs_processing(rig.settings, UUID)
    rig.process(facts())
    assert rig.manifest()["revision"] == 2
    assert tables(rig)["gyroscope.csv"]["rows"] == 100 * SECONDS
    assert not needs_processing(rig.settings, UUID)
    assert "already up to date" in rig.process(facts()).summary


def test_a_new_revision_reads_only_what_is_new(rig: Rig, read: Read) -> None:
    rig.record(numbers=range(SECONDS))
    send(rig, "accelerometer.csv", "gps.csv")
    rig.process(facts(), tables=read.reader())
    assert sorted(read) == ["accelerometer.csv", "gps.csv"]
    read.clear()
    before = tables(rig)
    rig.upload("late.csv")
    rig.process(facts(), tables=read.reader())
    assert read == ["late.csv"]
    assert {name: tables(rig)[name] for name in before} == before
    read.clear()
    rig.upload("gps.csv", "time,x\n1776313714,1\n")
    rig.process(facts(), tables=read.reader())
    assert read == ["gps.csv"]
    assert tables(rig)["gps.csv"]["rows"] == 1


def test_another_span_of_the_session_looks_again(rig: Rig, read: Read) -> None:
    rig.record(numbers=range(SECONDS))
    send(rig, "gps.csv")
    rig.process(facts(), tables=read.reader())
    rig.process(facts(stopped_at_ms=START_MS + 2 * SECONDS * 1000), tables=read.reader())
    assert read == ["gps.csv"] * 2
    assert [p["code"] for p in tables(rig)["gps.csv"]["problems"]] == ["covers_part"]


def test_a_late_watch_is_compared_with_the_phone_that_was_there(rig: Rig, read: Read) -> None:
    rig.record(numbers=range(SECONDS))
    send(rig, "gyroscope.csv", "accelerometer.csv")
    rig.process(facts(), tables=read.reader())
    read.clear()
    send(rig, "watch/gyroscope.csv", "gyroscope.csv", lags=Lags(watch_s=-0.5))
    rig.process(facts(), tables=read.reader())
    assert len(read) == 2
    assert rig.manifest()["truth"][0]["lag_ms"] == pytest.approx(-500, abs=10)
    read.clear()
    rig.upload("late.csv")
    before = rig.manifest()["truth"]
    rig.process(facts(), tables=read.reader())
    assert read == ["late.csv"]
    assert rig.manifest()["truth"] == before


def test_what_was_cleared_away_since_keeps_its_entry(rig: Rig) -> None:
    rig.record(numbers=range(SECONDS))
    send(rig, lags=Lags(watch_s=0.7))
    rig.process(facts())
    before = rig.manifest()
    for path in (rig.logging / "phone" / UUID).rglob("*.csv"):
        path.unlink()
    rig.upload("late.csv")
    rig.process(None)
    after = rig.manifest()
    assert after["revision"] == 2
    assert after["truth"] == before["truth"]
    assert tables(rig).keys() == {
        table["file"] for table in before["sources"]["phone"]["tables"]
    } | {"late.csv"}


def test_without_the_record_what_was_compared_stands(rig: Rig, read: Read) -> None:
    rig.record(numbers=range(SECONDS))
    send(rig, lags=Lags(watch_s=0.7))
    known = facts(clocks={"phone": (ClockSample(START_MS, 12.0, 1.0, "phone"),)})
    rig.process(known, tables=read.reader())
    before = rig.manifest()["truth"]
    read.clear()
    rig.upload("late.csv")
    rig.process(facts(), tables=read.reader())
    assert read == ["late.csv"]
    assert rig.manifest()["truth"] == before


def test_uploads_are_read_while_the_session_still_records(rig: Rig, read: Read) -> None:
    rig.record(numbers=range(SECONDS))
    send(rig)
    follower = Follower(rig.settings, UUID, lambda _: None, read.reader())
    follower.step()
    assert read == []  # cameras first
    follower.step()
    assert len(read) == 6
    follower.step()
    read.clear()
    assert follower.finish(facts(), SystemClock()).exit_code == 0
    assert read == []
    assert tables(rig)["gyroscope.csv"]["rows"] == 100 * SECONDS
    assert rig.manifest()["truth"][0]["confidence"] == "high"


def test_a_file_that_was_replaced_after_it_was_read(rig: Rig) -> None:
    rig.record(numbers=range(SECONDS))
    send(rig, "gps.csv")
    follower = Follower(rig.settings, UUID, lambda _: None)
    follower.step()
    follower.step()
    rig.upload("gps.csv", "time,x\n1776313714,1\n")
    assert follower.finish(facts(), SystemClock()).exit_code == 0
    assert tables(rig)["gps.csv"]["rows"] == 1


def can_table(folder: Path, signal: str) -> FileEntry:
    """A decoded message of a ride."""
    header = f"ts_ms,arrived_ms,bus,{signal},YawRate"
    return ride(folder / "can" / "Vehicle.csv", header, "{:.0f},,car,{:.2f},0.1", 0.1, 0.0)


def ride(path: Path, header: str, row: str, period_s: float, lag_s: float) -> FileEntry:
    """How fast the vehicle went, on a clock that runs behind."""
    at = START_MS / 1000 + np.arange(0, 180, period_s)
    rows = zip((at - lag_s) * 1000, Motion(3).speed_m_s(at), strict=True)
    path.parent.mkdir()
    path.write_text("\n".join([header, *(row.format(at, speed) for at, speed in rows), ""]))
    name = f"{path.parent.name}/{path.name}"
    return FileEntry(path=name, bytes=1, xxh128="0" * 32, inputs="1")


@pytest.mark.parametrize(
    ("signal", "configured", "compared"),
    [
        ("VehicleSpeed", None, True),
        ("vehicle_speed [km/h]", None, True),
        ("Tacho", None, False),
        ("Tacho", "Vehicle.Tacho", True),
        ("Tacho", "Engine.Tacho", False),
        ("Tacho", "Vehicle.Other", False),
    ],
)
def test_the_gps_is_compared_with_the_bus(
    tmp_path: Path, signal: str, configured: str | None, compared: bool
) -> None:
    files = [
        can_table(tmp_path, signal),
        ride(tmp_path / "phone" / "gps.csv", "time,latitude,speed", "{:.0f},0,{:.2f}", 1.0, 2.5),
    ]
    plan = make_plan(SessionFiles(UUID), (), "", facts(stopped_at_ms=START_MS + 180_000))
    uploads = Uploads(plan, files, None, TableReader(), lambda name: tmp_path / name)
    found = uploads.truth(uploads.sources(), {}, configured)
    assert [entry.clock for entry in found] == ["gps"][:compared]
    for entry in found:
        assert entry.files == ("phone/gps.csv", "can/Vehicle.csv")
        assert entry.confidence == "high"
        assert entry.lag_ms == pytest.approx(2500, abs=60)
