"""``ctlr catalog``: one table of all sessions, from whatever manifests there are."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.unit.postprocess.manifest.test_manifest import FIRST_MANIFEST
from tests.unit.postprocess.rig import START_MS, UUID

from ctlr.export.catalog import update_catalog
from ctlr.export.catalog_file import read_rows

HOSTILE = "</script><script>alert(1)</script>"


@pytest.fixture
def drives(drive: Path, tmp_path: Path) -> Path:
    """A session of ours, one of the first tools, one of a later version, one that is broken."""
    root = tmp_path / "drives"
    ours = json.loads((drive / "manifest.json").read_text())
    put(root / "one" / "lap 1", ours | {"label": HOSTILE, "notes": "fog"})
    put(root / "one" / "first", FIRST_MANIFEST)
    put(
        root / "two" / "later",
        {"manifest_version": 9, "uuid": UUID, "sources": {"x": [1]}, "complete": "maybe"},
    )
    put(root / "two" / "broken", {})
    (root / "two" / "broken" / "manifest.json").write_text("{")
    return root


def put(folder: Path, manifest: dict[str, Any]) -> None:
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def rows(target: Path) -> dict[str, dict[str, Any]]:
    return {row["path"]: row for row in read_rows(target)}


@pytest.mark.parametrize("name", ["catalog.parquet", "catalog.sqlite"])
def test_every_session_has_a_row(drives: Path, tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    assert update_catalog(drives, target) == (4, 4)
    found = rows(target)
    ours = found["one/lap 1"]
    assert (ours["uuid"], ours["started_at"], ours["duration_s"]) == (UUID, START_MS, 6.0)
    assert (ours["cameras"], ours["frames"], ours["gaps"], ours["gap_s"]) == (
        "cam-a, cam-b",
        100,
        1,
        2.0,
    )
    assert (ours["marks"], ours["mark_labels"], bool(ours["complete"])) == (1, "bump", False)
    assert ours["can_frames"] > 0
    first = found["one/first"]
    assert (first["cameras"], first["missing"], first["can_frames"]) == (
        "melb-01-cam-01",
        "melb-01-cam-02",
        121497,
    )
    assert found["two/later"]["complete"] is None
    assert "cannot be read" in found["two/broken"]["problem"]


def test_the_table_is_one_that_others_read(drives: Path, tmp_path: Path) -> None:
    update_catalog(drives, tmp_path / "c.parquet")
    update_catalog(drives, tmp_path / "c.sqlite")
    table = pq.read_table(tmp_path / "c.parquet")
    assert str(table.schema.field("started_at").type) == "int64"
    database = sqlite3.connect(tmp_path / "c.sqlite")
    (count,) = database.execute("SELECT count(*) FROM sessions WHERE frames = 100").fetchone()
    database.close()
    assert (table.num_rows, count) == (4, 1)


def test_only_what_has_changed_is_read_again(drives: Path, tmp_path: Path) -> None:
    target = tmp_path / "catalog.parquet"
    update_catalog(drives, target)
    made = target.stat().st_mtime_ns
    assert update_catalog(drives, target) == (4, 0)
    assert target.stat().st_mtime_ns == made
    manifest = drives / "one" / "lap 1" / "manifest.json"
    manifest.write_text(manifest.read_text().replace("fog", "rain"))
    os.utime(manifest, ns=(1, 1))
    shutil.rmtree(drives / "two" / "broken")
    assert update_catalog(drives, target) == (3, 1)
    assert rows(target)["one/lap 1"]["notes"] == "rain"
    assert "two/broken" not in rows(target)


def test_a_file_that_is_no_catalogue_is_left_as_it_is(drives: Path, tmp_path: Path) -> None:
    table = tmp_path / "mine.parquet"
    pq.write_table(pa.table({"path": ["x"]}), table)
    for target in (table, tmp_path / "words.parquet", tmp_path / "words.sqlite"):
        if not target.exists():
            target.write_text("no table, but long enough to be taken for one of any kind" * 20)
        before = target.read_bytes()
        with pytest.raises(OSError, match="no catalogue of this program"):
            update_catalog(drives, target)
        assert target.read_bytes() == before


def test_the_command_and_its_page(drives: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ctlr", "catalog", str(drives), "--html"],
        capture_output=True, text=True, timeout=60, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "4 sessions, 4 of them new or changed" in done.stdout
    page = (tmp_path / "catalog.html").read_text()
    assert HOSTILE not in page  # a name cannot end the script that holds it
    (data,) = re.findall(r'<script id=data type="application/json">(.*?)</script>', page, re.DOTALL)
    found = json.loads(data)
    assert len(found) == 4
    assert "bump" in next(one for one in found if one["link"] == "drives/one/lap%201/")["search"]
    assert page.count("<script") == 2
