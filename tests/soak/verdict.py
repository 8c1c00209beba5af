"""What a rig shows after its story, on its disks, against what was promised."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import xxhash
from rich.table import Table
from tests.soak.phone import Phone
from tests.soak.witness import Witness

from ctlr.kernel.ids import is_session_id
from ctlr.simulator.rig import Rig
from ctlr.simulator.story import read_manifest

FINISH_S = 240.0
UNSEEN_S = 2.0
"""How much of its beginning or end a camera may lack without a word; a busy machine is late."""

Manifest = dict[str, Any]


async def wait_until_finished(rig: Rig, phone: Phone) -> list[str]:
    """Stop, and wait until cameras are idle and sessions finished; what is not, in words."""
    await phone.tap("stop")
    left = ["nothing answered"]
    with suppress(TimeoutError):
        async with asyncio.timeout(FINISH_S):
            while left:
                await asyncio.sleep(1)
                left = await find_unfinished(rig, phone.started)
    return left


async def find_unfinished(rig: Rig, started: set[str]) -> list[str]:
    left = []
    for camera in rig.camera_names:
        async with rig.http.get(f"{rig.places.camera_url(camera)}/status") as answer:
            state = (await answer.json())["data"]["state"]
        if state != "idle":
            left.append(f"{camera} is {state}")
        waiting = list(rig.places.spool(camera).glob("*/seg_*.mp4"))
        left += [f"{camera} holds {len(waiting)} segments"] if waiting else []
    async with rig.http.get("/api/sessions") as answer:
        sessions = (await answer.json())["sessions"]
    ends = ("done", "failed")
    listed = {session["uuid"] for session in sessions}
    left += [f"{uuid[:8]} was started and is not listed" for uuid in started - listed]
    left += [f"{s['uuid'][:8]} is {s['state']}" for s in sessions if s["state"] not in ends]
    jobs = [s["uuid"] for s in sessions if s["state"] == "done" and not _is_verified(rig, s)]
    return left + [f"{uuid[:8]} is not read back" for uuid in jobs]


def _is_verified(rig: Rig, session: dict[str, Any]) -> bool:
    if session["folder"] is None:  # stopped before it began: there is nothing to make
        return True
    return read_manifest(rig.places.sync / session["folder"]).get("verified_at") is not None


def find_faults(rig: Rig, witness: Witness, started: set[str]) -> list[str]:
    """What the disks show against the promises."""
    faults = []
    for (camera, uuid, name), (_, link) in sorted(witness.seen.items()):
        there = rig.places.logging / camera / uuid / name
        if not there.is_file():
            faults.append(f"{camera} finished {name} of {uuid[:8]}; it is not at the controller")
        elif _hash(there) != _hash(link):
            faults.append(f"{name} of {uuid[:8]} from {camera} is another file at the controller")
    for uuid in sorted(started | {key[1] for key in witness.seen if is_session_id(key[1])}):
        faults += find_manifest_faults(rig, uuid)
    return faults


def find_manifest_faults(rig: Rig, uuid: str) -> list[str]:
    manifest = read_manifest(rig.places.sync / uuid)
    everything = list(rig.places.logging.glob(f"*/{uuid}/seg_*.mp4"))
    if not manifest:
        return [f"{uuid[:8]} has {len(everything)} segments, no manifest"] if everything else []
    faults = []
    for camera in rig.camera_names:
        held = {path.name for path in (rig.places.logging / camera / uuid).glob("seg_*.mp4")}
        told = json.dumps(manifest["sources"].get(camera, {})) + json.dumps(manifest["missing"])
        unnamed = sorted(name for name in held if f'"{name}"' not in told)
        if unnamed:
            faults.append(f"{uuid[:8]}: the manifest does not name {camera} {unnamed}")
        if not held and manifest["complete"] and camera not in told:
            faults.append(f"{uuid[:8]}: says that it is complete, without {camera}")
    faults += [f"{uuid[:8]}: {lie}" for lie in find_time_lies(rig, manifest)]
    wrong = [source for source in manifest["sources"].values() if _says_what_is_wrong(source)]
    if not (manifest["complete"] or manifest["missing"] or wrong):
        faults.append(f"{uuid[:8]}: not complete, but names nothing that is missing")
    return faults


def _says_what_is_wrong(source: dict[str, Any]) -> bool:
    harms = any(problem["harms"] for problem in source.get("problems", ()))
    return harms or bool(source.get("gaps"))


def find_time_lies(rig: Rig, manifest: Manifest) -> Iterator[str]:
    """Cameras that did not record from start to stop, though no gap is told. All clocks here are
    the same."""
    for camera in rig.camera_names:
        source = manifest["sources"].get(camera, {})
        if source.get("gaps") or "first_frame_at_us" not in source or not manifest["complete"]:
            continue
        began_s = (source["first_frame_at_us"] / 1000 - manifest["started_at"]) / 1000
        ended_s = began_s + source["duration_s"]
        lasted_s = (manifest["stopped_at"] - manifest["started_at"]) / 1000
        if began_s > UNSEEN_S or ended_s < lasted_s - UNSEEN_S:
            yield (
                f"says that it is complete; {camera} has {began_s:.1f} to {ended_s:.1f} s "
                f"of {lasted_s:.1f}"
            )


def _hash(path: Path) -> str:
    return xxhash.xxh3_128_hexdigest(path.read_bytes())


def table_of(rig: Rig, witness: Witness, started: set[str]) -> Table:
    table = Table(title="Sessions", title_justify="left")
    for heading in ("", *rig.camera_names, "complete", "gaps", "missing"):
        table.add_column(heading)
    for uuid in sorted(started | {key[1] for key in witness.seen}):
        manifest = read_manifest(rig.places.sync / uuid)
        sources = manifest.get("sources", {})
        made = [
            str(sum(k[:2] == (camera, uuid) for k in witness.seen)) for camera in rig.camera_names
        ]
        gaps = sum(len(source.get("gaps", ())) for source in sources.values())
        missing = ", ".join(manifest.get("missing", ()))
        table.add_row(uuid[:8], *made, str(manifest.get("complete")), str(gaps), missing)
    return table


def processes_of(folder: Path) -> list[str]:
    """Command lines of processes that name the folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has just ended
            command = path.read_bytes().replace(b"\0", b" ").decode()
            if str(folder / "rig") in command:
                found.append(command)
    return found
