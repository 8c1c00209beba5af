"""A drive that somebody has prepared: nothing outside of it is read, written or deleted, nothing is
waited for, and the session is made all the same."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.unit.postprocess.rig import UUID, Rig

from ctlr.kernel.errors import Refusal
from ctlr.postprocess.folder.folders import find_folder, read_manifest, session_folders
from ctlr.postprocess.folder.verify import verify_session
from ctlr.postprocess.manifest import document, shapes
from ctlr.postprocess.manifest.standing import file_names
from ctlr.postprocess.run.listing import list_sessions, resolve_prefix
from ctlr.retention import removal
from ctlr.retention.retire import find_raw_session, raw_folders


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "precious.csv").write_text("a,b\n1,2\n")
    return folder


@pytest.fixture
def made(rig: Rig) -> dict[str, Any]:
    rig.record()
    rig.upload("gps.csv")
    assert rig.process().exit_code == 0
    return rig.manifest()


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


LEADING_OUT = ["/etc/passwd", "../x", "a/../../x", "", ".", "..", "a//b", "a/.", "a/", "x\0y"]


@pytest.mark.parametrize("name", LEADING_OUT)
@pytest.mark.parametrize("where", ["file", "frames_file", "files", "damaged", "part", "phone"])
def test_no_name_of_a_manifest_leads_out(made: dict[str, Any], name: str, where: str) -> None:
    """A source with such a name is not taken for a video; any other name makes it none of ours."""
    video = made["sources"]["cam-a"]
    match where:
        case "files":
            made["files"][0]["path"] = name
        case "damaged":
            made["damaged"] = [name]
        case "part":
            video["parts"] = [{**video, "file": name, "starts_at_s": 1.0}]
        case "phone":
            made["sources"]["phone"]["files"] = [name]
        case _:
            video[where] = name
    if where in {"frames_file", "part"}:
        read = document.read(json.dumps(made).encode())
        assert name not in {*file_names(read), *read.damaged}
        assert not isinstance(read.sources["cam-a"], shapes.VideoSource)
        return
    with pytest.raises(ValueError, match="leads out of the folder"):
        document.read(json.dumps(made).encode())


def test_what_it_names_outside_stays(rig: Rig, made: dict[str, Any], outside: Path) -> None:
    precious = outside / "precious.csv"
    for path in (str(precious), "../../outside/precious.csv"):
        made["files"].append({"path": path, "bytes": 8, "xxh128": None, "inputs": "x"})
        (rig.folder / "manifest.json").write_text(json.dumps(made))
        assert rig.process().exit_code == 0
        assert precious.exists()
    assert find_folder(rig.settings, UUID) == rig.sync / f"{UUID}-2"


def test_a_manifest_of_too_many_values_is_not_read(made: dict[str, Any]) -> None:
    made["missing"] = [""] * document.MOST_VALUES
    with pytest.raises(ValueError, match="too many values"):
        document.read(json.dumps(made).encode())


@pytest.mark.parametrize("kind", ["huge", "pipe", "zero", "folder"])
@pytest.mark.parametrize("name", ["manifest.json", ".manifest.json.previous"])
def test_what_stands_for_a_manifest_costs_nothing(
    rig: Rig, made: dict[str, Any], kind: str, name: str
) -> None:
    (rig.folder / "manifest.json").unlink()
    place = rig.folder / name
    match kind:
        case "huge":
            place.touch()
            os.truncate(place, 1 << 30)
        case "pipe":
            os.mkfifo(place)
        case "zero":
            place.symlink_to("/dev/zero")
        case _:
            place.mkdir()
    assert read_manifest(rig.folder) is None
    assert rig.process().exit_code == 0
    found = find_folder(rig.settings, UUID)
    manifest = read_manifest(found) if found else None
    assert found != rig.folder
    assert manifest is not None
    assert manifest.uuid == made["uuid"]


@pytest.mark.parametrize("place", ["phone", f"phone/{UUID}", f"cam-b/{UUID}", "cam-b"])
def test_a_link_among_the_raw_data_is_not_followed(rig: Rig, outside: Path, place: str) -> None:
    rig.record()
    (outside / UUID).mkdir()
    (outside / UUID / "secret.csv").write_text("a,b\n1,2\n")
    target = outside if place in {"phone", "cam-b"} else outside / UUID
    (rig.logging / place).parent.mkdir(exist_ok=True)
    (rig.logging / place).symlink_to(target)
    before = files(outside)
    assert rig.process().exit_code in (0, 3)
    assert "secret.csv" not in files(rig.sync)
    find_raw_session(rig.settings, UUID)
    for folder in raw_folders(rig.settings, UUID):
        assert folder.resolve().is_relative_to(rig.logging.resolve())
        assert removal.listing(folder)
    assert files(outside) == before


@pytest.mark.parametrize("place", ["phone", "cam-a.mp4"])
def test_nothing_is_written_through_a_link_in_a_sessions_folder(
    rig: Rig, made: dict[str, Any], outside: Path, place: str
) -> None:
    assert made["revision"] == 1
    there = rig.folder / place
    there.rename(rig.sync / ".was")
    there.symlink_to(outside if place == "phone" else outside / "precious.csv")
    before = files(outside)
    rig.upload("late.csv")
    assert rig.process().exit_code == 1
    with pytest.raises(OSError, match="is not followed"):
        verify_session(rig.settings, UUID, lambda _: None)
    assert files(outside) == before
    assert (outside / "precious.csv").read_text() == "a,b\n1,2\n"


def test_a_link_in_place_of_the_workspace_is_taken_away(rig: Rig, outside: Path) -> None:
    rig.record()
    (rig.sync / f".tmp-{UUID}").symlink_to(outside)
    assert rig.process().exit_code == 0
    assert files(outside) == ["precious.csv"]


def test_a_link_in_place_of_a_sessions_folder_is_no_folder(rig: Rig, outside: Path) -> None:
    rig.record()
    rig.folder.symlink_to(outside)
    assert rig.process().exit_code == 0
    assert files(outside) == ["precious.csv"]
    assert session_folders(rig.sync) == [rig.sync / f"{UUID}-2"]


def test_a_manifest_names_a_session_and_no_path(rig: Rig, made: dict[str, Any]) -> None:
    stranger = rig.sync / "stranger"
    stranger.mkdir()
    made["uuid"] = "3f/../../../etc"
    (stranger / "manifest.json").write_text(json.dumps(made))
    assert read_manifest(stranger) is None
    with pytest.raises(Refusal):
        resolve_prefix(rig.settings, "3f2b8c1f")


def test_many_strays_are_counted_and_not_listed(rig: Rig) -> None:
    rig.record()
    for number in range(2000):
        (rig.node() / f"stray {number}").touch()
        (rig.logging / f"No Name {number}" / UUID).mkdir(parents=True)
    assert rig.process().exit_code in (0, 3)
    assert (rig.folder / "manifest.json").stat().st_size < 100_000
    (listed,) = list_sessions(rig.settings)
    assert listed.segments == 4
