"""The controller is killed in the middle: the cameras go on, and the next start carries on."""

import asyncio
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tests.fakes.camera_node import COMMANDS, CameraNode, Fault, Recording
from tests.fakes.controller import Controller, process, running, settings_in, until
from tests.unit.postprocess.mp4 import Film, plain

from ctlr.config.sections import IngestSettings
from ctlr.simulator.child import Child
from ctlr.simulator.places import to_toml

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
OTHER = "11111111-2222-4333-8444-555555555555"


class Rig:
    """A controller process with an installed camera, one of ours, and one to be disturbed."""

    def __init__(self, child: Child, controller: Controller, nodes: list[CameraNode]) -> None:
        self.child = child
        self.controller = controller
        self.nodes = nodes
        self.disturbed = nodes[-1]

    async def kill(self) -> None:
        os.kill(self.child.pid, signal.SIGKILL)
        await self.child.kill()


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    names = {"cam-01": False, "cam-02": True, "cam-03": False}
    async with AsyncExitStack() as stack:
        nodes = [
            await stack.enter_async_context(CameraNode(name, ours=ours))
            for name, ours in names.items()
        ]
        settings = settings_in(tmp_path, [node.address for node in nodes])
        child, controller = await stack.enter_async_context(process(settings))
        await controller.until_connected(*names)
        yield Rig(child, controller, nodes)


async def all_asked(nodes: list[CameraNode], path: str) -> bool:
    return all(node.asked[path] for node in nodes)


async def test_a_recording_survives_the_controller(rig: Rig) -> None:
    first = (await rig.controller.start(UUID)).expect()
    await rig.kill()
    assert all(node.recording for node in rig.nodes)

    await rig.disturbed.power_off()  # it comes back idle: its recording has a hole
    await rig.disturbed.power_on()
    await rig.child.start()
    status = await rig.controller.status()
    assert (status["recording"], status["uuid"]) == (True, UUID)
    assert (await rig.controller.start(UUID)).expect() == first

    async def starts_again() -> bool:
        problems = (await rig.controller.session(UUID))["problems"]
        return {"controller_away", "node_restarted"} <= {problem["code"] for problem in problems}

    await until(starts_again)
    assert [start.uuid for start in rig.disturbed.starts] == [UUID, UUID]
    assert [len(node.starts) for node in rig.nodes[:-1]] == [1, 1]

    stop = (await rig.controller.stop()).expect()
    assert (stop["uuid"], stop["errors"]) == (UUID, None)
    assert [node.stops for node in rig.nodes] == [1, 1, 1]


async def test_a_stop_that_was_accepted_reaches_the_camera_in_the_end(rig: Rig) -> None:
    (await rig.controller.start(UUID)).expect()
    rig.disturbed.fault, rig.disturbed.faulty = Fault.HANGS, COMMANDS
    stop = (await rig.controller.stop()).expect()
    assert len(stop["errors"]) == 1
    await rig.kill()
    assert rig.disturbed.recording is not None
    rig.disturbed.fault = None
    await rig.child.start()

    async def stopped() -> bool:
        return rig.disturbed.recording is None

    await until(stopped)
    assert (await rig.controller.stop(UUID)).expect() == stop


async def test_killed_between_the_tap_and_the_answer(rig: Rig) -> None:
    for node in rig.nodes:
        node.fault, node.faulty = Fault.HANGS, COMMANDS
    asking = asyncio.create_task(rig.controller.start(UUID))
    await until(lambda: all_asked(rig.nodes, "/record/start"))
    await rig.kill()
    await asyncio.gather(asking, return_exceptions=True)
    for node in rig.nodes:
        node.fault = None
    await rig.child.start()
    assert (await rig.controller.status())["uuid"] == UUID

    async def all_record() -> bool:
        return all(node.recording for node in rig.nodes)

    await until(all_record)
    (await rig.controller.stop(UUID)).expect()


async def test_killed_in_the_middle_of_a_stop(rig: Rig) -> None:
    (await rig.controller.start(UUID)).expect()
    rig.disturbed.fault, rig.disturbed.faulty = Fault.HANGS, COMMANDS
    asking = asyncio.create_task(rig.controller.stop(UUID))
    await until(lambda: all_asked(rig.nodes, "/record/stop"))
    await rig.kill()
    await asyncio.gather(asking, return_exceptions=True)
    rig.disturbed.fault = None
    await rig.child.start()
    status = await rig.controller.status()
    assert (status["recording"], status["uuid"]) == (False, None)

    async def all_have_stopped() -> bool:
        return (await rig.controller.stop(UUID)).expect()["errors"] is None

    await until(all_have_stopped)
    assert not any(node.recording for node in rig.nodes)


