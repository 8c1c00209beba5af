import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.camera.recordings import write_segment, write_session

from ctlr.camera.fragments import is_closed, whole_length


@settings(max_examples=100)
@given(
    st.binary(max_size=80), st.sampled_from([b"moof", b"mdat", b"ftyp"]), st.integers(0, 2**32 - 1)
)
def test_any_bytes_have_a_whole_length_within_the_file(
    tmp_path_factory: pytest.TempPathFactory, tail: bytes, kind: bytes, length: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz"
    fragment = struct.pack(">I4s", 8, b"moof") + struct.pack(">I4s", 8, b"mdat")
    path.write_bytes(fragment + struct.pack(">I4s", length, kind) + tail)
    assert 16 <= whole_length(path) <= path.stat().st_size


def test_boxes_with_a_64_bit_size(tmp_path: Path) -> None:
    path = tmp_path / "large"
    large = struct.pack(">I4sQ", 1, b"mdat", 20) + b"abcd"
    path.write_bytes(struct.pack(">I4s", 8, b"moof") + large + b"rest")
    assert whole_length(path) == 28


def test_a_segment_is_closed_only_to_its_last_byte(tmp_path: Path) -> None:
    folder = write_session(tmp_path)
    write_segment(folder, 0, frames=12)
    video = folder.path / "seg_0000.mp4"
    data = video.read_bytes()
    assert is_closed(video)
    for cut in (1, 8, len(data) - whole_length(video), len(data) // 2, len(data)):
        video.write_bytes(data[:-cut])
        assert not is_closed(video)
    video.write_bytes(data + b"more")
    assert not is_closed(video)
