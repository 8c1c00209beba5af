"""Which files ``ctlr upload`` sends, under which names, and the body that it makes of them."""

from pathlib import Path

import pytest

from ctlr.cli.upload import Form, named_files
from ctlr.ingest.phone_parts import PartReader
from ctlr.kernel.errors import Refusal

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"


class Kept:
    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self._name = ""

    def begin_file(self, name: str, sent_as: str) -> None:
        self._name = name
        assert name == sent_as
        self.files[name] = b""

    def write(self, data: bytes) -> None:
        self.files[self._name] += data

    def end_file(self) -> None:
        self._name = ""


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_folder_gives_all_that_is_in_it_but_what_hides(tmp_path: Path) -> None:
    one = put(tmp_path / "elsewhere" / "notes.txt", b"n")
    gps = put(tmp_path / "export" / "Location.csv", b"g")
    heart = put(tmp_path / "export" / "watch" / "heart rate.csv", b"h")
    put(tmp_path / "export" / ".DS_Store", b"x")
    put(tmp_path / "export" / ".cache" / "thumb.csv", b"x")
    found = named_files([one, tmp_path / "export"])
    assert found == {"notes.txt": one, "Location.csv": gps, "watch/heart rate.csv": heart}


def test_a_name_that_stands_for_two_files_is_refused(tmp_path: Path) -> None:
    one, other = put(tmp_path / "a" / "gps.csv", b"1"), put(tmp_path / "b" / "gps.csv", b"2")
    with pytest.raises(Refusal) as refused:
        named_files([one, other])
    assert "gps.csv is named twice" in refused.value.detail


@pytest.mark.parametrize("name", ["a.csv", "watch/puls ü.csv", "it's 100%;x=y.csv", "日本.csv"])
def test_the_controller_reads_what_is_sent(tmp_path: Path, name: str) -> None:
    content = bytes(range(256)) * 5000
    form = Form(UUID, {name: put(tmp_path / "file", content), "empty": put(tmp_path / "e", b"")})
    body = b"".join(form.body())
    assert len(body) == form.length()
    kept = Kept()
    reader = PartReader(form.kind, kept)
    reader.feed(body)
    assert reader.finish() == UUID
    assert kept.files == {name: content, "empty": b""}
    assert len(form.hashes) == 2
