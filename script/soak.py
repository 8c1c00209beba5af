#!/usr/bin/env python3
"""A whole rig of real processes under random kills, freezes and cut links, then held to account.

What is done, and when, is drawn from the seed before anything runs; what comes of it differs from
run to run, as it does in the field. Cameras are reached through proxies that can be cut, and
reach the controller and its rsync daemon through others. A witness links every segment that a
camera finishes, the moment it appears, so that a segment cannot disappear unseen.

At the end everything is brought back. From the disks it is then told whether every witnessed
segment is at the controller with the same hash, whether every session's manifest holds what was
delivered and says itself complete or what is missing, whether all cameras are idle, and whether
a process is left. Exit code 0 if so, else 1.
"""

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import xxhash
from rich.console import Console
from rich.table import Table

from ctlr.kernel.ids import is_session_id
from ctlr.simulator.child import Child
from ctlr.simulator.places import HOST
from ctlr.simulator.ports import claim_port
from ctlr.simulator.rig import Rig
from ctlr.simulator.story import read_manifest, wait_until_ready

CAMERAS = ("cam-1", "cam-2", "cam-3")
ACTIONS = {"start": 4, "stop": 2, "kill": 4, "freeze": 3, "cut": 4}
PARTS = ("controller", "controller", *CAMERAS, "rsync")
LINKS = (*CAMERAS, "uplink")
ANSWER_S = 15.0
SETTLE_S = 240.0
WITNESS_EVERY_S = 0.05
SMALL = {"width": 320, "height": 180, "fps": 15, "segment_s": 2}

console = Console(width=110, highlight=False)


@dataclass(frozen=True)
class Step:
    """After ``wait_s`` do ``action`` to ``what``; what is disturbed stays so for ``lasts_s``."""

    wait_s: float
    action: str
    what: str
    lasts_s: float


def draw_steps(seed: int, seconds: float) -> list[Step]:
    """The whole story of a seed; it begins with a start."""
    chance = random.Random(seed)  # noqa: S311 - a repeatable story, no secret
    steps = [Step(0.0, "start", _uuid(chance), 0.0)]
    left_s = seconds
    while left_s > 0:
        wait_s = chance.uniform(0.5, 3.5)
        (action,) = chance.choices(list(ACTIONS), list(ACTIONS.values()))
        what = {"start": _uuid(chance), "stop": ""}.get(action) or {
            "kill": chance.choice(PARTS),
            "freeze": chance.choice(PARTS[:-1]),
            "cut": chance.choice(LINKS),
        }.get(action, "")
        steps.append(Step(wait_s, action, what, chance.uniform(0.2, 5.0)))
        left_s -= wait_s
    return steps


def _uuid(chance: random.Random) -> str:
    digits = f"{chance.getrandbits(128):032x}"
    return "-".join(
        (digits[:8], digits[8:12], "4" + digits[13:16], "8" + digits[17:20], digits[20:])
    )


class Link:
    """A TCP proxy; while it is cut, nobody gets through and what was open hangs up."""

    def __init__(self) -> None:
        self.claim = claim_port()
        self.target: int | None = None
        self.is_cut = False
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> str:
        return f"{HOST}:{self.claim.number}"

    async def listen(self, stack: AsyncExitStack) -> None:
        self._server = await asyncio.start_server(self._serve, HOST, self.claim.number)
        stack.push_async_callback(self._close)

    async def _close(self) -> None:
        self.cut()
        if self._server is not None:
            self._server.close()
        self.claim.release()

    def cut(self) -> None:
        self.is_cut = True
        for writer in self._open:
            writer.transport.abort()

    def mend(self) -> None:
        self.is_cut = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_cut or self.target is None:
            writer.transport.abort()
            return
        with suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection(HOST, self.target)
            ends = {writer, far_writer}
            self._open |= ends
            try:
                await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
            finally:
                self._open -= ends
                far_writer.close()
        writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(65536):
        writer.write(piece)
        await writer.drain()
    with suppress(OSError):
        writer.write_eof()


