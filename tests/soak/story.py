"""Does what the seed says to the processes and links of a rig."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from rich.console import Console
from tests.soak.links import Links
from tests.soak.phone import Phone
from tests.soak.steps import Step

from ctlr.simulator.child import Child
from ctlr.simulator.rig import Rig

console = Console(width=110, highlight=False)


class Story:
    """Does the steps; each disturbance ends by itself, and all of them when the story does."""

    def __init__(self, rig: Rig, links: Links, phone: Phone) -> None:
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
        self._links.cut(step.what)
        await asyncio.sleep(step.lasts_s)
        self._links.mend(step.what)

    def _say(self, step: Step, outcome: str) -> None:
        at_s = time.monotonic() - self._began
        console.print(f"{at_s:6.1f} s  {step.action:<7}{step.what[:10]:<11} {outcome}")
