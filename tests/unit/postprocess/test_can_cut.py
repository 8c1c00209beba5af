"""The session's rows out of the endless CAN recording."""

import random
from pathlib import Path

import pytest

from ctlr.postprocess.can_cut import cut_can
from ctlr.postprocess.copying import hash_path

HEADER = "ts_ms,id,len,hex\n"


def write(path: Path, times: list[int]) -> list[str]:
    rows = [f"{at},{at % 2048:X},8,{'00FF' * (at % 4 + 1)}\n" for at in times]
    path.write_text(HEADER + "".join(rows))
    return rows


@pytest.mark.parametrize("count", [0, 1, 3, 500, 20_000])
@pytest.mark.parametrize("span", [(0, 10**9), (1000, 2000), (5000, 5000), (10**8, 10**9), (-5, -1)])
def test_every_row_of_the_range_and_no_other(
    tmp_path: Path, count: int, span: tuple[int, int]
) -> None:
    dice = random.Random(count)
    times = sorted(dice.randrange(0, 100_000) for _ in range(count))
    rows = write(tmp_path / "raw.csv", times)
    first, last = span
    found = cut_can(tmp_path / "raw.csv", tmp_path / "cut.csv", first, last)
    wanted = [row for at, row in zip(times, rows, strict=True) if first <= at <= last]
    assert (tmp_path / "cut.csv").read_text() == HEADER + "".join(wanted)
    assert found == (len(wanted), *hash_path(tmp_path / "cut.csv"))


def test_noise_and_a_torn_last_row_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "raw.csv", [10, 20, 30])
    with open(tmp_path / "raw.csv", "ab") as file:
        file.write(b"\xff\xfe garbage\n\n40,1,1,00\n50,1,1,0")
    rows, _, _ = cut_can(tmp_path / "raw.csv", tmp_path / "cut.csv", 0, 100)
    assert rows == 4


def test_a_small_step_of_the_clock_loses_nothing(tmp_path: Path) -> None:
    write(tmp_path / "raw.csv", [*range(0, 40_000, 10), *range(30_000, 60_000, 10)])
    rows, _, _ = cut_can(tmp_path / "raw.csv", tmp_path / "cut.csv", 30_000, 40_000)
    assert rows == 1000 + 1001


def test_zeros_that_a_power_cut_left_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "raw.csv"
    rows = [b"%d,1,1,00\n" % at for at in range(1000, 9000)]
    zeros = bytes(3 << 20) + b"\n"
    path.write_bytes(HEADER.encode() + b"".join([*rows[:4000], zeros, *rows[4000:]]))
    found, _, _ = cut_can(path, tmp_path / "cut.csv", 2000, 9000)
    assert found == 7000
