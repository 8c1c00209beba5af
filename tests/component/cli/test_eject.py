"""``ctlr eject`` by a person and by a script: who is asked what, and what becomes of the drive.

The session lacks what its camera has not delivered, for as long as the test wants that.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.component.cli.terminal import CTRL_C, Terminal, on_a_terminal
from tests.component.cli.test_controller_verbs import ctlr
from tests.fakes.camera_node import CameraNode
from tests.fakes.controller import Controller, running, settings_in, until

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
LACKS = "Session 3f2b8c1e (lap 1) is not on the drive: its files are still coming in."
QUESTION = "Wait for what is under way, eject now, or leave the drive in? [w/e/l]"


@pytest.fixture
async def controller(tmp_path: Path) -> AsyncIterator[Controller]:
    async with (
        CameraNode("cam-01", ours=True) as camera,
        running(settings_in(tmp_path, [camera.address])) as started,
    ):
        await started.until_connected("cam-01")
        yield started


async def phase_of(controller: Controller) -> str:
    return str((await controller.get("/api/storage/status")).expect()["eject"]["phase"])


async def begin(controller: Controller) -> None:
    path, named = "/api/record/start", {"uuid": UUID, "label": "lap 1"}
    (await controller.post(path, params=named)).expect()


async def record(controller: Controller) -> None:
    await begin(controller)

    async def has_begun() -> bool:
        return bool((await controller.status())["duration"] > 0.5)

    async def is_told() -> bool:
        told = (await controller.get("/api/storage/status")).expect()["eject"]["not_on_drive"]
        return bool(told == [LACKS])

    await until(has_begun)
    (await controller.stop()).expect()
    await until(is_told)


async def deliver(controller: Controller) -> None:
    """The camera says that it had nothing to deliver; the wait is over."""
    report = {
        "camera": "cam-01",
        "status": "ok",
        "uuid": UUID,
        "files": 0,
        "remaining": 0,
        "segments_total": 0,
        "complete": True,
    }
    (await controller.post("/api/sync/report", json=report)).expect()


async def asked(terminal: Terminal) -> None:
    await terminal.until(QUESTION)
    assert LACKS in terminal.shown


async def test_who_leaves_the_drive_in_has_changed_nothing(controller: Controller) -> None:
    await record(controller)
    async with on_a_terminal("eject", "--url", controller.url) as terminal:
        await asked(terminal)
        terminal.type("l\n")
        assert await terminal.end() == 1, terminal.shown
        assert terminal.shown.endswith("The drive stays in; nothing was changed.\n")
    assert await phase_of(controller) == "in_use"


async def test_who_ejects_all_the_same_is_told_what_is_not_on_it(controller: Controller) -> None:
    await record(controller)
    async with on_a_terminal("eject", "--url", controller.url) as terminal:
        await asked(terminal)
        terminal.type("yes\n")
        await terminal.until("w, e or l")
        terminal.type("Eject\n")
        assert await terminal.end() == 0, terminal.shown
        assert terminal.shown.endswith(f"Safe to remove drive\nNot on it: {LACKS}\n")
    assert await phase_of(controller) == "ejected"


async def test_who_waits_gets_the_drive_when_all_is_there(controller: Controller) -> None:
    await record(controller)
    async with on_a_terminal("eject", "--url", controller.url) as terminal:
        await asked(terminal)
        terminal.type("\n")
        await terminal.until("The drive is ejected by itself when that has ended.")
        assert await phase_of(controller) == "waiting"
        await deliver(controller)
        assert await terminal.end() == 0, terminal.shown
        assert "Safe to remove drive\n" in terminal.shown
    assert await phase_of(controller) == "ejected"


async def test_who_stops_waiting_is_told_that_the_controller_does_not(
    controller: Controller,
) -> None:
    await record(controller)
    async with on_a_terminal("eject", "--when-safe", "--url", controller.url) as terminal:
        await terminal.until("The drive is ejected by itself when that has ended.")
        terminal.type(CTRL_C)
        assert await terminal.end() == 1, terminal.shown
        assert "The controller goes on waiting, and ejects the drive by itself." in terminal.shown
        assert "Aborted" not in terminal.shown
    assert await phase_of(controller) == "waiting"
    (await controller.post("/api/storage/mount")).expect()
    assert await phase_of(controller) == "in_use"


@pytest.mark.parametrize(("answer", "phase"), [("n\n", "in_use"), ("\n", "waiting")])
async def test_waiting_is_offered_where_work_is_under_way(
    controller: Controller, answer: str, phase: str
) -> None:
    await begin(controller)
    async with on_a_terminal("eject", "--url", controller.url) as terminal:
        await terminal.until("Wait until that has ended, and eject then? [Y/n]")
        assert terminal.shown.startswith("Recording in progress.\n")
        assert QUESTION not in terminal.shown
        terminal.type(answer)
        if phase == "in_use":
            assert await terminal.end() == 1, terminal.shown
        else:
            await terminal.until("The drive is ejected by itself when that has ended.")
        assert await phase_of(controller) == phase
    await controller.post("/api/storage/mount")


async def test_who_said_now_is_not_asked(controller: Controller) -> None:
    await record(controller)
    async with on_a_terminal("eject", "--now", "--url", controller.url) as terminal:
        assert await terminal.end() == 0, terminal.shown
        assert terminal.shown == f"Safe to remove drive\nNot on it: {LACKS}\n"


async def test_a_script_is_asked_nothing(controller: Controller) -> None:
    await begin(controller)
    refused = await without_terminal(controller)
    assert refused == (1, "", "Recording in progress\n")
    (await controller.stop()).expect()
    await deliver(controller)


async def test_a_script_gets_the_drive_and_what_is_not_on_it(controller: Controller) -> None:
    await record(controller)
    said = await without_terminal(controller)
    assert said == (0, f"Safe to remove drive\nNot on it: {LACKS}\n", "")


async def test_now_and_when_safe_are_one_too_many(controller: Controller) -> None:
    both = await ctlr("eject", "--now", "--when-safe", "--url", controller.url)
    assert both.code == 2
    assert await phase_of(controller) == "in_use"


async def without_terminal(controller: Controller) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ctlr", "eject", "--url", controller.url),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()
