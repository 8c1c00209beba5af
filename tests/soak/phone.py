"""The hand that taps: start and stop over the API, again and again until it is answered."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from ctlr.simulator.rig import Rig

ANSWER_S = 15.0


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
