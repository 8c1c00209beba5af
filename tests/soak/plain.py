"""An installed camera beside the rig's own: it restarts in mid-session, counts from the beginning
again, and deletes what it has delivered. Everything that it has ever delivered has to stay.
"""

import asyncio
import hashlib
import json
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
from tests.fakes.plain_camera import PlainCamera

from ctlr.simulator.rig import Rig
from ctlr.simulator.story import read_manifest

NAME = "plain-1"
DELIVER_EVERY_S = 1.5
SHORT_S = 0.25
"""What a session that calls itself complete may lack of its video."""


class PlainStory:
    """Restarts the camera as the seed says, and delivers for it."""

    def __init__(self, rig: Rig, camera: PlainCamera, seed: int) -> None:
        self._rig = rig
        self._camera = camera
        self._chance = random.Random(f"plain {seed}")
        self.delivered: dict[str, set[str]] = {}

    async def restart_forever(self) -> None:
        while True:
            await asyncio.sleep(self._chance.uniform(6, 25))
            await self._camera.power_off()
            try:
                await asyncio.sleep(self._chance.uniform(0.2, 6))
            finally:
                await self._camera.power_on()

    async def deliver_forever(self) -> None:
        while True:
            await asyncio.sleep(DELIVER_EVERY_S)
            await self.deliver()

    async def deliver(self) -> None:
        """One pass of its rsync, and a report for the case that anybody listens."""
        self._camera.catch_up()
        for (uuid, _), data in self._camera.card.items():
            self.delivered.setdefault(uuid, set()).add(hashlib.sha256(data).hexdigest())
        self._camera.deliver(self._rig.places.logging)
        with suppress(aiohttp.ClientError, TimeoutError):
            report = self._camera.report()
            await self._rig.http.post("/api/sync/report", json=report)

    def find_faults(self) -> Iterator[str]:
        for uuid, delivered in sorted(self.delivered.items()):
            folder = self._rig.places.logging / NAME / uuid
            files = {path.name: _digest(path) for path in folder.glob("seg_*.mp4")}
            gone = delivered - set(files.values())
            if gone:
                yield f"{uuid[:8]}: {len(gone)} segments of {NAME} were here and are gone"
            yield from self._find_lies(uuid, set(files))

    def _find_lies(self, uuid: str, names: set[str]) -> Iterator[str]:
        manifest = read_manifest(self._rig.places.sync / uuid)
        source = manifest.get("sources", {}).get(NAME, {}) if manifest else {}
        told = json.dumps(source)
        unnamed = sorted(name for name in names if f'"{name}"' not in told)
        if manifest and unnamed:
            yield f"{uuid[:8]}: the manifest does not name {NAME} {unnamed}"
        if manifest and manifest["complete"]:
            lasted_s = (manifest["stopped_at"] - manifest["started_at"]) / 1000
            if source.get("duration_s", 0) < lasted_s - SHORT_S:
                yield f"{uuid[:8]}: complete, and {NAME} is shorter than {lasted_s:.1f} s"


@asynccontextmanager
async def with_plain_camera(rig: Rig, seed: int) -> AsyncIterator[PlainStory]:
    """The rig with one camera more, which delivers for as long as the block lasts."""
    async with PlainCamera(NAME) as camera:
        story = PlainStory(rig, camera, seed)
        asked = {"name": NAME, "address": camera.address.address}
        async with rig.http.post("/api/nodes", json=asked) as answer:
            assert answer.status == 200, await answer.text()
        delivering = asyncio.create_task(story.deliver_forever())
        yield story
        delivering.cancel()
        await asyncio.gather(delivering, return_exceptions=True)


@asynccontextmanager
async def disturbed(story: PlainStory) -> AsyncIterator[None]:
    """While the block lasts the camera restarts at random."""
    restarting = asyncio.create_task(story.restart_forever())
    try:
        yield
    finally:
        restarting.cancel()
        await asyncio.gather(restarting, return_exceptions=True)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
