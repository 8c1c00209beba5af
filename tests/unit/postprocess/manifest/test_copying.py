"""Copying and hashing ranges, and what happens when the source cannot be read."""

import errno
import os
from pathlib import Path

import pytest
import xxhash

from ctlr.kernel.hashing import BLOCK_BYTES, hash_file
from ctlr.postprocess.manifest.copying import (
    Copier,
    SourceReadError,
    copy_file,
)


def test_ranges_are_copied_in_order_and_hashed(tmp_path: Path) -> None:
    data = os.urandom(2 * BLOCK_BYTES + 77)
    (tmp_path / "in").write_bytes(data)
    with open(tmp_path / "in", "rb") as source, open(tmp_path / "out", "wb") as target:
        ranges = [(BLOCK_BYTES, BLOCK_BYTES + 77), (0, 10)]
        length, digest = Copier(target.fileno()).copy(source.fileno(), ranges, 5)
    wanted = data[BLOCK_BYTES:] + data[:10]
    assert (tmp_path / "out").read_bytes() == bytes(5) + wanted
    assert (length, digest) == (len(wanted), xxhash.xxh3_128_hexdigest(wanted))


def test_a_whole_file(tmp_path: Path) -> None:
    data = os.urandom(BLOCK_BYTES + 3)
    (tmp_path / "in").write_bytes(data)
    copied, hashed = list[int](), list[int]()
    made = copy_file(tmp_path / "in", tmp_path / "out", copied.append)
    assert made == hash_file(tmp_path / "out", hashed.append)
    assert made == (len(data), xxhash.xxh3_128_hexdigest(data))
    assert copied == hashed == [BLOCK_BYTES, 3]


def test_an_unreadable_place_is_named(tmp_path: Path) -> None:
    """The kernel answers EIO to a read of this process's unmapped first page."""
    with (
        open("/proc/self/mem", "rb", buffering=0) as source,
        open(tmp_path / "out", "wb") as target,
        pytest.raises(SourceReadError) as failed,
    ):
        Copier(target.fileno()).copy(source.fileno(), [(64, 100)], 0)
    assert (failed.value.errno, failed.value.offset) == (errno.EIO, 64)


def test_a_short_source_is_named(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"12345")
    with (
        open(tmp_path / "in", "rb") as source,
        open(tmp_path / "out", "wb") as target,
        pytest.raises(SourceReadError) as failed,
    ):
        Copier(target.fileno()).copy(source.fileno(), [(0, 100)], 0)
    assert failed.value.offset == 5
