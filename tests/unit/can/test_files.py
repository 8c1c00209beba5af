"""The recording's files: begun, gone on with, torn, changed for new ones, taken up again."""

import os
from pathlib import Path

import pytest
from tests.unit.can.recording import (
    NOW_MS,
    batch,
    check_runs,
    no_file_may_grow_beyond,
    open_files,
    recorded,
    rows_of,
    runs_of,
)

from ctlr.can.files import BACKWARDS_MS, Ledger
from ctlr.layout.can_files import (
    ARRIVAL_HEADER,
    RAW_HEADER,
    arrival_name,
    newest_last,
    piece_name,
)


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_rows_and_when_they_arrived(tmp_path: Path) -> None:
    files = open_files(tmp_path)
    files.append([batch(1, rows=2), batch(2, rows=3, bus="can1")])
    files.append([batch(3, rows=1)])
    files.sync()
    files.close()
    assert (tmp_path / "raw.csv").read_bytes() == RAW_HEADER + rows_of(
        batch(1, rows=2), batch(2, rows=3), batch(3, rows=1)
    )
    found = [(run.arrived_ms, run.bus, run.rows) for run in runs_of(tmp_path)]
    assert found == [
        (NOW_MS + 10, "can0", 2),
        (NOW_MS + 20, "can1", 3),
        (NOW_MS + 30, "can0", 1),
    ]
    check_runs(tmp_path)
    assert names(tmp_path) == ["raw.arrival.csv", "raw.csv"]


def test_a_restart_goes_on_in_the_same_file(tmp_path: Path) -> None:
    for number in range(3):
        files = open_files(tmp_path)
        files.append([batch(number)])
        files.close()
    assert recorded(tmp_path) == rows_of(batch(0), batch(1), batch(2))
    check_runs(tmp_path)


@pytest.mark.parametrize("cut", [1, 5, 20])
@pytest.mark.parametrize("name", ["raw.csv", "raw.arrival.csv"])
def test_a_torn_line_is_closed_and_nothing_is_cut_off(tmp_path: Path, name: str, cut: int) -> None:
    files = open_files(tmp_path)
    files.append([batch(1), batch(2)])
    files.close()
    torn = (tmp_path / name).read_bytes()[:-cut]
    (tmp_path / name).write_bytes(torn)
    files = open_files(tmp_path)
    files.append([batch(3)])
    files.close()
    kept = b"".join((tmp_path / n).read_bytes() for n in names(tmp_path) if n.startswith(name[:3]))
    assert torn[-20:] in kept
    assert rows_of(batch(3)) in (tmp_path / "raw.csv").read_bytes()
    for line in (tmp_path / "raw.csv").read_bytes().splitlines()[1:]:
        assert line.count(b",") <= 3
    check_runs(tmp_path)


def test_arrivals_of_rows_that_a_power_cut_took_stay_with_their_piece(tmp_path: Path) -> None:
    files = open_files(tmp_path)
    files.append([batch(1), batch(2)])
    files.close()
    os.truncate(tmp_path / "raw.csv", len(RAW_HEADER) + len(rows_of(batch(1))))
    files = open_files(tmp_path)
    files.append([batch(3)])
    files.close()
    assert recorded(tmp_path) == rows_of(batch(1), batch(3))
    assert len(runs_of(tmp_path, piece_name(1))) == 2
    check_runs(tmp_path)


def test_rows_of_before_there_were_arrivals_are_gone_on_with(tmp_path: Path) -> None:
    old = RAW_HEADER + b"1,1A0,1,00\n" * 100
    (tmp_path / "raw.csv").write_bytes(old)
    files = open_files(tmp_path)
    files.append([batch(1)])
    files.close()
    assert (tmp_path / "raw.csv").read_bytes() == old + rows_of(batch(1))
    assert runs_of(tmp_path)[0].offset == len(old)


def test_what_somebody_else_wrote_is_kept_under_another_name(tmp_path: Path) -> None:
    (tmp_path / "raw.csv").write_text("time;id;data\n1;2;3\n")
    files = open_files(tmp_path)
    files.append([batch(1)])
    files.close()
    assert (tmp_path / piece_name(1)).read_text() == "time;id;data\n1;2;3\n"
    assert (tmp_path / "raw.csv").read_bytes() == RAW_HEADER + rows_of(batch(1))


