"""One hash for every file: the same however it is read."""

import os
from pathlib import Path

import pytest
import xxhash

from ctlr.kernel.hashing import BLOCK_BYTES, flush_and_hash, hash_bytes, hash_file, new_hash


@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES, 2 * BLOCK_BYTES + 7])
def test_a_file_has_the_hash_of_its_bytes(tmp_path: Path, size: int) -> None:
    data, path = os.urandom(size), tmp_path / "file"
    path.write_bytes(data)
    wanted = size, xxhash.xxh3_128_hexdigest(data)
    counted: list[int] = []
    assert hash_file(path, counted.append) == wanted
    assert sum(counted) == size
    with open(path, "rb", buffering=0) as file:
        assert flush_and_hash(file.fileno()) == wanted
    assert (size, hash_bytes(data)) == (size, new_hash(data).hexdigest()) == wanted


def test_the_empty_file_has_the_published_hash() -> None:
    assert hash_bytes(b"") == "99aa06d3014798d86001c324468d497f"


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        hash_file(tmp_path / "absent")
