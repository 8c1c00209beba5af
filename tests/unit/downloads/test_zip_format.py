"""A zip as it is sent: readable by others, and as long as was said."""

import io
import shutil
import subprocess
import zipfile
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctlr.downloads.zip_format import LARGEST_32, Entry, Stored, begin, directory, finish, length

AT_S = 1_776_313_714


def make_zip(files: dict[str, bytes], limit: int = LARGEST_32) -> bytes:
    data, stored = bytearray(), []
    for name, content in files.items():
        entry, crc = Entry(name, len(content), AT_S), crc32(content)
        stored.append(Stored(entry, crc, len(data)))
        data += begin(entry, limit) + content + finish(entry, crc, limit)
    data += directory(stored, len(data), limit)
    assert len(data) == length([one.entry for one in stored], limit)
    return bytes(data)


def read_zip(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {info.filename: archive.read(info) for info in archive.infolist()}


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0\\/:"), min_size=1, max_size=20)


@given(
    st.dictionaries(NAMES, st.binary(max_size=200), max_size=5), st.sampled_from([1, LARGEST_32])
)
def test_what_is_in_comes_out(files: dict[str, bytes], limit: int) -> None:
    """Also where every file takes the form that only large ones need."""
    assert read_zip(make_zip(files, limit)) == files


def test_times_and_modes_are_those_of_the_files() -> None:
    with zipfile.ZipFile(io.BytesIO(make_zip({"a/b.csv": b"x"}))) as archive:
        (info,) = archive.infolist()
    assert info.date_time == (2026, 4, 16, 4, 28, 34)
    assert info.external_attr >> 16 == 0o100644
    assert info.compress_type == zipfile.ZIP_STORED


def test_more_files_than_sixteen_bits_count() -> None:
    data = make_zip({f"{number}": b"" for number in range(0x10000)})
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert len(archive.infolist()) == 0x10000


@pytest.mark.parametrize("limit", [1, LARGEST_32])
def test_the_tools_of_the_field_read_it(limit: int, tmp_path: Path) -> None:
    unzip = shutil.which("unzip")
    if unzip is None:
        pytest.skip("there is no unzip here")
    path = tmp_path / "session.zip"
    path.write_bytes(make_zip({"s/cam-01.mp4": b"m" * 5000, "s/öl.csv": b"1,2\n"}, limit))
    done = subprocess.run([unzip, "-t", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
