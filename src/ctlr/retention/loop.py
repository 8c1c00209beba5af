"""Makes room on the logging drive from time to time, where that is configured.

The work is done by ``ctlr retention`` in a process of its own, as it touches both drives. What it
has deleted is written into the record of the session.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import structlog

from ctlr.config import RetentionSettings
from ctlr.kernel.database import persist
from ctlr.kernel.process import ProcessTimeoutError, run
from ctlr.retention.bin_plan import DAY_MS, REHEARSAL_DAYS
from ctlr.retention.lines import Deleted, Emptied, parse_line
from ctlr.telemetry.log import say_again

INTERVAL_S = 600.0
DEADLINE_S = 3600.0

_log = structlog.get_logger("retention")

NoteDeletion = Callable[[str, str], Awaitable[None]]
"""Writes into a session's record that its raw data went: uuid, what happened in a sentence."""


async def retire_forever(
    settings: RetentionSettings,
    command: Sequence[str],
    free_bytes: Callable[[], int | None],
    note: NoteDeletion,
    interval_s: float = INTERVAL_S,
) -> None:
    """Look every ten minutes; ``free_bytes`` tells of the logging drive, None while it is ill."""
    while True:
        await asyncio.sleep(interval_s)
        free = free_bytes()
        if settings.enabled and free is not None and free < settings.free_gb * 2**30:
            await retire_once(command, note)


async def empty_bin_forever(
    keep_days: float,
    command: Sequence[str],
    find_oldest: Callable[[], Awaitable[int | None]],
    is_short: Callable[[], bool],
    now_ms: Callable[[], int],
    note: NoteDeletion,
    interval_s: float = INTERVAL_S,
    find_oldest_rehearsal: Callable[[], Awaitable[int | None]] | None = None,
) -> None:
    """Look every ten minutes whether something in the bin is to go. ``find_oldest`` tells when the
    one that is longest in it came there, None where it is empty, ``find_oldest_rehearsal`` the same of
    rehearsals; ``is_short``: the sync drive is full."""
    while True:
        await asyncio.sleep(interval_s)
        oldest = await find_oldest()
        rehearsal = await find_oldest_rehearsal() if find_oldest_rehearsal else None
        is_due = oldest is not None and (is_short() or now_ms() - oldest >= keep_days * DAY_MS)
        if is_due or (rehearsal is not None and now_ms() - rehearsal >= REHEARSAL_DAYS * DAY_MS):
            await retire_once(command, note)


async def retire_once(command: Sequence[str], note: NoteDeletion) -> None:
    try:
        done = await run(command, DEADLINE_S)
    except (OSError, ProcessTimeoutError) as error:
        _log.error("retention failed", error=str(error), pid=os.getpid())
        return
    for line in done.stdout.splitlines():
        match parse_line(line):
            case Deleted(uuid, size):
                text = (
                    f"Its raw data ({size / 2**20:.0f} MB) was deleted to make room; its copy is "
                    "verified."
                )
                await persist(partial(note, uuid, text))
            case Emptied(uuid, copy, raw):
                what = f"its folder ({copy / 2**20:.0f} MB)"
                if raw:
                    what = f"{what} and its raw data ({raw / 2**20:.0f} MB)"
                text = f"The bin was emptied of it: {what}."
                await persist(partial(note, uuid, text))
            case dict(record):
                say_again(record)
    if done.returncode:
        _log.error("retention failed", error=done.stderr.decode("utf-8", "replace").strip())
