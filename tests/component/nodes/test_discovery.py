"""Cameras announce themselves by real multicast, on loopback and between two machines."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from structlog.testing import capture_logs
from tests.component.nodes.machines import Machine, next_line, two_machines
from tests.fakes.camera_node import CameraNode
from tests.fakes.controller import running, settings_in, until
from zeroconf.asyncio import AsyncZeroconf

from ctlr import __version__
from ctlr.camera.announce import Announcer
from ctlr.config import NodeAddress
from ctlr.kernel.clock import SystemClock
from ctlr.nodes.announcement import Announced
from ctlr.nodes.discovery import Discovery
from ctlr.nodes.local_network import LocalNetwork

LOOPBACK = "127.0.0.1"
ANNOUNCE = """
import asyncio, sys
import structlog
from ctlr.camera.announce import Announcer
structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
asyncio.run(Announcer(sys.argv[1], sys.argv[2], int(sys.argv[3])).announce_forever())
"""
BROWSE = """
import asyncio, json, sys
import structlog
from ctlr.kernel.clock import SystemClock
from ctlr.nodes.discovery import Discovery
from ctlr.nodes.local_network import LocalNetwork

async def browse():
    discovery = Discovery(sys.argv[1], SystemClock())
    browsing = asyncio.create_task(discovery.browse_forever())
    before = None
    while not browsing.done():
        found = [[camera.name, *camera.addresses] for camera in discovery.announced()
                 if camera.name == "cable-cam"]
        if found != before:
            print(json.dumps(found))
        before = found
        await asyncio.sleep(0.05)

structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
asyncio.run(browse())
"""


@asynccontextmanager
async def looping(loop: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(loop)
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until_seen(discovery: Discovery, name: str) -> Announced:
    """The camera of that name; tests beside this one announce theirs on the same loopback."""

    async def seen() -> bool:
        return name in by_name(discovery)

    await until(seen)
    return by_name(discovery)[name]


def by_name(discovery: Discovery) -> dict[str, Announced]:
    return {camera.name: camera for camera in discovery.announced()}


async def test_a_camera_comes_and_goes() -> None:
    clock = SystemClock()
    discovery = Discovery(LOOPBACK, clock)
    async with looping(discovery.browse_forever()):
        announcer = Announcer("test-cam-come", LOOPBACK, 18080)
        async with looping(announcer.announce_forever()):
            camera = await until_seen(discovery, "test-cam-come")
            assert camera.addresses == (f"{LOOPBACK}:18080",)
            assert (camera.version, camera.api) == (__version__, "1")
            assert clock.now_ms() - 20_000 < camera.seen_at_ms <= clock.now_ms()

        async def gone() -> bool:
            return "test-cam-come" not in by_name(discovery)

        await until(gone)
        assert discovery.error is None


async def test_the_second_camera_of_a_name_is_told() -> None:
    discovery = Discovery(LOOPBACK, SystemClock())
    first = Announcer("test-cam-twice", LOOPBACK, 18081)
    second = Announcer("test-cam-twice", LOOPBACK, 18082)
    with capture_logs() as log:
        async with looping(discovery.browse_forever()), looping(first.announce_forever()):
            await until_seen(discovery, "test-cam-twice")
            async with looping(second.announce_forever()):

                async def told() -> bool:
                    return any("test-cam-twice too" in entry.get("reason", "") for entry in log)

                await until(told)
            assert by_name(discovery)["test-cam-twice"].addresses == (f"{LOOPBACK}:18081",)


async def test_where_there_is_no_such_address_it_is_said_once_and_nothing_breaks() -> None:
    nowhere = "192.0.2.77"  # no machine has this one
    discovery = Discovery(nowhere, SystemClock())
    announcer = Announcer("test-cam-nowhere", nowhere, 18083)
    with capture_logs() as log:
        async with looping(discovery.browse_forever()), looping(announcer.announce_forever()):

            async def said() -> bool:
                return discovery.error is not None and len(log) >= 2

            await until(said)
    assert len([entry for entry in log if "recording is not affected" in entry["event"]]) == 2
    assert discovery.announced() == []


async def test_what_fails_again_and_again_is_said_once() -> None:
    network = LocalNetwork("192.0.2.77", "looking for cameras", retry_s=0.01)

    async def work(_: AsyncZeroconf) -> None:
        raise AssertionError("there is no network to work on")

    async def tried() -> bool:
        return network.failures >= 3

    with capture_logs() as log:
        async with looping(network.run(work)):
            await until(tried)
    assert [entry["log_level"] for entry in log] == ["warning"]


async def test_a_name_that_the_rig_has_elsewhere_is_a_conflict(tmp_path: Path) -> None:
    """The configured camera stays as it is, and the other one cannot take its place."""
    async with CameraNode("test-cam-clash") as stranger:
        configured = NodeAddress(name="test-cam-clash", address="127.0.0.1:1")
        settings = settings_in(tmp_path, [configured], discovery={"enabled": True})
        port = int(stranger.address.address.rpartition(":")[2])
        announcer = Announcer("test-cam-clash", LOOPBACK, port)
        async with running(settings) as controller, looping(announcer.announce_forever()):
            found: list[dict[str, Any]] = []

            async def listed() -> bool:
                nodes = (await controller.get("/api/nodes")).expect()["discovered"]
                found[:] = [node for node in nodes if node["name"] == "test-cam-clash"]
                return bool(found)

            await until(listed)
            assert "has a camera test-cam-clash at 127.0.0.1:1" in found[0]["conflict"]
            refused = await controller.post("/api/nodes", json={"name": "test-cam-clash"})
            refused.expect_problem(409, "configured_in_file")
            nodes = (await controller.get("/api/nodes")).expect()["configured"]
            assert [node["address"] for node in nodes] == ["127.0.0.1:1"]


async def test_between_two_machines() -> None:
    with two_machines() as (controller, camera):
        controller.plug_in()
        camera.plug_in()
        async with _browsing(controller) as browser, _announcing(camera) as announcer:
            assert await next_line(browser) == []
            assert await next_line(browser) == [["cable-cam", f"{camera.address}:8080"]]
            announcer.send_signal(signal.SIGINT)
            assert await next_line(browser) == []


async def test_a_network_that_comes_later_than_both_services_and_grows() -> None:
    with two_machines() as (controller, camera):
        async with _browsing(controller) as browser, _announcing(camera):
            assert await next_line(browser) == []
            controller.plug_in()
            camera.plug_in()
            first = f"{camera.address}:8080"
            assert await next_line(browser, 30) == [["cable-cam", first]]
            if camera.enter:  # the loopback interface of a machine in use is not ours to change
                camera.ip("addr", "add", "10.78.0.2/24", "dev", camera.interface)
                assert await next_line(browser, 30) == [["cable-cam", first, "10.78.0.2:8080"]]


def _everywhere(machine: Machine) -> str:
    return "0.0.0.0" if machine.enter else machine.address


def _browsing(machine: Machine) -> Any:
    return machine.python(BROWSE, _everywhere(machine))


def _announcing(machine: Machine) -> Any:
    return machine.python(ANNOUNCE, "cable-cam", _everywhere(machine), "8080")