async def test_a_session_that_nobody_knows_is_adopted(tmp_path: Path) -> None:
    async with CameraNode("cam-01", ours=True) as node, CameraNode("cam-02") as other:
        node.recording = Recording(UUID, 1_776_313_714_000)
        settings = settings_in(tmp_path, [node.address, other.address])
        async with running(settings) as controller:

            async def adopted() -> bool:
                return bool((await controller.status())["uuid"] == UUID)

            await until(adopted)
            (await controller.start(OTHER)).expect_problem(409, "already_recording")
            answer = (await controller.start(UUID)).expect()
            assert answer["start_at"] == 1_776_313_714_000

            async def other_joined() -> bool:
                return other.recording is not None

            await until(other_joined)
            assert (node.stops, node.starts) == (0, [])
            assert (await controller.stop(UUID)).expect()["errors"] is None
            assert node.stops == 1


def serve(config: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "ctlr", "--config", str(config), "serve"],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1]


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    database = tmp_path / "ctlr.db"
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA user_version=999")
    connection.close()
    config = tmp_path / "ctlr.toml"
    config.write_text(f'[database]\npath = "{database}"\n[mqtt]\nspool = "{tmp_path}/spool.db"\n')
    done = serve(config)
    assert done.returncode == 1
    assert "version 999" in last_line(done.stderr)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "environment", "key"),
    [
        ("start_dealy_ms = 1", {}, "start_dealy_ms"),
        ("[api]\nprot = 1", {}, "api.prot"),
        ('[api]\nport = "web"', {}, "api.port"),
        ("", {"CTLR_API__PORT": "web"}, "api.port"),
        ("", {"CTLR_APY__PORT": "1"}, "CTLR_APY__PORT"),
        ("", {"CTLR_API__PROT": "1"}, "api.prot"),
        ('nodes = ["phone:80"]', {}, "nodes"),
        ("not toml", {}, "ctlr.toml"),
    ],
)
def test_a_wrong_key_is_one_line_and_exit_code_2(
    tmp_path: Path, text: str, environment: dict[str, str], key: str
) -> None:
    config = tmp_path / "ctlr.toml"
    config.write_text(text)
    done = serve(config, **environment)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert key in done.stderr


def test_a_missing_configuration_file_is_exit_code_2(tmp_path: Path) -> None:
    done = serve(tmp_path / "absent.toml")
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (2, 1)
    assert "absent.toml" in done.stderr


def test_a_port_in_use_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    (tmp_path / "ctlr.toml").write_text(
        to_toml(settings.model_dump(mode="json", exclude_none=True))
    )
    with socket.create_server((settings.api.host, settings.api.port)):
        done = serve(tmp_path / "ctlr.toml")
    assert done.returncode == 1
    assert str(settings.api.port) in last_line(done.stderr)


def test_a_second_controller_on_the_same_database_is_refused(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)

    async def story() -> "subprocess.CompletedProcess[str]":
        async with process(settings):
            return await asyncio.to_thread(serve, tmp_path / "ctlr.toml")

    done = asyncio.run(story())
    assert done.returncode == 1
    assert "another controller runs" in last_line(done.stderr)


async def test_an_installed_cameras_report_that_nobody_heard_is_not_waited_for(
    tmp_path: Path,
) -> None:
    """It says once that all is delivered, while the controller is away; then only its status does."""
    async with CameraNode("cam-01") as node:
        patient = IngestSettings(quiet_s=0.5, give_up_s=3600)
        settings = settings_in(tmp_path, [node.address], ingest=patient)
        async with process(settings) as (child, controller):
            await controller.until_connected("cam-01")
            node.status_changes = {"sync": {"status": "syncing", "segments_queued": 1}}
            (await controller.start(UUID)).expect()
            (await controller.stop()).expect()
            os.kill(child.pid, signal.SIGKILL)
            await child.kill()
            (controller.folder("cam-01", UUID) / "seg_0000.mp4").write_bytes(plain(Film()))
            await child.start()

            async def is_waited_for() -> bool:
                return "on their way from cam-01" in (await controller.session(UUID))["why"]

            await until(is_waited_for)
            node.status_changes = {}

            async def is_done() -> bool:
                session = await controller.session(UUID)
                return bool(session["state"] == "done" and session["why"] is None)

            await until(is_done)
