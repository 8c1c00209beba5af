"""The newest still of each camera, kept once for all who look.

A camera is asked only while somebody asks here, and not more often than ``how_often_s`` allows, so
twenty phones cost a camera no more than one. One at a time may be aimed with, at ten a second, while
nothing is recorded. What a camera has refused is not asked for again at once. A question to a camera
goes on when whoever began it has left: the next one gets its answer.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from zlib import crc32

from ctlr.config import NodeAddress
from ctlr.kernel.clock import Clock
from ctlr.kernel.errors import Refusal
from ctlr.nodes.client import NodeCallError, NodeClient, NoStillsError
from ctlr.nodes.fleet import Fleet
from ctlr.nodes.still_rules import how_often_s, why_not

AIMED_FOR_S = 2.0
"""So long after its last question an aim holds; then another camera may be aimed with."""
AFTER_FAILURE_S = 2.0
WITHOUT_STILLS_S = 60.0


@dataclass(frozen=True)
class KeptStill:
    """``captured_at_ms`` is on the controller's clock, as far as the camera's is known."""

    jpeg: bytes
    captured_at_ms: int

    @property
    def tag(self) -> str:
        return f'"{self.captured_at_ms:x}-{crc32(self.jpeg):08x}"'


class NoStillError(Exception):
    """There is none at the moment; the message says why, in a few words."""


class _Camera:
    """What is kept of one camera. ``due_s``: when it may be asked again, monotonic."""

    def __init__(self) -> None:
        self.still: KeptStill | None = None
        self.reason: str | None = None
        self.asked_s = 0.0
        self.pause_s = 0.0
        self.asking: asyncio.Task[None] | None = None


class Stills:
    """``is_recording`` tells whether a session is active, from its arming to its stop."""

    def __init__(
        self, fleet: Fleet, client: NodeClient, clock: Clock, is_recording: Callable[[], bool]
    ) -> None:
        self._fleet = fleet
        self._client = client
        self._clock = clock
        self._is_recording = is_recording
        self._cameras: dict[str, _Camera] = {}
        self._aim: tuple[str, float] | None = None

    async def newest(self, name: str, *, aim: bool = False) -> KeptStill:
        """Raises ``NoStillError``, and ``Refusal`` ``unknown_node``."""
        view = self._fleet.view(name)
        if view is None:
            self._cameras.pop(name, None)
            raise Refusal("unknown_node", f"There is no camera {name[:64]!r} in this rig.")
        if reason := why_not(view):
            raise NoStillError(reason)
        camera = self._cameras.setdefault(name, _Camera())
        every_s = how_often_s(is_recording=self._is_recording(), aim=self._may_aim(name, aim=aim))
        if camera.asking is None and self._clock.monotonic() >= camera.asked_s + max(
            every_s, camera.pause_s
        ):
            node = self._fleet.address(name)
            camera.asking = asyncio.create_task(self._ask(node, camera), name=f"still of {name}")
        if camera.asking is not None:
            await asyncio.shield(camera.asking)
        if camera.still is None:
            raise NoStillError(camera.reason or "there is none yet")
        return camera.still

    async def close(self) -> None:
        """End what is under way."""
        asking = [camera.asking for camera in self._cameras.values() if camera.asking]
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    def _may_aim(self, name: str, *, aim: bool) -> bool:
        now_s = self._clock.monotonic()
        if not aim:
            return False
        if self._aim is not None and self._aim[0] != name and now_s < self._aim[1]:
            return False
        self._aim = name, now_s + AIMED_FOR_S
        return True

    async def _ask(self, node: NodeAddress, camera: _Camera) -> None:
        camera.asked_s, camera.pause_s = self._clock.monotonic(), 0.0
        try:
            answer = await self._client.fetch_still(node)
            camera.reason = answer.reason
            if answer.jpeg is not None:
                camera.still = KeptStill(
                    answer.jpeg, self._on_our_clock(node.name, answer.captured_at_ms)
                )
            else:
                camera.still, camera.pause_s = None, AFTER_FAILURE_S
        except NodeCallError as error:
            camera.still, camera.reason = None, str(error)
            lasting = isinstance(error, NoStillsError)
            camera.pause_s = WITHOUT_STILLS_S if lasting else AFTER_FAILURE_S
        finally:
            camera.asking = None

    def _on_our_clock(self, name: str, at_ms: int | None) -> int:
        if at_ms is None:
            return self._clock.now_ms()
        clock = self._fleet.clock_of(name)
        return at_ms - round(clock.offset_ms) if clock else at_ms