@dataclass
class Witness:
    """Links to every finished segment, made from the cameras' cards: (camera, uuid, name)."""

    folder: Path
    seen: dict[tuple[str, str, str], tuple[int, Path]] = field(default_factory=dict)

    async def watch(self, rig: Rig) -> None:
        while True:
            self.look(rig)
            await asyncio.sleep(WITNESS_EVERY_S)

    def look(self, rig: Rig) -> None:
        for camera in rig.camera_names:
            for path in rig.places.spool(camera).glob("*/seg_*.mp4"):
                with suppress(FileNotFoundError):  # delivered and gone meanwhile
                    self._keep((camera, path.parent.name, path.name), path)

    def _keep(self, key: tuple[str, str, str], path: Path) -> None:
        inode = path.stat().st_ino
        if self.seen.get(key, (0, path))[0] != inode:
            link = self.folder / f"{'_'.join(key)}.{inode}"
            os.link(path, link)
            self.seen[key] = inode, link


@dataclass
class Phone:
    """Taps, and taps again until it is answered. Remembers what was acknowledged."""

    rig: Rig
    started: set[str] = field(default_factory=set)

    async def tap(self, command: str, uuid: str = "") -> str:
        query = f"?uuid={uuid}" if uuid else ""
        with suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_S):
                while True:
                    with suppress(aiohttp.ClientError):
                        return await self._ask(f"/api/record/{command}{query}", uuid)
                    await asyncio.sleep(0.3)
        return "no answer"

    async def _ask(self, path: str, uuid: str) -> str:
        async with self.rig.http.post(path, timeout=aiohttp.ClientTimeout(total=3)) as answer:
            body: dict[str, Any] = await answer.json()
        if answer.status == 200 and uuid:
            self.started.add(uuid)
        return "acknowledged" if answer.status == 200 else str(body.get("code"))


class Story:
    """Does the steps; each disturbance ends by itself, and all of them when the story does."""

    def __init__(self, rig: Rig, links: dict[str, list[Link]], phone: Phone) -> None:
        self._links = links
        self._phone = phone
        self._parts: dict[str, Child] = {"controller": rig.controller, "rsync": rig.rsync_daemon}
        self._parts |= {name: rig.camera(name) for name in rig.camera_names}
        self._disturbed: set[str] = set()
        self._jobs: set[asyncio.Task[None]] = set()
        self._began = time.monotonic()

    async def tell(self, steps: list[Step]) -> None:
        for step in steps:
            await asyncio.sleep(step.wait_s)
            self._jobs.add(asyncio.create_task(self._do(step)))
        await asyncio.gather(*self._jobs)

    async def _do(self, step: Step) -> None:
        if step.action in ("start", "stop"):
            self._say(step, await self._phone.tap(step.action, step.what))
            return
        key = f"{'link ' if step.action == 'cut' else ''}{step.what}"
        if key in self._disturbed:
            self._say(step, "is disturbed already")
            return
        self._disturbed.add(key)
        self._say(step, f"for {step.lasts_s:.1f} s")
        disturb: dict[str, Callable[[Step], Awaitable[None]]] = {
            "kill": self._kill,
            "freeze": self._freeze,
            "cut": self._cut,
        }
        await disturb[step.action](step)
        self._disturbed.discard(key)

    async def _kill(self, step: Step) -> None:
        await self._parts[step.what].kill()
        await asyncio.sleep(step.lasts_s)
        await self._parts[step.what].start()

    async def _freeze(self, step: Step) -> None:
        self._parts[step.what].pause()
        await asyncio.sleep(step.lasts_s)
        self._parts[step.what].resume()

    async def _cut(self, step: Step) -> None:
        for link in self._links[step.what]:
            link.cut()
        await asyncio.sleep(step.lasts_s)
        for link in self._links[step.what]:
            link.mend()

    def _say(self, step: Step, outcome: str) -> None:
        at_s = time.monotonic() - self._began
        console.print(f"{at_s:6.1f} s  {step.action:<7}{step.what[:10]:<11} {outcome}")


