"""What clients mean though they spell it otherwise: it is done, or refused, and never another."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.fakes.camera_node import CameraNode
from tests.fakes.controller import Controller, running, settings_in

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
OTHER = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
async def controller(tmp_path: Path) -> AsyncIterator[Controller]:
    async with (
        CameraNode("cam-01") as camera,
        running(settings_in(tmp_path, [camera.address])) as started,
    ):
        yield started


async def recorded(controller: Controller) -> str | None:
    uuid: str | None = (await controller.get("/api/status")).expect()["uuid"]
    return uuid


@pytest.mark.parametrize(
    ("query", "body"),
    [
        (f"?uuid={UUID}", None),
        (f"/?uuid={UUID}", None),
        (f"?UUID={UUID.upper()}", None),
        (f"?Uuid={UUID}&x=1", None),
        ("", f'{{"uuid":"{UUID}"}}'),
        ("", f'{{"UUID":"{UUID}","device":"{OTHER}"}}'),
        ("", f"uuid={UUID}&x=1"),
        ("", f'"{UUID}"'),
        ("", UUID),
        (f"?uuid={UUID}", f'{{"uuid":"{UUID.upper()}"}}'),
        (f"?uuid={UUID}", f'{{"device":"{OTHER}"}}'),
    ],
)
async def test_the_session_that_is_meant_is_started(
    controller: Controller, query: str, body: str | None
) -> None:
    answer = (await controller.post(f"/api/record/start{query}", data=body)).expect()
    assert answer["uuid"] == UUID
    assert await recorded(controller) == UUID
    assert (await controller.post(f"/api/record/stop{query}", data=body)).expect()["uuid"] == UUID


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("?uuid=", None),
        (f"?uuid={UUID}&uuid={OTHER}", None),
        (f"?uuid={UUID}&UUID={OTHER}", None),
        (f"?uuid={UUID}", f'{{"uuid":"{OTHER}"}}'),
        (f"?session={UUID}", None),
        (f"?{UUID}", None),
        ("", f'{{"session":"{UUID}"}}'),
        ("", f'{{"recording":{{"uuid":"{UUID}"}}}}'),
        ("", f'["{UUID}"]'),
        ("", '{"uuid":7}'),
        ("", '{"uuid":"abc"}'),
        ("", f'--B\r\nContent-Disposition: form-data; name="uuid"\r\n\r\n{UUID}\r\n--B--\r\n'),
    ],
)
async def test_a_session_that_is_not_named_clearly_is_refused(
    controller: Controller, query: str, body: str | None
) -> None:
    for command in ("start", "stop"):
        answer = await controller.post(f"/api/record/{command}{query}", data=body)
        answer.expect_problem(422, "invalid_uuid")
    assert await recorded(controller) is None


@pytest.mark.parametrize("body", [None, "", "{}", "null", '{"uuid":null}', "[" * 20_000, "%%%"])
async def test_without_an_id_the_controller_makes_one(
    controller: Controller, body: str | None
) -> None:
    uuid = (await controller.post("/api/record/start", data=body)).expect()["uuid"]
    assert await recorded(controller) == uuid
    assert (await controller.post("/api/record/stop", data=body)).expect()["uuid"] == uuid


async def test_a_slash_at_the_end_is_left_out(controller: Controller) -> None:
    for path in ("/health/", "/api/status/", "/api/sessions//", "/api/sessions/?LIMIT=1"):
        (await controller.get(path)).expect()
    form = aiohttp.FormData()
    form.add_field("uuid", UUID)
    form.add_field("files", b"time,x\n1,2\n" * 10_000, filename="a.csv")
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{controller.url}/api/sync/phone/", data=form, allow_redirects=False) as answer,
    ):
        assert answer.status == 200
        assert (await answer.json())["files"] == ["a.csv"]


@pytest.mark.parametrize(
    "path",
    [
        *("/health", "/api/status", "/api/sessions", "/api/sync/status", "/api/storage/status"),
        *("/api/time", "/api/preflight", "/metrics", "/api/events", "/openapi.json", "/api/nodes"),
        *("/api/nothing", f"/api/sessions/{UUID}"),
    ],
)
async def test_head_answers_with_the_headers_of_get(controller: Controller, path: str) -> None:
    async with aiohttp.ClientSession() as http:
        async with asyncio.timeout(10), http.head(controller.url + path) as head:
            assert await head.read() == b""
        async with http.get(controller.url + path) as get:
            assert (head.status, head.content_type) == (get.status, get.content_type)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/storage/unmount?volume=logging", None),
        ("/api/storage/unmount", '{"mount":"logging"}'),
        ("/api/storage/remount?mounts=sync", None),
        ("/api/storage/eject?safe=true", None),
        ("/api/storage/eject", '{"when":"safe"}'),
        ("/api/storage/mount?mount=sync", None),
    ],
)
async def test_a_choice_that_is_not_seen_is_refused(
    controller: Controller, path: str, body: str | None
) -> None:
    (await controller.post(path, data=body)).expect_problem(422, "invalid_request")


async def test_an_idle_connection_outlives_a_client_that_asks_every_five_seconds(
    controller: Controller,
) -> None:
    """The server's own default is 5 s: what is sent then meets the end of the connection."""
    host, _, port = controller.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    request = b'POST /api/log HTTP/1.1\r\nHost: x\r\nContent-Length: 16\r\n\r\n{"message":"hi"}'
    for pause_s in (0, 5.5):
        await asyncio.sleep(pause_s)
        writer.write(request)
        answer = await reader.readuntil(b'{"ok":true}')
        assert answer.startswith(b"HTTP/1.1 200")
    writer.close()


async def test_what_a_share_sheet_adds_is_named_in_the_answer(controller: Controller) -> None:
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("uuid", UUID)
    for name, data in {".DS_Store": b"x", "gps 10:30.csv": b"1"}.items():
        form.add_field("files", data, filename=name)
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{controller.url}/api/sync/phone", data=form) as answer,
    ):
        said: dict[str, Any] = await answer.json()
    assert said["files"] == ["gps 10_30.csv"]
    assert said["renamed"] == [{"sent": "gps 10:30.csv", "stored": "gps 10_30.csv"}]
    assert [entry["name"] for entry in said["ignored"]] == [".DS_Store"]
