"""Which raw data may go: only what a verified copy stands for, oldest first, no more than needed."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.unit.postprocess.rig import START_MS, UUID, Rig, session

from ctlr.ingest.keeping import TakeKeeper
from ctlr.postprocess.folder.verify import verify_session
from ctlr.postprocess.run.changes import needs_processing
from ctlr.retention import removal, retire
from ctlr.retention.lines import Deleted, parse_line
from ctlr.retention.plan import HOUR_MS, RawSession, describe, plan_retention
from ctlr.sessions.model import SessionNode

NOW = 100 * HOUR_MS
OLD = RawSession("a" * 8, 100, ended_at_ms=10 * HOUR_MS)
NEWER = replace(OLD, uuid="b" * 8, ended_at_ms=20 * HOUR_MS)
NEWEST = replace(OLD, uuid="c" * 8, ended_at_ms=NOW - HOUR_MS)


def test_the_oldest_goes_first_and_no_more_than_is_needed() -> None:
    plan = plan_retention([NEWEST, NEWER, OLD], 50, 120, NOW, 24)
    assert plan.delete == (OLD,)
    assert dict(plan.keep) == {NEWER: "there is room enough", NEWEST: "it is younger than 24 h"}
    assert plan_retention([NEWER, OLD], 50, 200, NOW, 24).delete == (OLD, NEWER)
    assert plan_retention([NEWER, OLD], 200, 200, NOW, 24).delete == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"is_active": True},
        {"is_preserved": True},
        {"copy_problem": "its copy has not been read back"},
        {"ended_at_ms": None},
    ],
    ids=str,
)
def test_what_is_never_deleted(changes: dict[str, object]) -> None:
    kept = replace(OLD, **changes)  # type: ignore[arg-type]
    plan = plan_retention([kept], 0, 1 << 40, NOW, 0)
    assert plan.delete == ()
    assert plan.short_bytes == 1 << 40
    assert describe(plan)[0].startswith(f"keep    {kept.uuid}")


@pytest.fixture
def made(rig: Rig) -> Rig:
    """A session that was made, and read back."""
    rig.record()
    rig.upload("gps.csv")
    assert rig.process(session()).exit_code == 0
    assert verify_session(rig.settings, UUID, lambda _: None).exit_code == 0
    return rig


def test_a_verified_session_goes_and_its_copy_stays(made: Rig) -> None:
    seen = retire.find_raw_session(made.settings, UUID)
    assert seen.copy_problem is None
    names = [entry["path"] for entry in made.manifest()["files"]]
    copies = {made.folder / name: (made.folder / name).read_bytes() for name in names}
    assert copies
    assert list(retire.retire(made.settings, [seen], NOW)) == [Deleted(UUID, seen.size_bytes)]
    assert not list(made.logging.glob(f"*/{UUID}"))
    assert made.manifest()["raw_deleted_at"] == NOW
    assert {p: p.read_bytes() for p in copies} == copies
    assert verify_session(made.settings, UUID, lambda _: None).exit_code == 0


def test_a_copy_is_not_made_again_of_what_is_no_longer_there(made: Rig) -> None:
    list(retire.retire(made.settings, [retire.find_raw_session(made.settings, UUID)], NOW))
    before = made.source()
    made.process(session())
    assert made.source()["bytes"] == before["bytes"]
    assert made.source()["segments"] == before["segments"]


def test_second_names_take_no_room_and_go_with_their_files(made: Rig) -> None:
    before = retire.find_raw_session(made.settings, UUID).size_bytes
    TakeKeeper().keep(made.node(), 1)
    session_now = retire.find_raw_session(made.settings, UUID)
    assert session_now.size_bytes == before
    assert list(retire.retire(made.settings, [session_now], NOW)) == [Deleted(UUID, before)]
    assert not (made.logging / "cam-a" / UUID).exists()


def test_what_was_recorded_after_the_stop_is_in_no_copy(rig: Rig) -> None:
    rig.record(numbers=range(6))
    node = SessionNode("cam-a", stopped_at_ms=START_MS + 6000)
    assert rig.process(session(node, stopped_at_ms=START_MS + 4000)).exit_code == 0
    assert verify_session(rig.settings, UUID, lambda _: None).exit_code == 0
    problem = retire.find_raw_session(rig.settings, UUID).copy_problem
    assert problem == "seg_0004.mp4 of cam-a is in no copy"


def test_each_reason_that_a_copy_cannot_stand_for_its_raw_data(made: Rig) -> None:
    def problem() -> str:
        return str(retire.find_raw_session(made.settings, UUID).copy_problem)

    (made.node() / "notes.txt").write_text("nobody knows it")
    assert "nobody knows" in problem()
    (made.node() / "notes.txt").unlink()
    video = made.folder / "cam-a.mp4"
    content = video.read_bytes()
    video.write_bytes(content[:-1])
    assert "lacks cam-a.mp4" in problem()
    video.write_bytes(content)
    made.record("cam-b", range(1))
    assert "other files" in problem()


def test_one_that_is_not_read_back_stays(rig: Rig) -> None:
    rig.record()
    rig.process(session())
    assert (
        retire.find_raw_session(rig.settings, UUID).copy_problem
        == "its copy has not been read back"
    )
    rig.folder.rename(rig.sync / "elsewhere")
    assert (
        retire.find_raw_session(rig.settings, UUID).copy_problem
        == "it has no copy on the sync drive"
    )


def test_what_has_changed_since_the_plan_stays(made: Rig) -> None:
    planned = retire.find_raw_session(made.settings, UUID)
    made.record("cam-a", range(4, 5))
    assert list(retire.retire(made.settings, [planned], NOW)) == []
    assert len(list(made.node().glob("seg_*.mp4"))) == 5


def test_a_preserved_session_stays_until_it_is_released(made: Rig) -> None:
    retire.preserve(made.settings, UUID, keep=True)
    assert retire.find_raw_session(made.settings, UUID).is_preserved
    assert retire.plan(made.settings, START_MS * 2).delete == ()
    retire.preserve(made.settings, UUID, keep=False)
    assert not retire.find_raw_session(made.settings, UUID).is_preserved


def raw_files(made: Rig) -> dict[str, bytes]:
    """Everything on the logging disk but the names of session folders that are hidden."""
    files = (path for path in sorted(made.logging.rglob("*")) if path.is_file())
    return {path.relative_to(made.logging).as_posix(): path.read_bytes() for path in files}


def test_a_segment_that_comes_in_the_last_moment_is_not_deleted(made: Rig) -> None:
    seen = {f: removal.listing(f) for f in (made.node(), made.logging / "phone" / UUID)}
    made.record(numbers=range(4, 5))
    before = raw_files(made)
    assert not removal.set_aside(seen)
    assert raw_files(made) == before


def test_a_file_that_comes_while_it_is_deleted_is_kept(made: Rig) -> None:
    """rsync stands in the folder, whatever its name."""
    hidden = removal.set_aside({made.node(): removal.listing(made.node())})
    ((folder, files),) = hidden.items()
    (folder / "seg_0009.mp4").write_bytes(b"late")
    removal.delete(folder, files)
    assert raw_files(made).items() >= {f"cam-a/.late-{UUID}/seg_0009.mp4": b"late"}.items()
    assert not folder.exists()
    assert not needs_processing(made.settings, UUID, session())


def test_what_was_not_yet_compared_is_put_back_by_the_next_run(made: Rig) -> None:
    """Killed after the first renames."""
    before = raw_files(made)
    made.node().rename(made.node().with_name(f"{removal.RETIRING}{UUID}"))
    assert not needs_processing(made.settings, UUID, session())
    assert list(retire.finish_earlier(made.settings, NOW)) == []
    assert raw_files(made) == before
    assert made.manifest()["raw_deleted_at"] is None


def test_what_is_put_back_joins_what_was_delivered_again(made: Rig) -> None:
    before = raw_files(made)
    made.node().rename(made.node().with_name(f"{removal.RETIRING}{UUID}"))
    made.record(numbers=range(1, 2))
    list(retire.finish_earlier(made.settings, NOW))
    assert raw_files(made) == before


@pytest.mark.parametrize("left", [["seg_0000.mp4"], ["seg_0002.frames.csv"], []])
def test_a_deletion_that_was_cut_short_is_ended_by_the_next_run(rig: Rig, left: list[str]) -> None:
    rig.record()
    rig.capture()
    rig.process(session())
    verify_session(rig.settings, UUID, lambda _: None)
    hidden = rig.node().with_name(f"{removal.RETIRED}{UUID}")
    rig.node().rename(hidden)
    for path in hidden.iterdir():
        if path.name not in left:
            path.unlink()
    assert not needs_processing(rig.settings, UUID, session()), "nobody sees half a folder"
    (gone,) = retire.finish_earlier(rig.settings, NOW)
    assert gone.uuid == UUID
    assert raw_files(rig) == {}
    assert not hidden.exists()
    assert rig.manifest()["raw_deleted_at"] == NOW


def test_without_the_copy_at_hand_nothing_is_deleted(made: Rig) -> None:
    made.node().rename(made.node().with_name(f"{removal.RETIRED}{UUID}"))
    before = raw_files(made)
    made.folder.rename(made.sync / "elsewhere")
    assert list(retire.finish_earlier(made.settings, NOW)) == []
    assert raw_files(made) == before


def test_a_later_revision_still_says_when_the_raw_data_went(made: Rig) -> None:
    list(retire.retire(made.settings, [retire.find_raw_session(made.settings, UUID)], NOW))
    made.upload("late.csv")
    made.process(session())
    assert made.manifest()["revision"] == 2
    assert made.manifest()["raw_deleted_at"] == NOW


@pytest.mark.parametrize("lines", [False, True])
def test_the_verb_says_what_went_to_a_person_and_to_the_controller(made: Rig, lines: bool) -> None:
    size = retire.find_raw_session(made.settings, UUID).size_bytes
    storage = made.settings.storage
    env = {
        "CTLR_STORAGE__LOGGING": str(storage.logging),
        "CTLR_STORAGE__SYNC": str(storage.sync),
        "CTLR_STORAGE__REQUIRE_MOUNTS": "false",
        "CTLR_DATABASE__PATH": str(made.settings.database.path),
        "CTLR_RETENTION__ENABLED": "true",
        "CTLR_RETENTION__FREE_GB": "1e9",
    }
    command = [sys.executable, "-m", "ctlr", "retention", *(["--lines"] if lines else [])]
    done = subprocess.run(
        command, env=os.environ | env, cwd=made.sync.parent, capture_output=True, check=True
    )
    said = done.stdout.splitlines()
    if lines:
        found = [parse_line(line) for line in said]
        assert None not in found, done.stdout
        assert Deleted(UUID, size) in found
    else:
        assert f"deleted {UUID} {size}".encode() in said


def test_each_deletion_is_told_as_it_happens(made: Rig) -> None:
    """What fails at the second takes nothing from the first."""
    planned = retire.find_raw_session(made.settings, UUID)

    def sessions() -> Iterator[RawSession]:
        yield planned
        raise OSError(5, "Input/output error")

    gone = retire.retire(made.settings, sessions(), NOW)
    assert next(gone) == Deleted(UUID, planned.size_bytes)
    with pytest.raises(OSError, match="Input/output"):
        next(gone)
