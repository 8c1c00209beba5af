"""The controller keeps one still of each camera for all who look."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.fakes.camera_node import CameraNode
from tests.fakes.controller import Controller, running, settings_in, until

JPEG = b"\xff\xd8\xff\xe0 a picture \xff\xd9"
UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"


@pytest.fixture
async def node() -> AsyncIterator[CameraNode]:
    async with CameraNode("cam-01", ours=True) as node:
        node.still = JPEG
        yield node


@pytest.fixture
async def controller(tmp_path: Path, node: CameraNode) -> AsyncIterator[Controller]:
    async with running(settings_in(tmp_path, [node.address])) as controller:
        await controller.until_connected("cam-01")
        yield controller


async def look(controller: Controller, query: str = "", **headers: str) -> tuple[int, Any, bytes]:
    url = f"{controller.url}/api/nodes/cam-01/preview.jpg{query}"
    async with controller.http.get(url, headers=headers) as answer:
        return answer.status, answer.headers, await answer.read()


async def test_twenty_phones_cost_a_camera_no_more_than_one(
    controller: Controller, node: CameraNode
) -> None:
    node.still_takes_s = 0.2
    began = time.monotonic()
    answers = await asyncio.gather(*(look(controller) for _ in range(20)))
    assert {(status, jpeg) for status, _, jpeg in answers} == {(200, JPEG)}
    assert len({headers["ETag"] for _, headers, _ in answers}) == 1
    assert node.asked["/preview.jpg"] <= 1 + (time.monotonic() - began)
    _, headers, _ = answers[0]
    assert headers["Content-Type"] == "image/jpeg"
    assert abs(int(headers["X-Captured-At-Ms"]) - time.time() * 1000) < 60_000


async def test_when_it_was_taken_is_told_on_the_controllers_clock(
    tmp_path: Path, node: CameraNode
) -> None:
    node.clock_ahead_ms = 3_600_000
    async with running(settings_in(tmp_path, [node.address])) as controller:
        await controller.until_connected("cam-01")
        before_ms = time.time() * 1000
        _, headers, _ = await look(controller)
        # Within what is known of a clock that is an hour ahead.
        assert before_ms - 2000 <= int(headers["X-Captured-At-Ms"]) <= time.time() * 1000 + 2000


async def test_one_who_has_the_newest_is_told_so_and_the_next_is_another(
    controller: Controller,
) -> None:
    _, headers, _ = await look(controller)
    tag = headers["ETag"]
    answer = await look(controller, **{"If-None-Match": tag})
    if answer[0] == 304:  # on a busy machine the second may have passed
        assert answer[2] == b""

    async def is_another() -> bool:
        return (await look(controller, **{"If-None-Match": tag}))[0] == 200

    await until(is_another)


async def test_not_more_than_one_a_second_and_ten_for_who_aims(
    controller: Controller, node: CameraNode
) -> None:
    async def asked_in(seconds: float, query: str) -> tuple[int, float]:
        before, began = node.asked["/preview.jpg"], time.monotonic()
        while time.monotonic() < began + seconds:
            await look(controller, query)
        return node.asked["/preview.jpg"] - before, time.monotonic() - began

    usual, took = await asked_in(2.5, "")
    assert 2 <= usual <= took + 1
    aimed, took = await asked_in(1.5, "?aim=true")
    assert 3 <= aimed <= 10 * took + 1
    (await controller.start(UUID)).expect()
    recording, took = await asked_in(2.5, "?aim=true")
    assert recording <= took / 2 + 1


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"throttled": "under-voltage"}, "slowed down (under-voltage)"),
        ({"state": "recording", "sync": {"segments_queued": 9}}, "lags behind"),
    ],
)
async def test_a_camera_with_troubles_is_not_even_asked(
    controller: Controller, node: CameraNode, said: dict[str, Any], reason: str
) -> None:
    node.status_changes = said

    async def refused() -> bool:
        status, headers, _ = await look(controller)
        return status == 204 and reason in headers["X-Reason"]

    await until(refused)
    asked = node.asked["/preview.jpg"]
    assert (await look(controller))[0] == 204
    assert node.asked["/preview.jpg"] == asked


async def test_why_there_is_none(controller: Controller, node: CameraNode) -> None:
    node.no_still = "the camera has just lost frames"
    status, headers, body = await look(controller)
    assert (status, headers["X-Reason"], body) == (204, node.no_still, b"")
    unknown = await controller.get("/api/nodes/cam-09/preview.jpg")
    unknown.expect_problem(404, "unknown_node")


@pytest.mark.parametrize("still", [None, b"<html>It works</html>", b"\xff\xd8" + b"x" * (2 << 20)])
async def test_a_camera_that_knows_no_stills_is_asked_once(
    controller: Controller, node: CameraNode, still: bytes | None
) -> None:
    node.still = still
    status, headers, _ = await look(controller)
    assert status == 204
    assert headers["X-Reason"]
    if still is None or not still.startswith(b"\xff"):
        assert "gives no pictures" in headers["X-Reason"]
        for _ in range(5):
            assert (await look(controller))[0] == 204
        assert node.asked["/preview.jpg"] == 1


async def test_one_who_leaves_takes_nobody_elses_picture_away(
    controller: Controller, node: CameraNode
) -> None:
    node.still_takes_s = 1.0
    leaving = asyncio.create_task(look(controller))

    async def is_asked() -> bool:
        return node.asked["/preview.jpg"] == 1

    await until(is_asked)
    staying = asyncio.create_task(look(controller))
    leaving.cancel()
    assert (await staying)[::2] == (200, JPEG)
    with pytest.raises((asyncio.CancelledError, aiohttp.ClientError)):
        await leaving
