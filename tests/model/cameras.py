"""Cameras with a card and a clock of their own, and the way to them, without a network.

Installed cameras (plain) forget a recording when they lose power, do not say what they record,
and delete what was sent. Ours go on with it by themselves, and keep a file until it is listed as
durable. What a camera has finished is worked out when somebody looks, from the time that passed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tests.model.virtual_time import SettableClock

from ctlr.config import NodeAddress
from ctlr.layout.raw import segment_name
from ctlr.nodes.client import CALL_TIMEOUT_S, NodeCallError, Reply
from ctlr.nodes.messages import NodeStatus, NodeSync, Preflight, SyncAnswer, SyncReport
from ctlr.nodes.offset import COARSE_STAMP_MS, Exchange

SEGMENT_S = 5.0
LATENCY_S = 0.004

Deliver = Callable[[str, str, str], None]
"""Puts a file of (node, uuid, name) on the controller's drive."""


class Link(StrEnum):
    """What is between the controller and a camera."""

    GOOD = "good"
    CUT = "cut"
    HANGS = "hangs"
    HANGS_AFTER_ACTING = "hangs after acting"


class Refused(Exception):
    """A camera's own word against a command."""


@dataclass
class Take:
    """One session on one card. ``stopped``: no more comes; ``made``: segments ever finished."""

    uuid: str
    start_at: int
    made: int = 0
    stopped: bool = False
    files: list[str] = field(default_factory=list)
    sent: set[str] = field(default_factory=set)


