"""``ctlr status`` and ``ctlr nodes`` as processes, against a whole controller and against none."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.fakes.camera_node import CameraNode
from tests.fakes.controller import Controller, claim_and_release, running, settings_in, until

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"


@dataclass(frozen=True)
class Printed:
    code: int
    out: str
    err: str


async def ctlr(*arguments: str) -> Printed:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-m", "ctlr", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return Printed(process.returncode, out.decode(), err.decode())


@pytest.fixture
async def camera() -> AsyncIterator[CameraNode]:
    async with CameraNode("cam-01", ours=True) as node:
        yield node


@pytest.fixture
async def controller(tmp_path: Path, camera: CameraNode) -> AsyncIterator[Controller]:
    async with running(settings_in(tmp_path, [camera.address])) as started:
        await started.until_connected("cam-01")
        yield started


async def test_status_while_it_records(controller: Controller, camera: CameraNode) -> None:
    camera.status_changes = {"error": "lens \x1b[31mcovered[/]"}
    (await controller.start(UUID)).expect()
    shown = await ctlr("status", "--url", controller.url)
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.startswith(f"Recording {UUID}, 0:00:0")
    assert "cam-01" in shown.out
    assert "20.5 GiB" in shown.out
    (await controller.stop(UUID)).expect()


async def test_what_a_camera_says_cannot_drive_the_terminal(
    controller: Controller, camera: CameraNode
) -> None:
    camera.status_changes = {"error": "lens \x1b[31mcovered [bold]"}
    async with asyncio.timeout(10):
        while (await controller.camera("cam-01"))["error"] is None:  # noqa: ASYNC110 - a poll
            await asyncio.sleep(0.05)
    shown = await ctlr("status", "--url", controller.url)
    assert "\x1b" not in shown.out
    assert "[31mcovered [bold]" in shown.out


async def test_status_for_programs(controller: Controller) -> None:
    shown = await ctlr("status", "--url", controller.url + "/", "--json")
    status = json.loads(shown.out)
    assert status.keys() == (await controller.status()).keys()
    assert status["ready"] is True


async def test_nodes_are_added_listed_and_removed(controller: Controller) -> None:
    at = ("--url", controller.url)
    async with CameraNode("cam-02") as spare:
        added = await ctlr("nodes", "add", spare.address.address, "--name", "cam-02", *at)
        assert added.code == 0
        assert added.out == (
            f"The rig has cam-02 at {spare.address.address} (adopted); it is idle.\n"
        )
        listed = await ctlr("nodes", "list", *at)
        assert all(word in listed.out for word in ("cam-01", "config", "cam-02", "adopted"))
        assert "Cameras cannot be discovered: it is switched off" in listed.out
        assert (await ctlr("nodes", "remove", "cam-02", *at)).code == 0
    answer = json.loads((await ctlr("nodes", "list", "--json", *at)).out)
    assert [node["name"] for node in answer["configured"]] == ["cam-01"]


async def test_a_refusal_is_one_line_and_exit_code_1(controller: Controller) -> None:
    refused = await ctlr("nodes", "remove", "cam-01", "--url", controller.url)
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.count("\n") == 1
    assert "stands in the configuration file" in refused.err
    odd = await ctlr("nodes", "remove", "../sessions", "--url", controller.url)
    assert odd.code == 1


async def test_no_controller(tmp_path: Path) -> None:
    port = claim_and_release()
    config = tmp_path / "ctlr.toml"
    config.write_text(f"[api]\nport = {port}\n")
    silent = await ctlr("--config", str(config), "status")
    assert (silent.code, silent.out) == (1, "")
    assert silent.err == (
        f"No controller answers at http://127.0.0.1:{port} ([Errno 111] Connection refused). "
        "Is ctlr serve running there? --url or $CTLR_URL names another.\n"
    )


async def test_somebody_else_answers(camera: CameraNode) -> None:
    url = f"http://{camera.address.address}"
    other = await ctlr("nodes", "list", "--url", url)
    assert other.code == 1
    assert "no ctlr controller" in other.err


async def test_bad_usage(controller: Controller) -> None:
    assert (await ctlr("status", "--url", "file:///etc/passwd")).code == 2
    assert (await ctlr("nodes", "add", "cam-02", "--name", "x", "--url", controller.url)).code == 2


async def test_a_rehearsal_of_which_nothing_comes_is_told_and_ends_with_1(
    tmp_path: Path, camera: CameraNode
) -> None:
    soon = {"quiet_s": 0.2, "give_up_s": 0.5}
    async with running(settings_in(tmp_path, [camera.address], ingest=soon)) as controller:
        await controller.until_connected("cam-01")
        shown = await ctlr("record", "rehearse", "--url", controller.url)
        assert (shown.code, shown.err) == (1, "")
        checked, verdict = shown.out.splitlines()
        assert checked.startswith("FAILED  The rehearsal was recorded, but not made")
        assert checked.endswith(verdict)
        assert len(camera.starts) == 1
        answer = json.loads(
            (await ctlr("sessions", "--bin", "--json", "--url", controller.url)).out
        )
        assert [session["label"] for session in answer["sessions"]] == ["Rehearsal"]
        await camera.power_off()

        async def is_away() -> bool:
            return not (await controller.camera("cam-01"))["connected"]

        await until(is_away)
        refused = await ctlr("record", "rehearse", "--url", controller.url)
        assert (refused.code, refused.out) == (1, "")
        assert refused.err.count("\n") == 1
