"""What counts as a session that a power cut has left whole."""

import json
from pathlib import Path

import pytest
import xxhash
from rig.scenarios.publish_cut import examine

VIDEO = b"first chunk, second chunk"
TABLE = "ts_ms,id,len,hex\n1,7,1,00\n2,7,1,01\n"


@pytest.fixture
def session(tmp_path: Path) -> Path:
    (tmp_path / "cam-1.mp4").write_bytes(VIDEO)
    chunks = [
        {"offset": at, "length": length, "xxh128": xxhash.xxh128_hexdigest(VIDEO[at : at + length])}
        for at, length in ((0, 12), (12, len(VIDEO) - 12))
    ]
    (tmp_path / "can_raw.csv").write_text(TABLE)
    camera = {"file": "cam-1.mp4", "chunks": chunks}
    manifest = {"sources": {"cam-1": camera, "can": {"file": "can_raw.csv", "frames": 2}}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    return tmp_path


def test_a_whole_session(session: Path) -> None:
    assert examine(session) is None


@pytest.mark.parametrize("left", [b"", VIDEO[:-1], b"X" + VIDEO[1:], VIDEO[:-1] + b"\0"])
def test_a_video_that_lost_something(session: Path, left: bytes) -> None:
    (session / "cam-1.mp4").write_bytes(left)
    assert "differs from its manifest" in str(examine(session))


@pytest.mark.parametrize("left", ["", TABLE[:-1], TABLE[:30], TABLE[:-2] + "\0\0"])
def test_a_table_that_lost_something(session: Path, left: str) -> None:
    (session / "can_raw.csv").write_text(left)
    assert "its manifest says 2" in str(examine(session))


def test_a_video_that_is_gone(session: Path) -> None:
    (session / "cam-1.mp4").unlink()
    assert "FileNotFoundError" in str(examine(session))


@pytest.mark.parametrize("text", ["", '{"sources": {"cam', "{}"])
def test_a_manifest_that_is_torn(session: Path, text: str) -> None:
    (session / "manifest.json").write_text(text)
    assert examine(session) is not None
