"""Runs a worker on one session in a child process and follows its lines.

The child prints what it does as JSON lines (``postprocess.manifest.progress``), and its log as
well, which goes on as lines of the parent's own. It dies with its parent, and its exit code
decides: 0 done, 3 done with something missing, anything else failed. A child that follows a
recording is told to finish by a line on its standard input.
"""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ctlr.kernel.process import die_with_parent, kill
from ctlr.postprocess.supervise.jobs import Job, JobResult
from ctlr.telemetry.log import say_again

TERMINATE_GRACE_S = 5.0
STALL_S = 300.0
"""A worker that is at work and silent for so long hangs, or its drive does: it says every few
seconds that it goes on, with each block that it reads or writes."""
MAX_LINE_BYTES = 1 << 20


async def run_child(
    command: Sequence[str],
    job: Job,
    keep: Callable[[Job], None],
    finish: asyncio.Event | None = None,
    stall_s: float = STALL_S,
) -> JobResult:
    """Run the child to its end; cancelled, it ends the child within ``TERMINATE_GRACE_S``.

    ``finish`` is for a child that follows: once set, the child is told to finish. One that says
    nothing for ``stall_s`` while it should be at work has failed and is ended.
    """
    try:
        child = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE if finish else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=MAX_LINE_BYTES,
            preexec_fn=die_with_parent(os.getpid()),
        )
    except OSError as error:
        return JobResult(failed=True, error=f"The worker could not be started: {error.strerror}.")
    telling = asyncio.create_task(_tell_to_finish(child, finish)) if finish else None
    try:
        following = _follow(_lines(child, finish, stall_s), job, keep)
        last, errors = await asyncio.gather(following, _read_errors(child))
        code = await child.wait()
    except _StalledError:
        await _terminate(child)
        return JobResult(
            failed=True,
            error=f"The worker made no progress for {stall_s / 60:.0f} minutes: a drive does not "
            "answer. The raw segments are safe; it is tried again.",
        )
    except BaseException:
        await _terminate(child)
        raise
    finally:
        if telling:
            telling.cancel()
    return _result(code, last, errors)


async def _tell_to_finish(child: asyncio.subprocess.Process, finish: asyncio.Event) -> None:
    assert child.stdin is not None
    await finish.wait()
    with suppress(ConnectionError):  # it has ended meanwhile, which its exit code tells
        child.stdin.write(b"finish\n")
        await child.stdin.drain()


def _result(code: int, outcome: dict[str, Any], errors: str | None) -> JobResult:
    summary = outcome.get("summary")
    if code in (0, 3):
        manifest = outcome.get("manifest")
        return JobResult(
            failed=False,
            error=summary if code == 3 else None,
            folder=Path(manifest).parent.name if manifest else None,
            processed_at=outcome.get("processed_at"),
        )
    return JobResult(
        failed=True,
        error=summary or errors or f"The worker ended with {code}.",
        lasting=bool(outcome.get("lasting")),
    )


class _StalledError(Exception):
    """The child says nothing."""


async def _lines(
    child: asyncio.subprocess.Process, finish: asyncio.Event | None, stall_s: float
) -> AsyncIterator[bytes]:
    """What the child says, line by line; one that only follows may be silent."""
    assert child.stdout is not None
    reading = asyncio.ensure_future(child.stdout.readline())
    try:
        while True:
            at_work = finish is None or finish.is_set()
            done, _ = await asyncio.wait({reading}, timeout=stall_s)
            if done:
                if not (line := reading.result()):
                    return
                yield line
                reading = asyncio.ensure_future(child.stdout.readline())
            elif at_work:
                raise _StalledError
    finally:
        reading.cancel()


async def _follow(
    lines: AsyncIterator[bytes], job: Job, keep: Callable[[Job], None]
) -> dict[str, Any]:
    outcome: dict[str, Any] = {}
    began = time.monotonic()
    async for line in lines:
        message = _parse_line(line)
        outcome = message.get("outcome", outcome)
        if record := message.get("record"):
            say_again(record)
        if progress := message.get("progress"):
            done, total = progress["bytes_done"], progress["bytes_total"]
            eta_s = (time.monotonic() - began) * (total - done) / done if done else None
            keep(replace(job, done_bytes=done, total_bytes=total, eta_s=eta_s))
    return outcome


def _parse_line(line: bytes) -> dict[str, Any]:
    """What the child says; nothing where a library of its own printed something."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


async def _read_errors(child: asyncio.subprocess.Process) -> str | None:
    """The last line of the child's standard error; all of it is read, so it never blocks."""
    assert child.stderr is not None
    last = None
    async for line in child.stderr:
        last = line.decode("utf-8", "replace").strip() or last
    return last


async def _terminate(child: asyncio.subprocess.Process) -> None:
    if child.returncode is not None:
        return
    child.terminate()
    try:
        async with asyncio.timeout(TERMINATE_GRACE_S):
            await child.wait()
    except TimeoutError:
        await kill(child)
