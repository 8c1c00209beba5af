"""The media hash list's own arithmetic; the public tool checks the whole in the component tests."""

import hashlib
from pathlib import Path

import xxhash

from ctlr.postprocess.folder import mhl
from ctlr.postprocess.manifest.shapes import FileEntry, Manifest

NOW_MS = 1_776_313_714_000


def manifest(**files: bytes) -> Manifest:
    entries = [
        FileEntry(
            path=path.replace("__", "/").replace("_csv", ".csv"),
            bytes=len(data),
            xxh128=xxhash.xxh3_128_hexdigest(data),
            inputs="",
        )
        for path, data in files.items()
    ]
    return Manifest(
        uuid="u",
        folder="f",
        started_at=None,
        stopped_at=None,
        processed_at="",
        files=tuple(entries),
    )


def test_c4_of_nothing_is_the_published_one() -> None:
    assert mhl.c4_id(b"") == (
        "c459dsjfscH38cYeXXYogktxf4Cd9ibshE3BHUo6a58hBXmRQdZrAkZzsWcbWtDg5oQstpDuni4Hirj75GEmTc1sFT"
    )
    assert len(mhl.c4_id(b"x")) == 90
    assert hashlib.sha512(b"").hexdigest().startswith("cf83e1357eefb8bd")


def test_generations(tmp_path: Path) -> None:
    first = mhl.add_generation(tmp_path, manifest(a_csv=b"1", phone__b_csv=b"2"), NOW_MS)
    assert 'action="original"' in first.read_text()
    assert "<process>transfer</process>" in first.read_text()
    more = manifest(a_csv=b"1", phone__b_csv=b"2", phone__c_csv=b"3")
    second = mhl.add_generation(tmp_path, more, NOW_MS + 5000).read_text()
    assert (second.count('"verified"'), second.count('"original"')) == (2, 1)
    assert mhl.generation_of(tmp_path) == 2
    chain = (tmp_path / "ascmhl" / mhl.CHAIN_NAME).read_text()
    assert mhl.c4_id(first.read_bytes()) in chain


def test_a_file_made_again_begins_the_history_again(tmp_path: Path) -> None:
    mhl.add_generation(tmp_path, manifest(a_csv=b"1"), NOW_MS)
    mhl.add_generation(tmp_path, manifest(a_csv=b"changed"), NOW_MS + 5000)
    assert mhl.generation_of(tmp_path) == 1


def test_names_are_escaped(tmp_path: Path) -> None:
    entry = FileEntry(path="phone/a<&>b.csv", bytes=1, xxh128="0" * 32, inputs="")
    odd = manifest().model_copy(update={"files": (entry,)})
    assert "phone/a&lt;&amp;&gt;b.csv" in mhl.add_generation(tmp_path, odd, NOW_MS).read_text()