def test_a_full_file_begins_a_new_piece_and_readers_read_on(tmp_path: Path) -> None:
    files = open_files(tmp_path, rotate_bytes=200)
    reader = (tmp_path / "raw.csv").open("rb")
    everything = [batch(number) for number in range(40)]
    for one in everything:
        files.append([one])
        assert (tmp_path / "raw.csv").read_bytes().startswith(RAW_HEADER)
    files.close()
    pieces = [
        piece_name(number) for number in range(1, 10) if (tmp_path / piece_name(number)).exists()
    ]
    assert len(pieces) > 2
    assert recorded(tmp_path) == rows_of(*everything)
    with reader:
        assert reader.read() == (tmp_path / piece_name(1)).read_bytes()
    for piece in [*pieces, "raw.csv"]:
        check_runs(tmp_path, piece)
        assert (tmp_path / piece).stat().st_nlink == 1
    assert not [name for name in names(tmp_path) if name.startswith(".")]


def test_a_clock_that_was_set_back_begins_a_new_piece(tmp_path: Path) -> None:
    files = open_files(tmp_path)
    earlier = NOW_MS - BACKWARDS_MS
    before, after = [batch(1), batch(2)], [batch(3, at_ms=earlier), batch(4, at_ms=earlier + 10)]
    files.append([*before, *after])
    files.close()
    assert recorded(tmp_path) == rows_of(*before, *after)
    for piece, batches in ((piece_name(1), before), ("raw.csv", after)):
        assert [run.arrived_ms for run in runs_of(tmp_path, piece)] == [
            b.arrived_ms for b in batches
        ]


@pytest.mark.parametrize("step", ["rows linked", "both linked", "arrivals begun"])
def test_a_change_of_pieces_that_was_cut_short_is_finished(tmp_path: Path, step: str) -> None:
    files = open_files(tmp_path)
    files.append([batch(1)])
    files.close()
    os.link(tmp_path / "raw.csv", tmp_path / piece_name(1))
    if step != "rows linked":
        os.link(tmp_path / "raw.arrival.csv", tmp_path / arrival_name(piece_name(1)))
    if step == "arrivals begun":
        (tmp_path / "raw.arrival.csv").unlink()
        (tmp_path / "raw.arrival.csv").write_bytes(ARRIVAL_HEADER)
        (tmp_path / ".raw.csv.1234").write_bytes(RAW_HEADER)
    files = open_files(tmp_path)
    files.append([batch(2)])
    files.close()
    assert recorded(tmp_path) == rows_of(batch(1), batch(2))
    assert names(tmp_path) == sorted(
        ["raw.csv", "raw.arrival.csv", piece_name(1), arrival_name(piece_name(1))]
    )
    check_runs(tmp_path)
    check_runs(tmp_path, piece_name(1))


def test_two_listeners_do_not_mix_their_rows(tmp_path: Path) -> None:
    files = open_files(tmp_path)
    with pytest.raises(OSError, match="another listener"):
        open_files(tmp_path)
    files.close()
    open_files(tmp_path).close()


def test_links_are_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    target.write_text("untouched")
    folder = tmp_path / "can"
    folder.mkdir()
    (folder / "raw.csv").symlink_to(target)
    with pytest.raises(OSError, match="symbolic"):
        open_files(folder)
    assert target.read_text() == "untouched"


