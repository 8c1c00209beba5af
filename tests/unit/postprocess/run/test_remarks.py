"""What people say of a session stands in its manifest, without anything being made again."""

from dataclasses import replace
from pathlib import Path

from tests.unit.postprocess.rig import UUID, Rig

from ctlr.postprocess.folder.read_back import verify_folder
from ctlr.postprocess.folder.verify import verify_session
from ctlr.postprocess.run.remarks import differ
from ctlr.sessions.model import Session, SessionNode, SessionState

FACTS = Session(
    UUID,
    SessionState.PROCESSING,
    label="lap 1, dry",
    nodes=(SessionNode("cam-a", started=True, stop_acknowledged=True),),
)


def test_a_remark_changes_the_manifest_and_nothing_else(tmp_path: Path) -> None:
    rig = Rig(tmp_path, session_folder="{date}_{time}_{label}")
    rig.record()
    assert rig.process(FACTS).manifest is not None
    [folder] = [path for path in rig.sync.iterdir() if not path.name.startswith(".")]
    assert folder.name.endswith("_lap-1-dry")
    assert verify_session(rig.settings, UUID, lambda _step: None).exit_code == 0
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}

    said = replace(FACTS, label="lap 2", notes="fog", verdict="bad")
    outcome = rig.process(said)
    assert (outcome.changed, outcome.revision) == (False, 1)
    after = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    assert {path.name for path in after if after[path] != before.get(path)} == {
        "manifest.json",
        "checksums.xxh128",  # has its hash
    }
    assert verify_folder(folder, lambda _step: None).exit_code == 0
    from ctlr.postprocess.folder.folders import find_folder, read_manifest

    assert find_folder(rig.settings, UUID) == folder  # what it is called may change, its place not
    manifest = read_manifest(folder)
    assert manifest is not None
    assert (manifest.label, manifest.notes, manifest.verdict) == ("lap 2", "fog", "bad")
    assert manifest.verified_at is not None
    assert not differ(manifest, said)
    assert differ(manifest, FACTS)
    assert not differ(manifest, None)  # where the record is lost, the manifest keeps it
