"""Which rows belong to a session, out of what a listener really writes."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.can.recording import open_files

from ctlr.can.files import CanFiles
from ctlr.can.frame import make_batch
from ctlr.kernel.hashing import hash_file
from ctlr.layout.can_files import RAW_HEADER, arrival_name, piece_name
from ctlr.layout.session import CAN_FILE
from ctlr.postprocess.can.cut import ARRIVAL_FILE, Cut, cut_rows
from ctlr.postprocess.can.found import find_rows
from ctlr.postprocess.can.news import LATE_MS, has_news
from ctlr.postprocess.can.runs import CanRows, parse_runs
from ctlr.postprocess.can.windows import Window, windows_of
from ctlr.sessions.model import ClockStep

FIRST = 1_776_313_714_000
LAST = FIRST + 600_000
GARBAGE = [-5, 0, 7, 946_684_800_000, 4_102_444_800_000, 10**19]


class Row(NamedTuple):
    arrived_ms: int
    own_ms: int
    number: int

    @property
    def text(self) -> bytes:
        return b"%d,%03X,4,%08X\n" % (self.own_ms, self.number % 2048, self.number)


def belongs(row: Row) -> bool:
    if FIRST <= row.arrived_ms <= LAST:
        return True
    near = FIRST - LATE_MS <= row.arrived_ms <= LAST + LATE_MS
    return near and FIRST <= row.own_ms <= LAST


def write(files: CanFiles, rows: list[Row], together: int = 3) -> None:
    for begin in range(0, len(rows), together):
        some = rows[begin : begin + together]
        data = b"".join(row.text for row in some)
        arrived = some[-1].arrived_ms
        files.append([make_batch("can0", arrived, data, [row.own_ms for row in some])])


def cut(folder: Path, out: Path, first_ms: int = FIRST, last_ms: int = LAST) -> Cut:
    found = find_rows(folder, [Window(first_ms, last_ms)])
    assert found is not None
    out.mkdir(exist_ok=True)
    made = cut_rows(folder, found, out)
    for name, (size, digest) in made.files.items():
        assert hash_file(out / name) == (size, digest)
    assert sorted(os.listdir(out)) == sorted(made.files)
    raw = (out / CAN_FILE).read_bytes()
    assert raw.startswith(RAW_HEADER)
    assert raw.count(b"\n") - 1 == made.rows
    if ARRIVAL_FILE in made.files:
        runs = parse_runs([(out / ARRIVAL_FILE).read_bytes()], len(raw))
        for offset, end, rows in zip(runs.offsets, runs.ends, runs.rows, strict=True):
            assert raw[offset:end].count(b"\n") == rows
            assert raw[end - 1 : end] == b"\n"
        assert int(runs.rows.sum()) == sum(made.buses.values())
    return made


def rows_in(out: Path) -> list[bytes]:
    return (out / CAN_FILE).read_bytes().removeprefix(RAW_HEADER).splitlines(keepends=True)


steps = st.lists(
    st.tuples(
        st.sampled_from([0, 10, 1000, 100_000]),  # since the row before
        st.one_of(st.integers(-90_000, 90_000), st.sampled_from([-LATE_MS, LATE_MS])),  # own time
        st.booleans(),
    ),
    max_size=20,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps, st.sampled_from([1, 150, 1 << 30]), st.integers(1, 4), st.data())
def test_every_row_that_belongs_and_no_other(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[int, int, bool]],
    rotate_bytes: int,
    together: int,
    data: st.DataObject,
) -> None:
    root = tmp_path_factory.mktemp("can")
    arrived, rows = FIRST - 400_000, []
    for number, (step, off, garbage) in enumerate(steps):
        arrived += step
        own = data.draw(st.sampled_from(GARBAGE)) if garbage else arrived + off
        rows.append(Row(arrived, own, number))
    for begin in range(0, len(rows), together):  # what is taken in together arrives together
        last = rows[begin : begin + together][-1].arrived_ms
        rows[begin : begin + together] = [
            Row(last, row.own_ms, row.number) for row in rows[begin : begin + together]
        ]
    files = open_files(root / "can", rotate_bytes=rotate_bytes)
    write(files, rows, together)
    files.close()
    made = cut(root / "can", root / "out")
    wanted = [row for row in rows if belongs(row)]
    assert rows_in(root / "out") == [row.text for row in wanted]
    by_arrival = [row for row in wanted if not FIRST <= row.own_ms <= LAST]
    assert (made.rows, made.by_arrival) == (len(wanted), len(by_arrival))
    assert made.buses == ({"can0": len(wanted)} if wanted else {})


def regular(count: int, every_ms: int = 100, begin_ms: int = FIRST - 300_000) -> list[Row]:
    return [Row(begin_ms + n * every_ms, begin_ms + n * every_ms - 5, n) for n in range(count)]


class TestRecordings:
    """Recordings of other kinds than a listener of this release leaves."""

    def test_without_arrivals_rows_count_by_their_own_times(self, tmp_path: Path) -> None:
        rows = regular(20_000)
        folder = tmp_path / "can"
        folder.mkdir()
        noise = [b"\xff\xfe garbage\n", b"\n", b"-5,1A0,1,00\n", bytes(3 << 20) + b"\n"]
        text = [row.text for row in rows]
        for place, line in enumerate(noise):
            text.insert(4000 * (place + 1), line)
        (folder / "raw.csv").write_bytes(RAW_HEADER + b"".join(text) + b"1776313714000,1A0,1")
        made = cut(folder, tmp_path / "out")
        assert rows_in(tmp_path / "out") == [
            row.text for row in rows if FIRST <= row.own_ms <= LAST
        ]
        assert list(made.files) == [CAN_FILE]
        assert (made.by_arrival, made.buses) == (0, {})

    def test_a_small_step_of_the_clock_loses_nothing(self, tmp_path: Path) -> None:
        folder = tmp_path / "can"
        folder.mkdir()
        first = [b"%d,1A0,1,00\n" % (FIRST + at) for at in range(-500_000, 610_000, 100)]
        again = [b"%d,1A0,1,01\n" % (FIRST + at) for at in range(580_000, 900_000, 100)]
        (folder / "raw.csv").write_bytes(RAW_HEADER + b"".join(first + again))
        made = cut(folder, tmp_path / "out")
        assert made.rows == 6001 + 201

    def test_a_file_that_a_listener_has_gone_on_with(self, tmp_path: Path) -> None:
        rows = regular(9000)
        folder = tmp_path / "can"
        folder.mkdir()
        old, new = rows[:4500], rows[4500:]
        (folder / "raw.csv").write_bytes(RAW_HEADER + b"".join(row.text for row in old))
        files = open_files(folder)
        write(files, new, 10)
        files.close()
        cut(folder, tmp_path / "out")
        got = set(rows_in(tmp_path / "out"))
        assert {row.text for row in old if FIRST <= row.own_ms <= LAST} <= got
        assert {row.text for row in new if FIRST <= row.arrived_ms <= LAST - 1000} <= got

    @pytest.mark.parametrize("lost", [1, 200, 5000])
    def test_arrivals_that_a_power_cut_took(self, tmp_path: Path, lost: int) -> None:
        rows = regular(6000)
        folder = tmp_path / "can"
        files = open_files(folder)
        write(files, rows, 5)
        files.close()
        arrivals = folder / "raw.arrival.csv"
        os.truncate(arrivals, arrivals.stat().st_size - lost)
        files = open_files(folder)
        write(files, regular(500, begin_ms=LAST + 10), 5)
        files.close()
        cut(folder, tmp_path / "out")
        own = [row.text for row in rows if FIRST <= row.own_ms <= LAST]
        assert [row for row in rows_in(tmp_path / "out") if row in set(own)] == own

    def test_damaged_arrivals_cost_no_rows(self, tmp_path: Path) -> None:
        rows = regular(6000)
        folder = tmp_path / "can"
        files = open_files(folder)
        write(files, rows, 5)
        files.close()
        arrivals = folder / "raw.arrival.csv"
        lines = arrivals.read_bytes().splitlines(keepends=True)
        lines[500:520] = [b"\xff" * 40 + b"\n"] * 20
        lines[600] = b"1,can0,99999999,5,5,5,5\n"
        arrivals.write_bytes(b"".join(lines))
        cut(folder, tmp_path / "out")
        own = {row.text for row in rows if FIRST <= row.own_ms <= LAST}
        assert own <= set(rows_in(tmp_path / "out"))

    def test_a_sparse_recording_of_terabytes(self, tmp_path: Path) -> None:
        folder = tmp_path / "can"
        folder.mkdir()
        rows = [row.text for row in regular(12_000)]
        with open(folder / "raw.csv", "wb") as file:
            file.write(RAW_HEADER + b"".join(rows[:6000]))
            file.seek(1 << 42)
            file.write(b"".join(rows[6000:]))
        made = cut(folder, tmp_path / "out")
        assert made.rows == sum(FIRST <= row.own_ms <= LAST for row in regular(12_000))

    def test_nothing_recorded(self, tmp_path: Path) -> None:
        assert find_rows(tmp_path / "absent", [Window(FIRST, LAST)]) is None
        (tmp_path / "can").mkdir()
        assert find_rows(tmp_path / "can", [Window(FIRST, LAST)]) is None
        open_files(tmp_path / "can").close()
        assert cut(tmp_path / "can", tmp_path / "out").rows == 0


class TestLater:
    """The recording goes on after a session was made of it."""

    def found(self, folder: Path) -> CanRows:
        rows = find_rows(folder, [Window(FIRST, LAST)])
        assert rows is not None
        return rows

    def test_rows_that_do_not_belong_change_nothing(self, tmp_path: Path) -> None:
        files = open_files(tmp_path, rotate_bytes=20_000)
        write(files, regular(10_000), 10)
        before = self.found(tmp_path)
        assert not has_news(tmp_path, FIRST, LAST, before.until_ms)
        write(files, regular(2000, begin_ms=LAST + 200_000), 10)
        files.close()
        after = self.found(tmp_path)
        assert (before.inputs, before.bytes) == (after.inputs, after.bytes)
        assert not has_news(tmp_path, FIRST, LAST, before.until_ms)

    @pytest.mark.parametrize("late", [False, True])
    def test_rows_that_belong_are_news_once(self, tmp_path: Path, late: bool) -> None:
        files = open_files(tmp_path)
        rows = regular(10_000)
        write(files, rows[:5000], 10)
        before = self.found(tmp_path)
        if late:  # kept by a bridge that was out of reach
            rest = [Row(LAST + 100_000 + n, row.own_ms, row.number) for n, row in enumerate(rows)]
            write(files, rest[5000:6000], 10)
        else:
            write(files, rows[5000:6000], 10)
        files.close()
        assert has_news(tmp_path, FIRST, LAST, before.until_ms)
        after = self.found(tmp_path)
        assert after.inputs != before.inputs
        assert not has_news(tmp_path, FIRST, LAST, after.until_ms)

    def test_a_recording_without_arrivals_is_news_until_the_session_is_over(
        self, tmp_path: Path
    ) -> None:
        def record(until_ms: int) -> None:
            rows = (b"%d,1A0,1,00\n" % at for at in range(FIRST - 1000, until_ms, 100))
            (tmp_path / "raw.csv").write_bytes(RAW_HEADER + b"".join(rows))

        record(LAST - 1000)
        before = self.found(tmp_path)
        assert not has_news(tmp_path, FIRST, LAST, before.until_ms)
        record(LAST + 1000)
        assert has_news(tmp_path, FIRST, LAST, before.until_ms)
        after = self.found(tmp_path)
        record(LAST + 500_000)
        assert not has_news(tmp_path, FIRST, LAST, after.until_ms)

    def test_a_piece_that_got_another_name_is_still_the_same(self, tmp_path: Path) -> None:
        folder = tmp_path / "can"
        files = open_files(folder)
        rows = regular(6000)
        write(files, rows, 10)
        files.close()
        found = self.found(folder)
        for name in ("raw.csv", "raw.arrival.csv"):
            os.rename(folder / name, folder / name.replace("raw", "raw-000001"))
        assert (folder / piece_name(1)).exists()
        assert (folder / arrival_name(piece_name(1))).exists()
        files = open_files(folder)
        write(files, regular(100, begin_ms=LAST + 10**6), 10)
        files.close()
        assert self.found(folder).inputs == found.inputs
        (tmp_path / "out").mkdir()
        made = cut_rows(folder, found, tmp_path / "out")
        assert made.rows == sum(map(belongs, rows))


def test_runs_of_columns_say_when_each_row_arrived(tmp_path: Path) -> None:
    rows = regular(50, begin_ms=FIRST)
    files = open_files(tmp_path / "can")
    write(files, rows, 7)
    files.close()
    cut(tmp_path / "can", tmp_path / "out")
    runs = parse_runs([(tmp_path / "out" / ARRIVAL_FILE).read_bytes()], 1 << 40)
    arrived = np.repeat(runs.arrived_ms, runs.rows).tolist()
    assert len(arrived) == len(rows)
    assert all(
        row.arrived_ms <= at <= row.arrived_ms + 600 for row, at in zip(rows, arrived, strict=True)
    )


def in_seconds(at: int, n: int) -> bytes:
    return b"%d.%03d,%03X,2,%04X\n" % (*divmod(at, 1000), n % 16, n)


DIALECTS: dict[str, Callable[[int, int], bytes]] = {
    "lines that end with CR LF": lambda at, n: b"%d,%03X,2,%04X\r\n" % (at, n % 16, n),
    "seconds with a fraction": in_seconds,
    "microseconds": lambda at, n: b"%d,0x%03X,02,%04x\n" % (at * 1000 + 7, n % 16, n),
    "candump -L": lambda at, n: (
        b"(%d.%06d) can0 %03X#%04X\n" % (at // 1000, at % 1000 * 1000, n % 16, n)
    ),
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_recording_in_another_dialect_is_cut_like_ours(tmp_path: Path, dialect: str) -> None:
    folder, out = tmp_path / "can", tmp_path / "out"
    folder.mkdir()
    times = range(FIRST - 300_000, LAST + 300_000, 250)
    write_as = DIALECTS[dialect]
    rows = [write_as(at, number) for number, at in enumerate(times)]
    heading = b"ts_ms,id,len,hex" + rows[0][-2:].lstrip(b"0123456789ABCDEFabcdef")
    (folder / "raw.csv").write_bytes(heading + b"".join(rows))
    made = cut(folder, out)
    expected = [
        b"%d,%03X,2,%04X\n" % (at, number % 16, number)
        for number, at in enumerate(times)
        if FIRST <= at <= LAST
    ]
    assert [row.upper() for row in rows_in(out)] == expected
    assert made.rows == len(expected)
    assert has_news(folder, times[-1] - 1000, times[-1] + 1000, times[-1] - 500)


def test_rows_of_no_dialect_stay_to_the_letter(tmp_path: Path) -> None:
    folder, out = tmp_path / "can", tmp_path / "out"
    folder.mkdir()
    torn = b"%d,1A0,8,00FF\n" % (FIRST + 1)
    error = b"%d,20000004,8,0004000000000000\n" % (FIRST + 2)
    (folder / "raw.csv").write_bytes(RAW_HEADER + torn + error + b"%d.5,1A0,0,\n" % (FIRST // 1000))
    cut(folder, out)
    assert rows_in(out) == [torn, error, b"%d,1A0,0,\n" % (FIRST + 500)]


DAY_MS = 86_400_000


@pytest.mark.parametrize("step_ms", [14 * DAY_MS, FIRST - 7_000_000, -14 * DAY_MS])
def test_a_clock_that_was_set_meanwhile_takes_nothing_from_between(
    tmp_path: Path, step_ms: int
) -> None:
    """The session's clock is the one that was set; rows before the step arrived on the other."""
    folder, out, at_ms = tmp_path / "can", tmp_path / "out", FIRST + 300_000
    before = [Row(at - step_ms, at - step_ms, n) for n, at in enumerate(range(FIRST, at_ms, 1000))]
    after = [Row(at, at, 1000 + n) for n, at in enumerate(range(at_ms, LAST, 1000))]
    between = [Row(FIRST - step_ms // 2 + n, 0, 2000 + n) for n in range(100)]
    files = open_files(folder)
    for rows in (before, between, after) if step_ms > 0 else (between, before, after):
        write(files, rows)
    files.close()
    windows = windows_of(FIRST, LAST, [ClockStep(at_ms, step_ms)])
    found = find_rows(folder, windows)
    assert found is not None
    assert (found.first_ms, found.last_ms) == (FIRST, LAST)
    out.mkdir()
    made = cut_rows(folder, found, out)
    assert sorted(rows_in(out)) == sorted(row.text for row in [*before, *after])
    runs = parse_runs([(out / ARRIVAL_FILE).read_bytes()], 1 << 40)
    assert FIRST <= int(runs.arrived_ms.min()) <= int(runs.arrived_ms.max()) <= LAST
    assert made.rows == len(before) + len(after)
