"""What the broker retains of the recording is what the API says."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.component.telemetry.broker import MOSQUITTO, Broker
from tests.fakes.camera_node import CameraNode
from tests.fakes.controller import Controller, running, settings_in, until

pytestmark = [
    pytest.mark.skipif(not MOSQUITTO, reason="mosquitto is not installed"),
    pytest.mark.usefixtures("logging_as_it_was"),
]
UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path / "broker")
    broker.start()
    yield broker
    broker.kill()


async def retained(broker: Broker) -> dict[str, Any]:
    done = await asyncio.to_thread(
        subprocess.run,
        ["mosquitto_sub", "-p", str(broker.port), "-t", "status/recording", "-C", "1", "-W", "2"],
        capture_output=True,
        check=False,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout) if done.stdout else {}
    return found


async def test_the_retained_topic_follows_the_status(broker: Broker, tmp_path: Path) -> None:
    async def agrees(controller: Controller, *, recording: bool) -> bool:
        said, status = await retained(broker), await controller.status()
        assert status["recording"] is recording
        keys = ("recording", "uuid")
        return [said.get(key, ...) for key in keys] == [status[key] for key in keys]

    async with CameraNode("cam-01") as node:
        settings = settings_in(tmp_path, [node.address], mqtt={"port": broker.port})
        async with running(settings) as controller:
            await until(lambda: agrees(controller, recording=False))
            (await controller.start(UUID)).expect()
            await until(lambda: agrees(controller, recording=True))
            assert (await retained(broker))["uuid"] == UUID
            (await controller.stop()).expect()
            await until(lambda: agrees(controller, recording=False))
            assert (await retained(broker))["duration"] == 0
