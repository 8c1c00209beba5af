"""Frames of a session as tables of signals."""

import csv
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest

from ctlr.kernel.hashing import hash_file
from ctlr.layout.can_files import ARRIVAL_HEADER, RAW_HEADER, Run, encode_run
from ctlr.postprocess.can.database import load
from ctlr.postprocess.can.decode import Decoding, decode_rows
from ctlr.simulator.can import DATABASE, BusFrame, VehicleBus
from ctlr.simulator.can_senders import line_of
from ctlr.simulator.motion import Motion

BEGAN_S = 1_776_313_714.0
FRAMES = VehicleBus(7, fill_to_fps=400).frames(BEGAN_S, BEGAN_S + 4)


def write(folder: Path, rows: list[bytes], together: int = 10) -> tuple[Path, Path]:
    """A cut with arrivals: 50 ms after the first row of each batch."""
    raw, arrival = folder / "can_raw.csv", folder / "can_arrival.csv"
    offset, lines = len(RAW_HEADER), [ARRIVAL_HEADER]
    for begin in range(0, len(rows), together):
        some = rows[begin : begin + together]
        size, at = sum(map(len, some)), round(BEGAN_S * 1000) + begin + 50
        bus = "front" if begin % 20 else "rear"
        lines.append(encode_run(Run(at, bus, offset, size, len(some), 0, 0)))
        offset += size
    raw.write_bytes(RAW_HEADER + b"".join(rows))
    arrival.write_bytes(b"".join(lines))
    return raw, arrival


def make(tmp_path: Path, rows: list[bytes], *databases: Path) -> Decoding:
    raw, arrival = write(tmp_path, rows)
    out = tmp_path / "out"
    out.mkdir()
    made = decode_rows(raw, arrival, load(databases), ["vehicle.dbc"], out, "made of")
    for name, entry in made.files.items():
        assert hash_file(out / name) == entry
    assert {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()} == set(made.files)
    return made


