"""Time, preflight, pushed status and marks of a running controller."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.fakes.camera_node import CameraNode
from tests.fakes.controller import Controller, running, settings_in, until

from ctlr.api.feed import USUAL
from ctlr.sessions.reading import read_session
from ctlr.simulator import phone_clock

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"


@pytest.fixture
async def node() -> AsyncIterator[CameraNode]:
    async with CameraNode("cam-01", ours=True) as node:
        yield node


@pytest.fixture
async def controller(tmp_path: Path, node: CameraNode) -> AsyncIterator[Controller]:
    async with running(settings_in(tmp_path, [node.address])) as controller:
        await controller.until_connected("cam-01")
        yield controller


async def test_time_lies_between_question_and_answer(controller: Controller) -> None:
    before_ms = time.time_ns() // 1_000_000
    answer = (await controller.get("/api/time")).expect()
    assert before_ms <= answer["t1"] <= answer["t2"] <= time.time_ns() // 1_000_000


async def test_a_phone_measures_its_clock_before_during_and_after_a_session(
    controller: Controller,
) -> None:
    ahead = await phone_clock.measure(controller.url, ahead_ms=4000)
    assert abs(ahead.offset_ms - 4000) <= ahead.uncertainty_ms + 0.1
    assert await phone_clock.tell(controller.url, ahead)
    checks = (await controller.get("/api/preflight")).expect()["checks"]
    assert checks["phone clock"]["ok"] is False
    started = (await controller.start(UUID)).expect()
    assert "phone_clock" in [warning["code"] for warning in started["warnings"]]

    during = {"offset_ms": 4001.5, "uncertainty_ms": 2}
    kept = (await controller.post("/api/time", json=during)).expect()
    assert kept["uuid"] == UUID
    (await controller.stop(UUID)).expect()
    after = {"offset_ms": 4002.5, "uncertainty_ms": 3, "uuid": UUID.upper()}
    assert (await controller.post("/api/time", json=after)).expect()["uuid"] == UUID

    facts = read_session(controller.settings.database.path, UUID)
    assert facts is not None
    samples = facts.clocks["phone"]
    offsets = [sample.offset_ms for sample in samples]
    assert offsets == [pytest.approx(ahead.offset_ms), 4001.5, 4002.5]
    assert {sample.method for sample in samples} == {"phone"}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"offset_ms": 1},
        {"offset_ms": 1, "uncertainty_ms": -1},
        {"offset_ms": 1e300, "uncertainty_ms": 1},
        {"offset_ms": "soon", "uncertainty_ms": 1},
        {"offset_ms": 1, "uncertainty_ms": False},
    ],
)
async def test_a_phone_clock_that_makes_no_sense(
    controller: Controller, body: dict[str, object]
) -> None:
    refused = await controller.post("/api/time", json=body)
    refused.expect_problem(422, "invalid_request")
    good = {"offset_ms": 1, "uncertainty_ms": 1}
    unknown = await controller.post("/api/time", json=good | {"uuid": UUID})
    unknown.expect_problem(404, "unknown_session")
    odd = await controller.post("/api/time", json=good | {"uuid": "../x"})
    odd.expect_problem(422, "invalid_uuid")
    assert (await controller.post("/api/time", json=good)).expect()["uuid"] is None


async def test_preflight_names_what_would_spoil_the_session(
    controller: Controller, node: CameraNode
) -> None:
    now_ms = time.time_ns() // 1_000_000
    good = (await controller.get(f"/api/preflight?client_time_ms={now_ms}")).expect()
    assert good["ready"] is True
    assert next(iter(good["checks"])) == "controller clock"
    names = {"controller clock", "cam-01", "cam-01 clock", "logging", "sync", "phone clock"}
    assert names == set(good["checks"])
    await node.power_off()
    bad = (await controller.get(f"/api/preflight?client_time_ms={now_ms + 60_000}")).expect()
    assert bad["ready"] is False
    assert bad["checks"]["phone clock"]["ok"] is False
    assert bad["checks"]["cam-01"]["ok"] is False
    assert bad["checks"]["logging"]["ok"] is True


async def read_events(
    response: aiohttp.ClientResponse, seen: list[tuple[float, dict[str, Any]]]
) -> None:
    """What is told of the status, and when."""
    async for name, data in events_of(response):
        if name == "status":
            seen += [(time.monotonic(), data)]


async def events_of(response: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, Any]]:
    """Each event by its name."""
    event = ""
    async for line in response.content:
        name, _, value = line.strip().partition(b": ")
        if name == b"event":
            event = value.decode()
        elif name == b"data":
            yield event, json.loads(value)


async def test_changes_are_pushed_but_not_too_often(controller: Controller) -> None:
    seen: list[tuple[float, dict[str, Any]]] = []
    async with controller.http.get(f"{controller.url}/api/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        reading = asyncio.create_task(read_events(response, seen))
        (await controller.start(UUID)).expect()

        async def recording_seen() -> bool:
            return any(status["recording"] and status["uuid"] == UUID for _, status in seen)

        await until(recording_seen)
        for _ in range(30):
            (
                await controller.post("/api/sync/report", json={"camera": "cam-01", "status": "ok"})
            ).expect()
        (await controller.stop(UUID)).expect()

        async def stop_seen() -> bool:
            return not seen[-1][1]["recording"]

        await until(stop_seen)
        reading.cancel()
    assert seen[0][1]["recording"] is False
    assert len(seen) <= 2 + (seen[-1][0] - seen[0][0]) * 5  # at most five a second


async def test_a_page_is_told_the_time_though_nothing_happens(controller: Controller) -> None:
    async with controller.http.get(f"{controller.url}/api/events") as response:
        ticks = []
        async for name, data in events_of(response):
            if name == "tick":
                ticks.append(data["now_ms"])
                if len(ticks) == 3:
                    break
    assert ticks[0] < ticks[1] < ticks[2]
    assert abs(ticks[2] - time.time_ns() // 1_000_000) < 60_000


async def test_two_phones_are_told_the_same_and_who_pressed(controller: Controller) -> None:
    url = f"{controller.url}/api/events"
    async with controller.http.get(url) as one, controller.http.get(url) as other:
        (await controller.post(f"/api/record/start?uuid={UUID}&by=Kim%27s%20phone")).expect()
        (await controller.post("/api/record/start", json={"uuid": UUID})).expect()  # a repetition
        (await controller.stop(UUID)).expect()
        last = []
        for response in (one, other):
            async for name, data in events_of(response):
                if name == "status" and data["stopped"]:
                    last.append((data["started"], data["stopped"]))
                    break
    assert last[0] == last[1]
    started, stopped = last[0]
    assert (started["uuid"], started["by"]) == (UUID, "Kim's phone")
    assert (stopped["uuid"], stopped["by"]) == (UUID, "127.0.0.1")
    assert stopped["at"] >= started["at"] - 3000


async def test_the_oldest_of_too_many_pages_is_told_that_it_gives_way(
    controller: Controller,
) -> None:
    async with AsyncExitStack() as stack:
        pages = [
            await stack.enter_async_context(controller.http.get(f"{controller.url}/api/events"))
            for _ in range(USUAL.of_one + 1)
        ]
        told = [name async for name, _ in events_of(pages[0])]  # until it ends
        assert told[-1] == "replaced"
        assert await anext(events_of(pages[1]))


async def test_a_page_that_does_not_read_is_let_go_of_when_others_come(
    controller: Controller,
) -> None:
    """Its connection is full, so it cannot even be told."""
    api = controller.settings.api
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        deaf.connect((api.host, api.port))
        deaf.sendall(b"GET /api/events HTTP/1.1\r\nHost: x\r\n\r\n")
        async with AsyncExitStack() as stack:
            url = f"{controller.url}/api/events"
            for _ in range(USUAL.of_one):
                page = await stack.enter_async_context(controller.http.get(url))
            assert (await anext(events_of(page)))[0] == "status"
        assert (await controller.status())["recording"] is False


async def test_what_a_camera_says_of_itself_is_in_the_status(
    controller: Controller, node: CameraNode
) -> None:
    node.status_changes = {
        "frames": 300,
        "dropped": 2,
        "minutes_left": 61.5,
        "throttled": "throttled since boot",
        "starts_in_ms": 0,
        "bitrate_kbps": 6000,
    }

    async def said() -> bool:
        camera = await controller.camera("cam-01")
        return node.status_changes.items() <= camera.items()

    await until(said)
    report = {"camera": "cam-01", "status": "ok"}
    (await controller.post("/api/sync/report", json=report)).expect()
    assert (await controller.camera("cam-01"))["last_sync"]


async def test_marks_are_kept_with_the_session(controller: Controller) -> None:
    refused = await controller.post("/api/sessions/current/marks", json={"label": "too early"})
    refused.expect_problem(409, "not_recording")
    start_at = (await controller.start(UUID)).expect()["start_at"]
    marked = await controller.post(
        "/api/sessions/current/marks", json={"label": "lap 1", "at_ms": start_at}
    )
    assert marked.expect() == {"ok": True, "uuid": UUID, "at_ms": start_at, "label": "lap 1"}
    outside = {"at_ms": start_at - 1}
    (await controller.post("/api/sessions/current/marks", json=outside)).expect_problem(
        422, "invalid_request"
    )

    async def begun() -> bool:
        return bool(time.time_ns() // 1_000_000 >= start_at)

    await until(begun)
    unlabelled = (await controller.post("/api/sessions/current/marks")).expect()
    (await controller.stop(UUID)).expect()
    assert (await controller.session(UUID))["marks"] == [
        {"at_ms": start_at, "label": "lap 1"},
        {"at_ms": unlabelled["at_ms"], "label": None},
    ]


async def test_a_forgotten_recording_ends_by_itself(tmp_path: Path, node: CameraNode) -> None:
    settings = settings_in(tmp_path, [node.address], max_session_h=2 / 3600)
    async with running(settings) as controller:
        await controller.until_connected("cam-01")
        (await controller.start(UUID)).expect()

        async def has_ended() -> bool:  # "recording" is false from the beginning of a stop
            return (await controller.status())["uuid"] is None

        await until(has_ended)
        found = await controller.session(UUID)
        assert node.recording is None
        assert found["stopped_at"] is not None
        assert "ended_by_itself" in [problem["code"] for problem in found["problems"]]
