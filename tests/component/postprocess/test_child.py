"""Real child processes, each a line of Python, and what the controller makes of them."""

import asyncio
import io
import subprocess
import sys
from pathlib import Path

import pytest

from ctlr.postprocess.supervise.child import run_child
from ctlr.postprocess.supervise.jobs import Job, JobResult
from ctlr.telemetry.log import configure_logging

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
PROGRESS = """
print('{"progress": {"bytes_done": 5, "bytes_total": 10}}', flush=True)
print('{"outcome": {"summary": "%s", "manifest": "/mnt/sync/%s/manifest.json"}}' % (what, uuid))
sys.exit(code)
"""


async def run(program: str, finish: asyncio.Event | None = None) -> tuple[JobResult, list[Job]]:
    kept: list[Job] = []
    command = [sys.executable, "-S", "-c", f"import sys\n{program}"]
    return await run_child(command, Job(UUID), kept.append, finish), kept


def ending(code: int) -> str:
    return f"what, uuid, code = 'cam-02 is missing', {UUID!r}, {code}{PROGRESS}"


@pytest.mark.parametrize(
    ("code", "failed", "error"),
    [(0, False, None), (3, False, "cam-02 is missing"), (1, True, "cam-02 is missing")],
)
async def test_the_exit_code_decides(code: int, error: str | None, *, failed: bool) -> None:
    result, kept = await run(ending(code))
    assert (result.failed, result.error) == (failed, error)
    assert (kept[0].done_bytes, kept[0].total_bytes) == (5, 10)
    if not failed:
        assert result.folder == UUID


async def test_a_child_that_dies_says_why() -> None:
    result, _ = await run("raise RuntimeError('out of memory')")
    assert result == JobResult(failed=True, error="RuntimeError: out of memory")
    result, _ = await run("import os; os.kill(os.getpid(), 9)")
    assert result.failed
    assert result.error == "The worker ended with -9."


async def test_a_program_that_is_not_there_is_a_failure() -> None:
    result = await run_child(["/nonexistent/program"], Job(UUID), lambda _job: None)
    assert result.failed
    assert "could not be started" in (result.error or "")


async def test_a_child_that_chatters_on_its_error_output_never_blocks() -> None:
    result, _ = await run(
        "sys.stderr.write('x' * 80 + '\\n')\n" * 3
        + "[sys.stderr.write('line\\n') for _ in range(50_000)]"
    )
    assert not result.failed


@pytest.mark.usefixtures("logging_as_it_was")
async def test_what_a_child_logs_becomes_lines_of_ours() -> None:
    records: list[dict[str, object]] = []
    log_to_parent = "from ctlr.postprocess.run.worker import log_to_parent; log_to_parent('n')"
    speak = "import structlog; structlog.get_logger('splice').warning('odd segment', size=3)"
    configure_logging("n", "serve", publish=records.append, stream=io.StringIO())
    command = [sys.executable, "-c", f"{log_to_parent}; {speak}"]
    result = await run_child(command, Job(UUID), lambda _job: None)
    assert not result.failed
    del records[0]["ts"]
    assert records == [
        {"node": "n", "level": "WARN", "component": "splice", "message": "odd segment", "size": 3}
    ]


async def appears(path: Path) -> None:
    async with asyncio.timeout(20):
        while not path.exists():  # noqa: ASYNC110 - made by another process
            await asyncio.sleep(0.01)


def noting(path: Path) -> str:
    """Say that the program has begun."""
    return f"open({str(path)!r}, 'w').close()\n"


async def test_one_that_follows_is_told_to_finish(tmp_path: Path) -> None:
    finish, up = asyncio.Event(), tmp_path / "up"
    program = noting(up) + "assert sys.stdin.readline() == 'finish\\n'"
    running = asyncio.create_task(run(program, finish))
    await appears(up)
    assert not running.done()
    finish.set()
    result, _ = await running
    assert not result.failed


async def test_cancelled_it_ends_the_child(tmp_path: Path) -> None:
    up = tmp_path / "up"
    running = asyncio.create_task(run(noting(up) + "import time; time.sleep(600)"))
    await appears(up)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running  # which waits for the child's end


async def test_one_that_says_nothing_while_at_work_has_failed() -> None:
    """PP12: it hangs, or its drive does."""
    command = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
    result = await run_child(command, Job(UUID), lambda _job: None, stall_s=0.5)
    assert result.failed
    assert "no progress" in (result.error or "")


async def test_one_that_follows_may_be_silent_until_it_is_told_to_finish() -> None:
    command = [sys.executable, "-S", "-c", f"import sys\nsys.stdin.readline()\n{ending(0)}"]
    finish = asyncio.Event()
    running = asyncio.create_task(run_child(command, Job(UUID), lambda _job: None, finish, 5.0))
    await asyncio.sleep(0)
    silent = asyncio.create_task(
        run_child(command, Job(UUID), lambda _job: None, asyncio.Event(), 0.05)
    )
    finish.set()
    assert not (await running).failed
    assert not silent.done()
    silent.cancel()
    with pytest.raises(asyncio.CancelledError):
        await silent


@pytest.mark.parametrize("line", ["no json", "[]", "7", ""])
async def test_a_line_that_makes_no_sense_is_skipped(line: str) -> None:
    result, _ = await run(f"print({line!r})\n{ending(0)}")
    assert (result.failed, result.folder) == (False, UUID)


def test_a_worker_is_nice_and_dies_with_its_parent() -> None:
    """The middle process starts a worker and is killed; the worker ends at once."""
    worker = (
        "import os, sys, signal; from ctlr.postprocess.run.worker import become_background;"
        "become_background(int(sys.argv[1]));"
        "print(os.nice(0), open('/proc/self/oom_score_adj').read(), flush=True);"
        "signal.pause()"
    )
    middle = (
        "import os, subprocess, sys, signal;"
        f"subprocess.Popen([sys.executable, '-c', {worker!r}, str(os.getpid())]); signal.pause()"
    )
    parent = subprocess.Popen([sys.executable, "-c", middle], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    nice, first_to_go = parent.stdout.readline().split()
    assert int(nice) >= 10
    assert int(first_to_go) == 500
    parent.kill()
    parent.wait(10)
    assert parent.stdout.read().strip() == ""  # the pipe closes only when the worker has ended, too
    parent.stdout.close()
