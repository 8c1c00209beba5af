"""Reading a sensor's table: rows per second beside what others take for it.

The product finds the table's dialect and clock, reads every time, and says from when to when, how
often and what is missing; of a gyroscope it reads three more columns and keeps what a comparison
needs. References do less: ``csv.reader`` parts rows into strings, ``numpy.loadtxt`` reads the same
columns into memory, ``wc -l`` counts line ends.

The same rows with exponents in every number (as phyphox writes them) and with ISO dates for times
are read beside those with plain numbers: neither may cost more than three times as much.

Takes less than a minute; ``--rows 2000000`` takes five, and start of the interpreter counts for less.
"""

import argparse
import csv
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from bench.paired import Pair, compare, run_command, show

ROWS = 400_000
ROUNDS = 2
START_NS = 1_776_313_714_000_000_000
STEP_NS, STEP = 10_000_000, timedelta(milliseconds=10)

READ = "import sys; from pathlib import Path; from ctlr.postprocess.tables import reader; "
READ += "assert reader.TableReader().read('', '', Path(sys.argv[1])).rows > 1"
CSV = "import csv, sys; rows = sum(1 for _ in csv.reader(open(sys.argv[1], newline='')))"
LOADTXT = "import sys, numpy; numpy.loadtxt(sys.argv[1], delimiter=',', skiprows=1, usecols={})"


def write_table(
    path: Path,
    rows: int,
    time: Callable[[int], str] = lambda number: str(START_NS + number * STEP_NS),
    form: str = "{}",
) -> None:
    """Rows as Sensor Logger writes them, with numbers of ordinary length; ``time`` makes a row's
    time of its number."""
    chance = np.random.default_rng(1)
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["time", "seconds_elapsed", "z", "y", "x"])
        for first in range(0, rows, 100_000):
            values = chance.normal(0, 0.3, (100_000, 3)).round(9).tolist()
            writer.writerows(
                [time(number), f"{number / 100:.6f}", *map(form.format, row)]
                for number, row in enumerate(values, first)
            )


def write_exponents(path: Path, rows: int) -> None:
    write_table(path, rows, lambda number: f"{START_NS / 1e9 + number / 100:.12E}", "{:.9E}")


def write_dates(path: Path, rows: int) -> None:
    start = datetime.fromtimestamp(START_NS / 1e9, UTC)
    write_table(
        path, rows, lambda number: (start + number * STEP).isoformat(timespec="milliseconds")
    )


def compare_with(path: Path, reference: list[str]) -> Pair:
    ours = [sys.executable, "-c", READ, str(path)]
    return compare(lambda: run_command([*reference, str(path)]), lambda: run_command(ours), ROUNDS)


def compare_forms(reference: Path, path: Path) -> Pair:
    """The same rows in another form, both read by the product."""
    ours = [sys.executable, "-c", READ]
    return compare(
        lambda: run_command([*ours, str(reference)]),
        lambda: run_command([*ours, str(path)]),
        ROUNDS,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help="a multiple of 100,000")
    rows = parser.parse_args().rows
    python = [sys.executable, "-c"]
    with tempfile.TemporaryDirectory() as folder:
        plain, gyroscope = Path(folder) / "pressure.csv", Path(folder) / "gyroscope.csv"
        exponents, dates = Path(folder) / "exponents.csv", Path(folder) / "dates.csv"
        write_table(plain, rows)
        write_exponents(exponents, rows)
        write_dates(dates, rows)
        gyroscope.hardlink_to(plain)
        size_mb = plain.stat().st_size >> 20
        four = [*python, LOADTXT.format("(0, 2, 3, 4)")]
        pairs = {
            "times / csv.reader": compare_with(plain, [*python, CSV]),
            "times / numpy.loadtxt": compare_with(plain, [*python, LOADTXT.format("(0,)")]),
            "times / wc -l": compare_with(plain, ["wc", "-l"]),
            "gyroscope / numpy.loadtxt": compare_with(gyroscope, four),
            "exponents / plain numbers": compare_forms(plain, exponents),
            "ISO dates / plain numbers": compare_forms(plain, dates),
        }
    show(f"A table of {rows:,} rows, {size_mb} MiB, start of the interpreter included", pairs)


if __name__ == "__main__":
    main()