class Camera:
    def __init__(self, name: str, clock: SettableClock, *, ours: bool) -> None:
        self.name = name
        self.ours = ours
        self.clock = clock
        self.link = Link.GOOD
        self.powered = True
        self.answers_to_lose = 0
        self.takes: dict[str, Take] = {}
        self.finished: set[tuple[str, str]] = set()
        self._take: Take | None = None
        self._begins_at_s = 0.0
        self._counted = 0

    @property
    def address(self) -> NodeAddress:
        return NodeAddress(name=self.name, address=f"{self.name}:8080")

    @property
    def recording(self) -> str | None:
        """The uuid that it takes pictures for at this moment, armed ones not counted."""
        due = self.clock.monotonic() >= self._begins_at_s
        return self._take.uuid if self._take and self.powered and due else None

    @property
    def is_busy(self) -> bool:
        """It records, is armed, or will go on with something once it has power."""
        return self._take is not None

    def start(self, uuid: str, start_at: int, first_segment: int | None = None) -> None:
        self.catch_up()
        if self._take is not None:
            if self.ours and self._take.uuid == uuid:
                return
            raise Refused("already recording")
        if start_at <= self.clock.now_ms():
            raise Refused("start_at is in the past")
        known = self.takes.get(uuid)
        if self.ours and known and known.stopped and known.made and first_segment is None:
            raise Refused("already recorded: this session was stopped on this camera")
        self._take = self.takes.setdefault(uuid, Take(uuid, start_at))
        self._take.stopped = False
        self._take.made = max(self._take.made, first_segment or 0)
        self._begin(start_at)

    def stop(self) -> None:
        self.catch_up()
        if self._take is None:
            raise Refused("not recording")
        if self.recording:
            self._finish_segment(self._take)  # what there is of the last one
        self._take.stopped = True
        self._take = None

    def power_off(self) -> None:
        self.catch_up()
        self.powered = False
        if not self.ours and self._take is not None:
            self._take.stopped = True
            self._take = None

    def power_on(self) -> None:
        self.powered = True
        if self._take is not None:
            self._begin(max(self._take.start_at, self.clock.now_ms()))

    def status(self) -> NodeStatus:
        self.catch_up()
        take = self._take if self.ours or self.recording else None
        unsent = sum(name not in take.sent for take in self.takes.values() for name in take.files)
        return NodeStatus(
            sync=NodeSync(segments_queued=unsent),
            state="recording" if take else "idle",
            uuid=take.uuid if take and self.ours else None,
            start_at=take.start_at if take and self.ours else None,
            frames=int(self.recording is not None) if take and self.ours else None,
        )

    def catch_up(self) -> None:
        """Finish the segments that are due by now."""
        if self._take is None or not self.powered:
            return
        due = int((self.clock.monotonic() - self._begins_at_s) // SEGMENT_S)
        while self._counted < due:
            self._counted += 1
            self._finish_segment(self._take)

    def send_next(self, deliver: Deliver) -> bool:
        """Send the oldest file that was not sent; False when there is none."""
        self.catch_up()
        for take in self.takes.values():
            for name in take.files:
                if name not in take.sent:
                    deliver(self.name, take.uuid, name)
                    take.sent.add(name)
                    if not self.ours:
                        take.files.remove(name)
                    return True
        return False

    async def report(self, say: Callable[[SyncReport], Awaitable[SyncAnswer]]) -> None:
        self.catch_up()
        if not self.ours:
            left = sum(len(take.files) for take in self.takes.values())
            await say(SyncReport(camera=self.name, status="ok", remaining=left))
            return
        for take in list(self.takes.values()):
            answer = await say(self._news(take, complete=False))
            safe = {file.name for file in answer.durable or []}
            take.files = [name for name in take.files if name not in safe]
            if take.stopped and not take.files:
                await say(self._news(take, complete=True))
                del self.takes[take.uuid]

    def holds(self, uuid: str, name: str) -> bool:
        take = self.takes.get(uuid)
        return take is not None and name in take.files

    def _begin(self, keep_from: int) -> None:
        self._begins_at_s = self.clock.monotonic() + (keep_from - self.clock.now_ms()) / 1000
        self._counted = 0

    def _finish_segment(self, take: Take) -> None:
        name = segment_name(take.made)
        take.made += 1
        take.files.append(name)
        self.finished.add((take.uuid, name))

    def _news(self, take: Take, *, complete: bool) -> SyncReport:
        unsent = sum(name not in take.sent for name in take.files)
        total = take.made if take.stopped else None
        return SyncReport(
            camera=self.name,
            status="ok",
            remaining=unsent,
            uuid=take.uuid,
            segments_total=total,
            complete=complete,
        )


class Calls:
    """What a ``NodeClient`` does for one life of the controller; a dead one reaches nobody."""

    def __init__(self, cameras: dict[str, Camera], clock: SettableClock) -> None:
        self._cameras = cameras
        self._clock = clock

    async def start(
        self, node: NodeAddress, uuid: str, start_at_ms: int, first_segment: int | None = None
    ) -> Reply:
        def act(camera: Camera) -> dict[str, Any]:
            camera.start(uuid, start_at_ms, first_segment)
            return {"uuid": uuid, "start_at": start_at_ms}

        return await self._call(node, act)

    async def stop(self, node: NodeAddress) -> Reply:
        def act(camera: Camera) -> dict[str, Any]:
            camera.stop()
            return {}

        return await self._call(node, act)

    async def status(self, node: NodeAddress) -> tuple[NodeStatus, Reply]:
        reply = await self._call(node, lambda camera: camera.status().model_dump())
        return NodeStatus.model_validate(reply.data), reply

    async def preflight(self, node: NodeAddress) -> tuple[Preflight, Reply]:
        return Preflight(ready=True, checks={}), await self._call(node, lambda _camera: {})

    async def read_clock(self, node: NodeAddress) -> Exchange:
        return (await self._call(node, lambda _camera: {})).exchange

    async def _call(self, node: NodeAddress, act: Callable[[Camera], dict[str, Any]]) -> Reply:
        camera = self._cameras[node.name]
        reply = await self._exchange(camera, act)
        if camera.answers_to_lose == 0:
            return reply
        camera.answers_to_lose -= 1  # the connection broke: asked once more
        reply = await self._exchange(camera, act)
        if camera.answers_to_lose:
            camera.answers_to_lose -= 1
            raise NodeCallError("broke off its answer")
        return Reply(reply.data, reply.error, reply.exchange, repeated=True)

    async def _exchange(self, camera: Camera, act: Callable[[Camera], dict[str, Any]]) -> Reply:
        sent_ms, sent_s = self._clock.now_us() / 1000, self._clock.monotonic()
        await asyncio.sleep(LATENCY_S)
        if not camera.powered or camera.link is Link.CUT:
            raise NodeCallError("not reachable: No route to host")
        if camera.link is Link.HANGS:
            await asyncio.sleep(CALL_TIMEOUT_S)
            raise NodeCallError("no answer within 1.5 s")
        data, error = {}, None
        try:
            data = act(camera)
        except Refused as reason:
            error = str(reason)
        if camera.link is Link.HANGS_AFTER_ACTING:
            await asyncio.sleep(CALL_TIMEOUT_S)
            raise NodeCallError("no answer within 1.5 s")
        stamp_ms = camera.clock.now_us() / 1000
        await asyncio.sleep(LATENCY_S)
        received_ms = sent_ms + (self._clock.monotonic() - sent_s) * 1000
        coarse = 0.0 if camera.ours else COARSE_STAMP_MS
        stamp_ms = stamp_ms if camera.ours else float(int(stamp_ms))
        exchange = Exchange(sent_s, sent_ms, stamp_ms, stamp_ms, received_ms, coarse)
        return Reply(data, error, exchange)
