"""A session as Parquet, read back by pyarrow."""

import math
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.component.reader.drive import FPS, SECONDS
from tests.unit.postprocess.rig import UUID, Rig

from ctlr.export.jobs import export_session
from ctlr.export.kinds import KINDS


@pytest.fixture(scope="module")
def made(drive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("exports")
    return export_session(drive, KINDS["parquet"], to, lambda _: None).path


def test_frames_of_all_cameras(made: Path) -> None:
    table = pq.read_table(made / "frames.parquet")
    rows = table.to_pylist()
    assert len(rows) == 40 + SECONDS * FPS
    assert table.schema.metadata[b"uuid"] == UUID.encode()
    row = rows[30]
    assert (row["camera"], row["number"], row["file"], row["index"]) == (
        "cam-a",
        30,
        "cam-a.mp4",
        30,
    )
    assert (row["slot"], row["t_s"]) == (50, pytest.approx(5.0))
    assert isinstance(row["captured_at_us"], int)
    assert 0 < row["uncertainty_s"] < 0.001


def test_tables_keep_numbers_and_words(made: Path) -> None:
    rows = pq.read_table(made / "phone" / "Accelerometer.parquet").to_pylist()
    assert rows[500]["x"] == 5.0
    assert rows[500]["t_s"] == pytest.approx(5.0)
    notes = pq.read_table(made / "phone" / "Notes.parquet").to_pylist()
    assert [row["note"] for row in notes] == ["turned left", "stopped"]
    assert notes[0]["uncertainty_s"] == math.inf
    assert (made / "can" / "Vehicle.parquet").is_file()
    raw = pq.read_table(made / "can_raw.parquet").to_pylist()
    assert {"ts_ms", "id", "len", "hex", "t_s"} <= raw[0].keys()


def test_marks_gaps_and_clocks(made: Path) -> None:
    assert pq.read_table(made / "marks.parquet").to_pylist() == [{"t_s": 2.5, "label": "bump"}]
    gaps = pq.read_table(made / "gaps.parquet").to_pylist()
    assert gaps[0]["source"] == "cam-a"
    clocks = pq.read_table(made / "clocks.parquet").to_pylist()
    assert {row["source"] for row in clocks} == {"cam-a", "cam-b", "phone", "can"}


def test_a_session_without_clocks_cameras_or_marks(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.upload("gps.csv", "time,time,\n1,2,3\n")
    rig.process()
    made = export_session(rig.folder, KINDS["parquet"], tmp_path / "to", lambda _: None)
    assert pq.read_table(made.path / "frames.parquet").num_rows == 0
    assert pq.read_table(made.path / "marks.parquet").num_rows == 0
    assert pq.read_table(made.path / "phone" / "gps.parquet").num_rows == 1
