"""Places in long files."""

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ctlr.postprocess.can.bisection import BLOCK_BYTES, blocks, find_line
from ctlr.postprocess.can.news import arrivals


@contextmanager
def opened(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY)
    try:
        yield fd
    finally:
        os.close(fd)


@pytest.mark.parametrize("count", [0, 1, 5, 3000, 40_000])
def test_the_first_line_that_is_late_enough(tmp_path: Path, count: int) -> None:
    dice = random.Random(count)
    numbers = sorted(dice.randrange(1000, 90_000) for _ in range(count))
    lines = [b"%d,%b\n" % (number, b"x" * dice.randrange(40)) for number in numbers]
    file = tmp_path / "file"
    file.write_bytes(b"".join(lines))
    with opened(file) as fd:
        for wanted in (0, 999, 5000, 50_000, 89_999, 90_000, 10**9):
            before = sum(len(line) for line, n in zip(lines, numbers, strict=True) if n < wanted)
            assert find_line(fd, 0, file.stat().st_size, wanted, arrivals) == before


def test_wild_numbers_mislead_nobody(tmp_path: Path) -> None:
    numbers = list(range(1000, 60_000))
    for place in range(0, len(numbers), 7):
        numbers[place] = 0 if place % 2 else 10**12
    lines = [b"%d,some row of usual length\n" % number for number in numbers]
    file = tmp_path / "file"
    file.write_bytes(b"".join(lines))
    with opened(file) as fd:
        found = find_line(fd, 0, file.stat().st_size, 40_000, arrivals)
    place = sum(len(line) for line in lines[:39_000])
    assert abs(found - place) < 3 * len(lines[0])


@pytest.mark.parametrize("wanted", [100, 5000, 9000])
def test_a_hole_of_terabytes_takes_no_time(tmp_path: Path, wanted: int) -> None:
    before = b"".join(b"%d,before\n" % number for number in range(1000, 5000))
    after = b"".join(b"%d,after\n" % number for number in range(5000, 9000))
    file = tmp_path / "sparse"
    with open(file, "wb") as out:
        out.write(before)
        out.seek(1 << 42)
        out.write(after)
    with opened(file) as fd:
        size = file.stat().st_size
        found = find_line(fd, 0, size, wanted, arrivals)
        kept = b"".join(block for _, block in blocks(fd, found, size))
    assert {100: kept.endswith(after), 5000: after in kept, 9000: kept == b""}[wanted]
    if wanted == 100:
        assert found == 0


def test_blocks_are_whole_lines_and_leave_out_what_has_none(tmp_path: Path) -> None:
    lines = [b"%d,row\n" % number for number in range(200_000)]
    zeros = bytes(3 * BLOCK_BYTES) + b"\n"
    file = tmp_path / "file"
    file.write_bytes(b"".join([*lines[:100_000], zeros, *lines[100_000:], b"torn"]))
    found = []
    with opened(file) as fd:
        for offset, block in blocks(fd, 0, file.stat().st_size):
            assert block.endswith(b"\n")
            assert os.pread(fd, len(block), offset) == block
            assert len(block) <= 2 * BLOCK_BYTES
            found.append(block)
    rows = [row for row in b"".join(found).splitlines(keepends=True) if not row.startswith(b"\0")]
    assert rows == lines