async def settle(rig: Rig, phone: Phone) -> list[str]:
    """Stop, and wait until cameras are idle and sessions finished; what is not, in words."""
    await phone.tap("stop")
    left = ["nothing answered"]
    with suppress(TimeoutError):
        async with asyncio.timeout(SETTLE_S):
            while left:
                await asyncio.sleep(1)
                left = await unsettled(rig, phone.started)
    return left


async def unsettled(rig: Rig, started: set[str]) -> list[str]:
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
    gaps = [source for source in manifest["sources"].values() if source.get("gaps")]
    if not (manifest["complete"] or manifest["missing"] or gaps):
        faults.append(f"{uuid[:8]}: not complete, but names nothing that is missing")
    return faults


def _hash(path: Path) -> str:
    return xxhash.xxh3_128_hexdigest(path.read_bytes())


def show(rig: Rig, witness: Witness, started: set[str]) -> None:
    table = Table(title="Sessions", title_justify="left")
    for heading in ("", *rig.camera_names, "complete", "gaps", "missing"):
        table.add_column(heading)
    for uuid in sorted(started | {key[1] for key in witness.seen}):
        manifest = read_manifest(rig.places.sync / uuid)
        sources = manifest.get("sources", {})
        made = [str(sum(k[:2] == (camera, uuid) for k in witness.seen)) for camera in CAMERAS]
        gaps = sum(len(source.get("gaps", ())) for source in sources.values())
        missing = ", ".join(manifest.get("missing", ()))
        table.add_row(uuid[:8], *made, str(manifest.get("complete")), str(gaps), missing)
    console.print(table)


async def soak(folder: Path, seed: int, seconds: float) -> list[str]:
    """The story of a seed; returns the faults that were found."""
    links = {name: [Link()] for name in CAMERAS} | {"uplink": [Link(), Link()]}
    to_api, to_rsync = links["uplink"]
    async with AsyncExitStack() as stack:
        for link in (link for group in links.values() for link in group):
            await link.listen(stack)
        nodes = [{"name": name, "address": links[name][0].address} for name in CAMERAS]
        uplink = {
            "controller": f"http://{to_api.address}",
            "target": f"rsync://{to_rsync.address}/logging/",
        }
        on_cameras = {"camera": SMALL | uplink}
        rig = Rig(folder / "rig", CAMERAS, on_controller={"nodes": nodes}, on_cameras=on_cameras)
        rig = await stack.enter_async_context(rig)
        to_api.target, to_rsync.target = rig.places.api_port, rig.places.rsync_port
        for name in CAMERAS:
            links[name][0].target = rig.places.camera_ports[name]
        await wait_until_ready(rig.http)
        witness, phone = Witness(folder / "witness"), Phone(rig)
        witness.folder.mkdir()
        watching = asyncio.create_task(witness.watch(rig))
        stack.callback(watching.cancel)
        await Story(rig, links, phone).tell(draw_steps(seed, seconds))
        left = await settle(rig, phone)
        faults = [f"after {SETTLE_S:g} s {what}" for what in left]
        faults += find_faults(rig, witness, phone.started)
        show(rig, witness, phone.started)
    return faults + [f"left behind: {command}" for command in processes_of(folder)]


def processes_of(folder: Path) -> list[str]:
    """Command lines of processes that name the folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has just ended
            command = path.read_bytes().replace(b"\0", b" ").decode()
            if str(folder / "rig") in command:
                found.append(command)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="A rig under random faults, held to account.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--keep", type=Path, help="an empty folder for the rig, which then stays")
    options = parser.parse_args()
    console.print(f"seed {options.seed}, {options.minutes:g} minutes")
    with ExitStack() as stack:
        folder = options.keep or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="ctlr-soak-"))
        )
        folder.mkdir(parents=True, exist_ok=True)
        faults = asyncio.run(soak(folder.resolve(), options.seed, options.minutes * 60))
    for fault in faults:
        console.print(f"FAULT  {fault}")
    console.print("Nothing was lost." if not faults else f"{len(faults)} faults.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