class TestTakingUp:
    """The drive comes back after it was pulled: what was not flushed may be there, or partly."""

    @pytest.mark.parametrize("kept", range(0, 90, 7))
    def test_what_is_missing_is_written_and_nothing_twice(self, tmp_path: Path, kept: int) -> None:
        ledger = Ledger()
        files = open_files(tmp_path, ledger)
        files.append([batch(1)])
        files.sync()
        sizes = {name: (tmp_path / name).stat().st_size for name in names(tmp_path)}
        files.append([batch(2), batch(3)])
        files.close()
        for name, size in sizes.items():  # as the disk has it
            now = (tmp_path / name).stat().st_size
            os.truncate(tmp_path / name, min(size + kept, now))
        files = open_files(tmp_path, ledger)
        files.append([batch(4)])
        files.sync()
        files.close()
        assert recorded(tmp_path) == rows_of(batch(1), batch(2), batch(3), batch(4))
        assert [run.rows for run in runs_of(tmp_path)] == [2, 2, 2, 2]
        check_runs(tmp_path)
        assert ledger.unflushed == []

    def test_another_drive_gets_what_was_not_flushed(self, tmp_path: Path) -> None:
        ledger = Ledger()
        files = open_files(tmp_path / "a", ledger)
        files.append([batch(1)])
        files.sync()
        files.append([batch(2)])
        files.close()
        files = open_files(tmp_path / "b", ledger)
        files.append([batch(3)])
        files.close()
        assert recorded(tmp_path / "b") == rows_of(batch(2), batch(3))
        check_runs(tmp_path / "b")

    def test_a_file_that_somebody_has_been_at(self, tmp_path: Path) -> None:
        ledger = Ledger()
        files = open_files(tmp_path, ledger)
        files.append([batch(1)])
        files.close()
        (tmp_path / "raw.csv").write_bytes(RAW_HEADER + b"7,1A0,1,00\n7,1A0")
        files = open_files(tmp_path, ledger)
        files.close()
        assert (tmp_path / "raw.csv").read_bytes() == RAW_HEADER + rows_of(batch(1))
        assert (tmp_path / piece_name(1)).read_bytes().endswith(b"\n7,1A0")
        check_runs(tmp_path)

    def test_an_error_while_a_new_piece_begins_loses_nothing(self, tmp_path: Path) -> None:
        ledger = Ledger()
        files = open_files(tmp_path, ledger, rotate_bytes=100)
        files.append([batch(number) for number in range(3)])
        with no_file_may_grow_beyond(10), pytest.raises(OSError, match="large"):
            files.append([batch(3)])  # not even a heading can be written
        files.close()
        files = open_files(tmp_path, ledger)
        files.append([batch(4)])
        files.close()
        assert recorded(tmp_path) == rows_of(*(batch(number) for number in range(5)))


@pytest.mark.parametrize("name", ["raw.csv", "raw.arrival.csv"])
def test_a_pulled_drive_that_kept_a_size_and_not_the_bytes_gets_no_row_twice(
    tmp_path: Path, name: str
) -> None:
    ledger = Ledger()
    files = open_files(tmp_path, ledger)
    files.append([batch(1)])
    files.sync()
    flushed = (tmp_path / name).stat().st_size
    files.append([batch(2), batch(3)])
    files.close()
    written = (tmp_path / name).read_bytes()
    kept = written[: flushed + 30]
    (tmp_path / name).write_bytes(kept + bytes(len(written) - len(kept)))  # pages not written
    for number in (4, 5):
        files = open_files(tmp_path, ledger)
        files.append([batch(number)])
        files.close()  # pulled again before a flush
    pieces = [(tmp_path / piece).read_bytes() for piece in newest_last(names(tmp_path))]
    rows = [row for piece in pieces for row in piece.splitlines(keepends=True)[1:]]
    assert b"".join(row for row in rows if b"\0" not in row) == rows_of(*map(batch, range(1, 6)))
    check_runs(tmp_path)


def test_a_hole_between_rows_that_were_written_is_filled_behind_them(tmp_path: Path) -> None:
    ledger = Ledger()
    files = open_files(tmp_path, ledger)
    files.append([batch(1)])
    files.sync()
    files.append([batch(number) for number in range(2, 8)])
    files.close()
    raw = tmp_path / "raw.csv"
    hole, size = len(RAW_HEADER + rows_of(batch(1), batch(2))), len(rows_of(batch(3), batch(4)))
    written = raw.read_bytes()
    raw.write_bytes(written[:hole] + bytes(size) + written[hole + size :])
    open_files(tmp_path, ledger).close()
    assert raw.read_bytes() == RAW_HEADER + rows_of(batch(3), batch(4))
    rest = (tmp_path / piece_name(1)).read_bytes().replace(b"\0", b"")
    assert rest == RAW_HEADER + rows_of(batch(1), batch(2), *map(batch, range(5, 8)))
    check_runs(tmp_path)
