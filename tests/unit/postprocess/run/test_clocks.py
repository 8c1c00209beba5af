"""A session's clocks in its folder, and its frames' times by them."""

import csv
from pathlib import Path

import pytest
from tests.unit.postprocess.rig import START_MS, UUID, Rig
from tests.unit.postprocess.run.test_proof import record, told

from ctlr.layout.clock_rows import parse_clock_rows
from ctlr.postprocess.folder.verify import verify_session


def times(rig: Rig, name: str = "cam-a") -> list[dict[str, str]]:
    with open(rig.folder / f"{name}.frames.csv", newline="") as file:
        return list(csv.DictReader(file))


def verified(rig: Rig) -> int:
    return verify_session(rig.settings, UUID, lambda _: None).exit_code


def test_frames_of_shifted_clocks_stand_where_they_were_taken(rig: Rig) -> None:
    record(rig, "cam-a")
    record(rig, "cam-b", ahead_ms=2000, phase_us=3_000)
    rig.process(told(a=0, b=2000))
    assert [row["t_s"] for row in times(rig, "cam-b")[:2]] == ["0.003000", "0.036333"]
    assert times(rig)[31] == {
        "frame": "31",
        "pts_us": "1033333",
        "captured_at_us": str(START_MS * 1000 + 1_033_333),
        "slot": "1",  # these segments count from 0 each
        "t_s": "1.033333",
    }
    assert verified(rig) == 0


def test_the_whole_series_lies_in_the_folder(rig: Rig) -> None:
    record(rig, "cam-a")
    rig.process(told(a=12.5))
    rows = parse_clock_rows((rig.folder / "clock.csv").read_text())
    assert [(row.source, row.at_ms - START_MS) for row in rows] == [
        ("cam-a", -1000),
        ("cam-a", 2000),
        ("cam-a", 5000),
    ]
    assert {(row.offset_ms, row.uncertainty_ms, row.method) for row in rows} == {(12.5, 0.4, "exchange")}  # fmt: skip
    assert "clock.csv" in {entry["path"] for entry in rig.manifest()["files"]}


def test_other_samples_give_other_times_and_the_same_video(rig: Rig) -> None:
    record(rig, "cam-a")
    record(rig, "cam-b")
    rig.process(told(a=0, b=0))
    untouched = (rig.folder / "cam-a.frames.csv").stat()
    rig.process(told(a=0, b=10))
    assert times(rig, "cam-b")[0]["t_s"] == "-0.010000"
    assert (rig.folder / "cam-a.frames.csv").stat().st_ino == untouched.st_ino
    assert verified(rig) == 0


def test_times_that_were_tampered_with_get_no_new_ones(rig: Rig) -> None:
    """That would make what is damaged look whole."""
    record(rig, "cam-a")
    record(rig, "cam-b")
    rig.process(told(a=0, b=0))
    path = rig.folder / "cam-b.frames.csv"
    path.write_text(path.read_text().replace("0.033333", "0.044444"))
    rig.process(told(a=0, b=10))
    assert times(rig, "cam-b")[1]["t_s"] == "0.044444"
    assert verified(rig) == 3


def test_without_the_record_times_stay_and_new_files_get_theirs(rig: Rig) -> None:
    record(rig, "cam-a")
    record(rig, "cam-b", ahead_ms=2000)
    rig.process(told(a=0, b=2000))
    (rig.folder / "cam-b.frames.csv").unlink()
    rig.process()
    assert times(rig)[1]["t_s"] == "0.033333"
    assert float(times(rig, "cam-b")[1]["t_s"]) == pytest.approx(0.033333)
    assert (rig.folder / "clock.csv").is_file()


def test_a_damaged_clock_file_is_made_again(rig: Rig) -> None:
    record(rig, "cam-a")
    rig.process(told(a=3))
    path: Path = rig.folder / "clock.csv"
    good = path.read_bytes()
    path.write_bytes(good.replace(b"3.000", b"4.000"))
    assert verified(rig) == 3
    assert rig.process(told(a=3)).changed
    assert path.read_bytes() == good
    assert verified(rig) == 0
