"""Has the pictures of a session looked at by a program of its own, which an eject may end."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog

from ctlr.kernel.process import Finished, ProcessTimeoutError, run
from ctlr.rehearsal.seen import Look, Seen, View

LOOK_WITHIN_S = 20.0

_log = structlog.get_logger("rehearsal")


class Looking:
    """One program at a time."""

    def __init__(self) -> None:
        self._running: asyncio.Task[Finished] | None = None

    async def look(self, folders: Sequence[Path]) -> dict[str, Seen]:
        """What is seen of each camera in the first session's folder, beside the second. What cannot
        be looked at is left out, or says why."""
        command = [sys.executable, "-m", "ctlr.rehearsal.program", *map(str, folders)]
        self._running = running = asyncio.create_task(run(command, LOOK_WITHIN_S))
        try:
            await asyncio.wait({running})
            if running.cancelled():
                return {}
            found = json.loads(running.result().stdout)
        except (OSError, ProcessTimeoutError, ValueError) as error:
            _log.error("the pictures could not be looked at", error=str(error), pid=os.getpid())
            return {}
        finally:
            running.cancel()
            self._running = None
        return {name: _seen(what) for name, what in found.items()}

    async def release(self) -> None:
        """End it, so that the drive is free."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)


def _seen(found: dict[str, Any]) -> Seen:
    if "error" in found:
        return Seen(error=found["error"])
    earlier, view = found.get("earlier"), found.get("view")
    return Seen(
        Look(**found["look"]), Look(**earlier) if earlier else None, View(**view) if view else None
    )