def table(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def lines(frames: list[BusFrame]) -> list[bytes]:
    return [line_of(frame) for frame in frames]


def test_each_message_has_a_table_of_its_signals(tmp_path: Path) -> None:
    made = make(tmp_path, lines(FRAMES), DATABASE)
    by_id = Counter(frame.frame_id for frame in FRAMES)
    assert {m.message: m.frames for m in made.signals.messages} == {
        "Engine": by_id[0x0C9],
        "Steering": by_id[0x0E5],
        "Wheels": by_id[0x1A0],
        "Vehicle": by_id[0x1F5],
        "Body": by_id[0x3D1],
        "Service": by_id[0x5F0],
        "Odometer": by_id[0x18FEE017],
    }
    rows = table(tmp_path / "out" / "can" / "Vehicle.csv")
    assert list(rows[0]) == ["ts_ms", "arrived_ms", "bus", "VehicleSpeed", "YawRate", "AccelAhead"]
    motion = Motion(7)
    for row, frame in zip(rows, [f for f in FRAMES if f.frame_id == 0x1F5], strict=True):
        assert int(row["ts_ms"]) == round(frame.at_s * 1000)
        speed = float(motion.speed_m_s(np.array([frame.at_s]))[0])
        assert float(row["VehicleSpeed"]) == pytest.approx(speed * 3.6, abs=0.01)
        assert row["bus"] in {"front", "rear"}
        place = FRAMES.index(frame)
        assert int(row["arrived_ms"]) == round(BEGAN_S * 1000) + place // 10 * 10 + 50
    vehicle = next(m for m in made.signals.messages if m.message == "Vehicle")
    assert vehicle.signals == {"VehicleSpeed": "km/h", "YawRate": "deg/s", "AccelAhead": "m/s2"}
    assert (vehicle.id, vehicle.file, vehicle.wrong_length) == ("1F5", "can/Vehicle.csv", 0)


def test_what_no_database_knows_is_counted(tmp_path: Path) -> None:
    made = make(tmp_path, lines(FRAMES), DATABASE)
    unknown = [frame for frame in FRAMES if frame.frame_id >= 0x600 and not frame.extended]
    assert made.signals.unknown_frames == len(unknown)
    counts = Counter(f"{f.frame_id:03X}" for f in unknown)
    assert made.signals.unknown.items() <= counts.items()
    assert len(made.signals.unknown) == min(len(counts), 100)


def test_pages_leave_the_others_empty(tmp_path: Path) -> None:
    make(tmp_path, lines(FRAMES), DATABASE)
    rows = table(tmp_path / "out" / "can" / "Service.csv")
    for row in rows:
        on_page = (bool(row["BatteryVoltage"]), bool(row["OilTemp"]))
        assert on_page == {"0": (True, False), "1": (False, True)}[row["Page"]]


def test_odd_rows_are_counted_and_spoil_nothing(tmp_path: Path) -> None:
    good = line_of(next(frame for frame in FRAMES if frame.frame_id == 0x1F5))
    data = good.split(b",")[3][:-1]
    rows = [
        good,
        good.replace(b",6,", b",4,").replace(data, data[:8]),  # too short
        good.replace(b",6,", b",8,").replace(data, data + b"AABB"),  # longer than it says
        b"-7,1F5,6,%b\n" % data,  # a clock from another age
        b"99999999999999999999,1F5,6,%b\n" % data,
        b"1776313714000,1F5,6,\n",  # remote
        b"1776313714000,1F5,6,%b\n" % data[:6],  # torn
        b"garbage\n",
    ]
    made = make(tmp_path, rows, DATABASE)
    [message] = made.signals.messages
    assert (message.frames, message.wrong_length) == (5, 2)
    assert (made.signals.remote_frames, made.signals.malformed_rows) == (1, 2)
    told = table(tmp_path / "out" / "can" / "Vehicle.csv")
    assert sorted(row["ts_ms"] for row in told if row["VehicleSpeed"]) == sorted(
        row["ts_ms"] for row in told
    )
    assert [row["AccelAhead"] for row in told].count("") == 1
    assert {"-7", str(2**63 - 1)} <= {row["ts_ms"] for row in told}


def test_all_values_in_one_parquet_file(tmp_path: Path) -> None:
    made = make(tmp_path, lines(FRAMES), DATABASE)
    assert made.signals.parquet == "can.parquet"
    read: Any = pyarrow.parquet.read_table(tmp_path / "out" / "can.parquet")
    assert read.column_names == [
        *("ts_ms", "arrived_ms", "bus", "message", "signal", "value"),
        *("id", "exact"),
    ]
    assert read.schema.metadata[b"Vehicle.VehicleSpeed"] == b"km/h"
    expected = sorted(
        (int(row["ts_ms"]), int(row["arrived_ms"]), row["bus"], m.message, signal, row[signal])
        for m in made.signals.messages
        for row in table(tmp_path / "out" / m.file)
        for signal in m.signals
        if row[signal]
    )
    found = sorted(
        (*(row[name] for name in read.column_names[:5]), repr(row["value"]).removesuffix(".0"))
        for row in read.to_pylist()
    )
    assert found == expected


def test_without_pyarrow_the_rest_is_there_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # as where it is not installed
    made = make(tmp_path, lines(FRAMES), DATABASE)
    assert made.signals.parquet is None
    assert [(p.code, p.harms) for p in made.problems] == [("no_parquet", False)]
    assert "pip install pyarrow" in made.problems[0].text
    assert len(made.files) == 7


def test_arrivals_that_nobody_knows_are_empty(tmp_path: Path) -> None:
    raw, _ = write(tmp_path, lines(FRAMES[:20]))
    decode_rows(raw, None, load([DATABASE]), [], tmp_path, "")
    rows = table(next((tmp_path / "can").glob("*.csv")))
    assert {(row["arrived_ms"], row["bus"]) for row in rows} == {("", "")}
    read: Any = pyarrow.parquet.read_table(tmp_path / "can.parquet")
    assert set(read["arrived_ms"].to_pylist() + read["bus"].to_pylist()) == {None}


def test_databases_that_cannot_be_read_are_problems(tmp_path: Path) -> None:
    bad = tmp_path / "bad.dbc"
    bad.write_text("BO_ nonsense")
    made = make(tmp_path, lines(FRAMES[:100]), bad)
    assert made.files == {}
    assert [problem.code for problem in made.problems] == ["database"]
    assert made.signals.unknown_frames == 100


def test_messages_that_share_a_name_have_files_of_their_own(tmp_path: Path) -> None:
    twins = tmp_path / "twins.dbc"
    twins.write_text(
        'VERSION ""\nBS_:\nBU_: A\n'
        + "".join(
            f'BO_ {number} {name}: 1 A\n SG_ s : 0|8@1+ (1,0) [0|0] "" A\n'
            for number, name in ((1, "Twin"), (2, "Twin"), (3, "CON"), (4, "con"))
        )
    )
    rows = [b"1776313714000,%03X,1,2A\n" % number for number in (1, 2, 3, 4)]
    made = make(tmp_path, rows, twins)
    files = [message.file for message in made.signals.messages]
    assert len({file.casefold() for file in files}) == 4
    assert {"can/Twin_1.csv", "can/Twin_2.csv"} <= set(files)


def test_whole_numbers_of_any_length_read_back_exactly(tmp_path: Path) -> None:
    database = tmp_path / "exact.dbc"
    database.write_text(
        'VERSION ""\nBU_: A\nBO_ 1 Clock: 8 A\n SG_ s : 0|64@1+ (1,0) [0|0] "" A\n'
        'BO_ 2 Fine: 8 A\n SG_ s : 0|40@1+ (1E-006,0) [0|0] "s" A\n'
        'BO_ 3 Small: 8 A\n SG_ s : 0|64@1- (1,0) [0|0] "" A\n'
    )
    made = make(
        tmp_path,
        [
            b"1776313714000,001,8,%b\n" % (2**64 - 2).to_bytes(8, "little").hex().encode(),
            b"1776313714000,002,8,%b\n" % (24_962_398_686).to_bytes(8, "little").hex().encode(),
            b"1776313714000,003,8,FFFFFFFFFFFFFFFF\n",
        ],
        database,
    )
    found = {m.message: table(tmp_path / "out" / m.file)[0]["s"] for m in made.signals.messages}
    assert found == {"Clock": "18446744073709551614", "Fine": "24962.398686", "Small": "-1"}
    read: Any = pyarrow.parquet.read_table(tmp_path / "out" / "can.parquet")
    exact = {row["message"]: (row["exact"], row["id"]) for row in read.to_pylist()}
    assert exact == {"Clock": ("18446744073709551614", 1), "Fine": (None, 2), "Small": (None, 3)}


def test_flags_in_the_identifier_are_no_messages(tmp_path: Path) -> None:
    database = tmp_path / "wheel.dbc"
    database.write_text(
        'VERSION ""\nBU_: A\nBO_ 136 Wheel: 8 A\n SG_ Speed : 0|16@1+ (0.01,0) [0|0] "" A\n'
        'BO_ 2147483784 Far: 8 A\n SG_ Speed : 0|16@1+ (1,0) [0|0] "" A\n'
    )
    rows = [
        b"1776313714000,088,8,E803000000000000\n",
        b"1776313714000,20000088,8,0000800000000000\n",  # an error frame
        b"1776313714000,80000088,8,0200000000000000\n",  # the flag of an extended one
        b"1776313714000,40000088,8,\n",  # a remote frame
    ]
    made = make(tmp_path, rows, database)
    found = {m.message: (m.frames, table(tmp_path / "out" / m.file)) for m in made.signals.messages}
    assert {name: (frames, rows[0]["Speed"]) for name, (frames, rows) in found.items()} == {
        "Wheel": (1, "10"),
        "Far": (1, "2"),
    }
    assert (made.signals.error_frames, made.signals.remote_frames) == (1, 1)


def test_a_parameter_group_is_one_message_whoever_sends_it(tmp_path: Path) -> None:
    database = tmp_path / "truck.dbc"
    database.write_text(
        'VERSION ""\nBU_: A\nBO_ 2364540158 EEC1: 8 A\n'
        ' SG_ EngineSpeed : 24|16@1+ (0.125,0) [0|0] "rpm" A\n'
    )
    data = b"FFFFFF6813FFFFFF"
    rows = [
        b"1776313714000,0CF00400,8,%b\n" % data,
        b"1776313714010,18F00401,8,%b\n" % data,
        b"1776313714020,0CF00500,8,%b\n" % data,
    ]
    [message] = make(tmp_path, rows, database).signals.messages
    assert (message.message, message.frames) == ("EEC1", 2)
    assert message.ids == {"0CF00400": 1, "18F00401": 1}
    told = table(tmp_path / "out" / message.file)
    assert [(row["EngineSpeed"], row["id"]) for row in sorted(told, key=lambda r: r["id"])] == [
        ("621", "0CF00400"),
        ("621", "18F00401"),
    ]
