"""An installed camera with a card: it counts its segments from the beginning at every start, and
deletes what it has delivered.

What it has finished is worked out when somebody looks, from the time that passed, so that a busy
machine makes no frame late. Its segments are made by hand and hold their own number.
"""

import os
import time
from itertools import count
from pathlib import Path
from typing import Any

from tests.fakes.camera_node import CameraNode
from tests.unit.postprocess.mp4 import Film, plain

SEGMENT_MS = 1000
FRAME_MS = 20
TICKS = 90
_serial = count()


class PlainCamera(CameraNode):
    """``base`` is the number that it counts from, ``naming`` what it calls its segments; ``lost``
    holds names that it never delivers."""

    def __init__(self, name: str, *, base: int = 0, naming: str = "seg_{:04d}.mp4") -> None:
        super().__init__(name)
        self.base = base
        self.naming = naming
        self.card: dict[tuple[str, str], bytes] = {}
        self.made: list[bytes] = []
        self.lost: set[str] = set()
        self._next = 0
        self._until_ms = 0.0

    def now_ms(self) -> float:
        return time.time_ns() / 1e6 + self.clock_ahead_ms

    def catch_up(self) -> None:
        """Finish the segments that are due by now."""
        while self.recording and self._until_ms + SEGMENT_MS <= self.now_ms():
            self._finish(SEGMENT_MS)

    async def power_off(self) -> None:
        self.catch_up()
        await super().power_off()

    def deliver(self, logging: Path) -> None:
        """As one pass of its rsync: all that is finished arrives and is deleted here."""
        self.catch_up()
        for uuid, name in sorted(self.card):
            data = self.card.pop((uuid, name))
            if name not in self.lost:
                put(logging / self.name / uuid, name, data)

    def report(self) -> dict[str, Any]:
        return {"camera": self.name, "status": "ok", "files": 1, "remaining": len(self.card)}

    def _start(self, body: dict[str, Any]) -> tuple[dict[str, Any] | None, str]:
        self.catch_up()
        answer = super()._start(body)
        if self.recording is not None and not answer[1]:
            self._next, self._until_ms = self.base, float(self.recording.start_at)
        return answer

    def _stop(self) -> tuple[dict[str, Any] | None, str]:
        self.catch_up()
        if self.recording is not None and self.now_ms() > self._until_ms:
            self._finish(self.now_ms() - self._until_ms)
        return super()._stop()

    def _finish(self, length_ms: float) -> None:
        assert self.recording is not None
        frames = max(round(length_ms / FRAME_MS), 1)
        film = Film(frames=frames, delta=FRAME_MS * TICKS, tag=b"%d" % next(_serial))
        data = plain(film)
        self.card[self.recording.uuid, self.naming.format(self._next)] = data
        self.made.append(data)
        self._next += 1
        self._until_ms += length_ms


def put(folder: Path, name: str, data: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    hidden = folder / f".{name}.AbCdEf"
    hidden.write_bytes(data)
    os.replace(hidden, folder / name)
