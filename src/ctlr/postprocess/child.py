"""Runs ``ctlr postprocess`` on one session in a child process and follows its lines.

The child prints what it does as JSON lines (``postprocess.progress``). It dies with its parent,
and its exit code decides: 0 done, 3 done with something missing, anything else failed.
"""

import asyncio
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ctlr.kernel.process import die_with_parent, kill
from ctlr.postprocess.jobs import Job, JobResult

TERMINATE_GRACE_S = 5.0
MAX_LINE_BYTES = 1 << 20


async def run_child(command: Sequence[str], job: Job, keep: Callable[[Job], None]) -> JobResult:
    """Run the child to its end; cancelled, it ends the child within ``TERMINATE_GRACE_S``."""
    try:
        child = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=MAX_LINE_BYTES,
            preexec_fn=die_with_parent(os.getpid()),
        )
    except OSError as error:
        return JobResult(failed=True, error=f"The worker could not be started: {error.strerror}.")
    try:
        last, errors = await asyncio.gather(_follow(child, job, keep), _read_errors(child))
        code = await child.wait()
    except BaseException:
        await _terminate(child)
        raise
    if code in (0, 3):
        manifest = last.get("manifest")
        return JobResult(
            failed=False,
            error=last.get("summary") if code == 3 else None,
            folder=Path(manifest).parent.name if manifest else None,
            processed_at=last.get("processed_at"),
        )
    return JobResult(
        failed=True, error=last.get("summary") or errors or f"The worker ended with {code}."
    )


async def _follow(
    child: asyncio.subprocess.Process, job: Job, keep: Callable[[Job], None]
) -> dict[str, Any]:
    assert child.stdout is not None
    outcome: dict[str, Any] = {}
    began = time.monotonic()
    async for line in child.stdout:
        message = json.loads(line)
        outcome = message.get("outcome", outcome)
        if progress := message.get("progress"):
            done, total = progress["bytes_done"], progress["bytes_total"]
            eta_s = (time.monotonic() - began) * (total - done) / done if done else None
            keep(replace(job, done_bytes=done, total_bytes=total, eta_s=eta_s))
    return outcome


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
