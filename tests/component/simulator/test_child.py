"""A child with small real programs in place of a node."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from ctlr.kernel.process import run
from ctlr.simulator.child import Child, RigError
from ctlr.simulator.daemons import find_program

WAITING = "import time; print('up', flush=True); time.sleep(60)"


def python(tmp_path: Path, program: str) -> Child:
    """A child that counts as up as soon as its log says ``up``."""
    log = tmp_path / "child.log"

    async def answers() -> bool:
        return log.exists() and "up" in log.read_text()

    return Child("cam-1", [sys.executable, "-c", program], log, answers)


def is_alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


async def wait_for_end(pid: int) -> None:
    """Of a process that is not our child: a signal was sent, the kernel ends it soon."""
    async with asyncio.timeout(5):
        while is_alive(pid):  # noqa: ASYNC110 - no event tells of a stranger's end
            await asyncio.sleep(0.01)


async def test_it_starts_answers_and_stops(tmp_path: Path) -> None:
    child = python(tmp_path, WAITING)
    await child.start()
    assert child.is_running
    assert await child.stop() == -signal.SIGTERM
    assert not child.is_running


async def test_a_child_that_dies_at_start_shows_its_last_words(tmp_path: Path) -> None:
    child = python(tmp_path, "raise SystemExit('no such camera')")
    with pytest.raises(RigError, match=r"cam-1 ended with code 1(?s:.*)no such camera"):
        await child.start()


async def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    child = Child("cam-1", ["/nonexistent/ctlr"], tmp_path / "log", lambda: asyncio.sleep(0, False))
    with pytest.raises(RigError, match="cam-1 cannot be started"):
        await child.start()


async def test_a_frozen_child_is_stopped_all_the_same(tmp_path: Path) -> None:
    child = python(tmp_path, WAITING)
    await child.start()
    child.pause()
    assert await child.stop() == -signal.SIGTERM


async def test_kill_ends_what_the_child_started_too(tmp_path: Path) -> None:
    program = (
        "import subprocess, time\n"
        "print(subprocess.Popen(['sleep', '60']).pid, flush=True); print('up', flush=True)\n"
        "time.sleep(60)"
    )
    child = python(tmp_path, program)
    await child.start()
    grandchild = int(child.log.read_text().split()[0])
    await child.kill()
    assert not is_alive(child.pid)
    await wait_for_end(grandchild)


async def test_it_can_be_started_again_after_a_kill(tmp_path: Path) -> None:
    child = python(tmp_path, WAITING)
    await child.start()
    first = child.pid
    await child.kill()
    await child.start()
    assert child.pid != first
    await child.stop()


async def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    """A rig in a process of its own is killed; its child must not outlive it."""
    pid_file = tmp_path / "pid"
    program = (
        "import asyncio, os, signal, pathlib\n"
        "from ctlr.simulator.child import Child\n"
        "async def main():\n"
        f"    child = Child('x', ['sleep', '60'], pathlib.Path({str(tmp_path / 'log')!r}),\n"
        "                  lambda: asyncio.sleep(0, True))\n"
        "    await child.start()\n"
        f"    pathlib.Path({str(pid_file)!r}).write_text(str(child.pid))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())"
    )
    finished = await run([sys.executable, "-c", program], deadline_s=20)
    assert finished.returncode == -signal.SIGKILL
    await wait_for_end(int(pid_file.read_text()))


def test_a_missing_program_names_its_package() -> None:
    with pytest.raises(RigError, match="apt-get install mosquitto"):
        find_program("mosquitto-that-is-missing", "mosquitto")
