"""The node's end of the program that makes stills: starts it, asks it, ends it."""

import asyncio
import json
import os
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass

from ctlr.camera.sources import PictureSettings
from ctlr.camera.stills.wire import LENGTH, EncodedPicture, head_length, pack, unpack_head
from ctlr.kernel.process import die_with_parent, kill

FIRST_ANSWER_S = 20.0
"""A Pi loads the libraries for seconds, at the lowest priority."""
ANSWER_S = 3.0
END_S = 0.5
REST_S = 10.0
"""So long a machine that was too busy for a still is not bothered with the start of another program."""
BUSY = "no picture in time: the camera's machine is busy"


class NoStillError(Exception):
    """There is no still; the message says why, in a few words."""


@dataclass(frozen=True)
class Still:
    jpeg: bytes
    captured_at_ms: int


class StillMaker:
    """One child at a time, started by the first question. ``source`` and ``picture`` tell it which
    camera to open when it is asked to look."""

    def __init__(self, source: str, picture: PictureSettings) -> None:
        self._command = (
            *(sys.executable, "-m", "ctlr.camera.stills.program"),
            *(source, json.dumps(asdict(picture))),
        )
        self._child: asyncio.subprocess.Process | None = None
        self._has_answered = False
        self._endings = 0
        self._rests_until_s = 0.0
        self._one_at_a_time = asyncio.Lock()

    async def look(self) -> Still:
        """The newest picture of the camera, which is open from then on. Raises ``NoStillError``."""
        return await self._ask(pack({"ask": "look"}))

    async def decode(self, picture: EncodedPicture) -> Still:
        """A still of a recorded picture. Raises ``NoStillError``."""
        head = {
            "ask": "decode",
            "codec": picture.codec,
            "extradata": len(picture.extradata),
            "captured_at_ms": picture.captured_at_ms,
        }
        return await self._ask(pack(head, picture.extradata + picture.data))

    async def end(self) -> None:
        """End the child, and with it its hold on the camera; a question under way is answered with
        an error. One that is just being started ends before it is asked anything."""
        self._endings += 1
        child, self._child = self._child, None
        if child is not None:
            with suppress(TimeoutError):  # stuck in the kernel: a recording does not wait for it
                async with asyncio.timeout(END_S):
                    await kill(child)

    async def _ask(self, message: bytes) -> Still:
        async with self._one_at_a_time:
            if time.monotonic() < self._rests_until_s:
                raise NoStillError(BUSY)
            child = await self._start()
            try:
                async with asyncio.timeout(ANSWER_S if self._has_answered else FIRST_ANSWER_S):
                    return await self._exchange(child, message)
            except TimeoutError as error:
                self._rests_until_s = time.monotonic() + REST_S
                await self.end()
                raise NoStillError(BUSY) from error
            except (OSError, EOFError, ValueError) as error:
                await self.end()
                raise NoStillError("the camera is needed for something else") from error

    async def _exchange(self, child: asyncio.subprocess.Process, message: bytes) -> Still:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(message)
        await child.stdin.drain()
        length = head_length(await child.stdout.readexactly(LENGTH))
        head, size = unpack_head(await child.stdout.readexactly(length))
        jpeg = await child.stdout.readexactly(size)
        self._has_answered = True
        if "error" in head:
            await self.end()
            raise NoStillError(str(head["error"]))
        return Still(jpeg, head["captured_at_ms"])

    async def _start(self) -> asyncio.subprocess.Process:
        if self._child is not None and self._child.returncode is None:
            return self._child
        self._has_answered, endings = False, self._endings
        try:
            child = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                preexec_fn=die_with_parent(os.getpid()),
            )
        except OSError as error:
            raise NoStillError(f"no picture can be made here: {error}") from error
        if endings != self._endings:
            await kill(child)
            raise NoStillError("the camera is needed for something else")
        self._child = child
        return child
