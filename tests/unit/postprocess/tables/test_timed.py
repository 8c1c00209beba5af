"""Every row's time is what the manifest says of the table, whatever its dialect."""

from pathlib import Path

import numpy as np
import pytest

from ctlr.postprocess.tables.placing import SessionSpan, place
from ctlr.postprocess.tables.table import read_table
from ctlr.postprocess.tables.timed import NoTableError, TimedTable, read_timed_table

START_MS = 1_776_313_714_000
SPAN = SessionSpan(START_MS, START_MS + 60_000)
ROWS = 600


def rows(form: str, count: int = ROWS, step_ms: float = 100.0, start: float = 0.0) -> str:
    lines = []
    for n in range(count):
        ms = start + n * step_ms
        lines.append(form.format(n=n, s=ms / 1000, ms=int(ms), ns=int(ms) * 10**6))
    return "".join(f"{line}\n" for line in lines)


def unix(form: str) -> str:
    return rows(form, start=START_MS)


def iso(n: int) -> str:
    at = np.datetime64(START_MS + n * 100, "ms")
    return f"{at}Z,{n}\n"


TABLES = {
    "unix ns": "time,x\n" + unix("{ns},{n}"),
    "unix ms, semicolons and decimal commas": "ts_ms;x\n" + unix("{ms};{n},5"),
    "dates": "timestamp,x\n" + "".join(map(iso, range(ROWS))),
    "seconds elapsed": "seconds_elapsed,x\n" + rows("{s:.3f},{n}"),
    "a counter": '"Time (s)","x"\n' + rows("{s:.3f},{n}", start=7_000),
    "a counter in ms without a unit": "time,x\n" + rows("{ms},{n}", start=123_456),
    "time since boot": "timestamp,x\n" + rows("{ns},{n}", start=20 * 86_400_000.0),
    "a preamble and units": "# exported\ntime;x\ns;m/s^2\n" + rows("{s:.3f};{n}"),
    "times of day": "Uhrzeit,x\n" + "".join(f"23:59:{n // 10 % 60:02d}.{n % 10}00,{n}\n" for n in range(ROWS)),
    "a clock that was set": "time,x\n" + rows("{ns},{n}", 100) + rows("{ns},{n}", 500, start=START_MS + 10_000),
    "rows of another year": "time,x\n" + rows("{ns},{n}", 20, start=START_MS - 4e10) + unix("{ns},{n}"),
    "no header": unix("{ms},{n}"),
}  # fmt: skip


def load(tmp_path: Path, text: str) -> tuple[Path, TimedTable]:
    path = tmp_path / "table.csv"
    path.write_text(text)
    return path, read_timed_table(path, None, SPAN)


@pytest.mark.parametrize("text", TABLES.values(), ids=TABLES)
def test_rows_have_the_times_that_the_manifest_tells(tmp_path: Path, text: str) -> None:
    path, table = load(tmp_path, text)
    told = place(read_table(path, lambda _: None), SPAN)
    times = table.times_ms[np.isfinite(table.times_ms)]
    assert told.times.first_ms is not None
    assert len(table) == told.rows
    assert len(times) == told.times.rows >= 0.9 * ROWS
    assert times.min() == pytest.approx(told.times.first_ms)
    assert times.max() == pytest.approx(told.times.last_ms)
    assert np.diff(times) == pytest.approx(100.0, abs=0.1)


def test_columns_by_either_name(tmp_path: Path) -> None:
    _, table = load(tmp_path, "Time (s),Linear Acceleration x (m/s^2),note\n0.0,1.5,a\n0.1,,b\n")
    assert table.names == ("Time (s)", "Linear Acceleration x (m/s^2)", "note")
    for name in ("Linear Acceleration x (m/s^2)", "linear_acceleration_x"):
        assert table.numbers(table.index(name))[0] == 1.5
    assert np.isnan(table.numbers(1)[1])
    assert table.texts(2) == ["a", "b"]


def test_a_table_without_a_clock_has_rows_and_no_times(tmp_path: Path) -> None:
    _, table = load(tmp_path, "x,y\n1,2\n3,4\n")
    assert table.numbers(1).tolist() == [2, 4]
    assert np.isnan(table.times_ms).all()
    assert len(table.times_ms) == 2


def test_what_is_no_table_says_why(tmp_path: Path) -> None:
    with pytest.raises(NoTableError, match="It is empty"):
        load(tmp_path, "")
    with pytest.raises(NoTableError, match="cannot be read"):
        read_timed_table(tmp_path / "away.csv", None, SPAN)
