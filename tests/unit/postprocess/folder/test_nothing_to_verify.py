"""A session of which nothing could be made has nothing that could be other than it was written."""

from pathlib import Path

import pytest

from ctlr.postprocess.folder.read_back import read_back
from ctlr.postprocess.manifest.shapes import FailedSource, FilesSource, Manifest, Source

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"


@pytest.mark.parametrize(
    ("sources", "faults"),
    [
        ({"cam-01": FailedSource(error="it did not start")}, 0),
        ({"cam-01": FailedSource(error="?"), "phone": FilesSource(files=("gps.csv",))}, 1),
        ({}, 1),
    ],
)
def test_a_manifest_without_hashes(tmp_path: Path, sources: dict[str, Source], faults: int) -> None:
    manifest = Manifest(
        uuid=UUID,
        folder=UUID,
        started_at=None,
        stopped_at=None,
        processed_at="2026-04-14T10:40:00.123Z",
        sources=sources,
    )
    assert len(read_back(tmp_path, manifest, lambda _: None).faults) == faults
