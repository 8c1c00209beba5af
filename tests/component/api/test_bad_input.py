"""What a phone, a camera or a person at a prompt may send wrongly: a clear error, nothing lost."""

import asyncio
import io
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.fakes.camera_node import CameraNode
from tests.fakes.controller import Controller, running, settings_in

from ctlr.storage.probe import PROBE_NAME

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
OTHER = "11111111-2222-4333-8444-555555555555"
MALFORMED = [
    "",
    "abc",
    "../../etc/passwd",
    "3f2b8c1e9d4a4c6b8f0e1a2b3c4d5e6f",
    "{3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f}",
    "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6g",
    "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f ",
    "%00",
    "%ff%fe",
    "३f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f",
    "a" * 5000,
]
BAD_NAMES = [
    "../../etc/passwd",
    "watch/../../x",
    "/etc/cron.d/x",
    "a/b/c.csv",
    ".hidden.csv",
    "watch/.hidden.csv",
    "nul\\0byte.csv",
    "n" * 296 + ".csv",
    "watch/",
    "..",
]


@pytest.fixture
async def node() -> AsyncIterator[CameraNode]:
    async with CameraNode("cam-01") as camera:
        yield camera


@pytest.fixture
async def controller(tmp_path: Path, node: CameraNode) -> AsyncIterator[Controller]:
    async with running(settings_in(tmp_path, [node.address])) as started:
        yield started


async def upload(
    controller: Controller, uuid: str, files: dict[str, bytes]
) -> tuple[int, dict[str, Any]]:
    """Files under exactly the names given, which a form library would tidy up."""
    parts = [f'--x\r\nContent-Disposition: form-data; name="uuid"\r\n\r\n{uuid}\r\n'.encode()]
    for name, content in files.items():
        raw = name.replace("\\0", "\0").encode()
        head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="%s"\r\n\r\n' % raw
        parts.append(head + content + b"\r\n")
    answer = await controller.post(
        "/api/sync/phone",
        data=io.BytesIO(b"".join([*parts, b"--x--\r\n"])),
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    assert isinstance(answer.body, dict), answer
    if answer.status >= 400:
        answer.expect_problem(answer.status, answer.body["code"])
    return answer.status, answer.body


def files_below(folder: Path) -> set[str]:
    """Files but the storage probe's, which comes and goes by itself."""
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    return files - {PROBE_NAME}


async def test_a_malformed_uuid_reaches_nothing(controller: Controller, node: CameraNode) -> None:
    for uuid in MALFORMED:
        for command in ("start", "stop"):
            answer = await controller.post(f"/api/record/{command}?uuid={uuid}")
            answer.expect_problem(422, "invalid_uuid")
        if uuid == uuid.strip():  # of a form field, spaces around it are cut off
            status, body = await upload(controller, uuid, {"gps.csv": b"1"})
            assert (status, body["code"]) == (422, "invalid_uuid")
    (await controller.get("/api/sessions/abc")).expect_problem(404, "unknown_session")
    for uuid in MALFORMED[3:]:
        (await controller.get(f"/api/sessions/{uuid}")).expect_problem(422, "invalid_uuid")
        answer = await controller.post(f"/api/sessions/{uuid}/process")
        answer.expect_problem(422, "invalid_uuid")
    assert node.starts == []
    assert (await controller.get("/api/sessions")).expect() == {"sessions": []}
    assert files_below(controller.settings.storage.logging) == set()


async def test_an_upper_case_uuid_is_the_same_session(controller: Controller) -> None:
    first = (await controller.start(UUID.upper())).expect()
    assert first["uuid"] == UUID
    assert (await controller.start(UUID)).expect() == first
    assert (await controller.stop(UUID.upper())).expect()["uuid"] == UUID


async def test_a_start_in_twenty_copies_is_one_session(
    controller: Controller, node: CameraNode
) -> None:
    answers = await asyncio.gather(*(controller.start(UUID) for _ in range(20)))
    bodies = [answer.expect() for answer in answers]
    assert all(body == bodies[0] for body in bodies)
    assert [start.uuid for start in node.starts] == [UUID]
    assert len((await controller.get("/api/sessions")).expect()["sessions"]) == 1


async def test_two_sessions_at_once_are_one(controller: Controller, node: CameraNode) -> None:
    answers = await asyncio.gather(controller.start(UUID), controller.start(OTHER))
    assert sorted(answer.status for answer in answers) == [200, 409]
    refused = next(answer for answer in answers if answer.status == 409)
    won = next(answer for answer in answers if answer.status == 200).expect()["uuid"]
    assert refused.expect_problem(409, "already_recording")["uuid"] == won
    assert len(node.starts) == 1


async def test_another_start_while_recording_changes_nothing(
    controller: Controller, node: CameraNode
) -> None:
    (await controller.start(UUID)).expect()
    (await controller.start(OTHER)).expect_problem(409, "already_recording")
    (await controller.start()).expect_problem(409, "already_recording")
    (await controller.stop(OTHER)).expect_problem(409, "other_session_recording")
    status = await controller.status()
    assert (status["recording"], status["uuid"]) == (True, UUID)
    assert len(node.starts) == 1
    assert node.stops == 0


async def test_a_stop_when_idle_is_refused(controller: Controller) -> None:
    (await controller.stop()).expect_problem(409, "not_recording")
    (await controller.stop(UUID)).expect_problem(409, "not_recording")


async def test_a_repeated_stop_answers_like_the_first(
    controller: Controller, node: CameraNode
) -> None:
    (await controller.start(UUID)).expect()
    first = (await controller.stop(UUID)).expect()
    assert (await controller.stop(UUID)).expect() == first
    (await controller.stop()).expect_problem(409, "not_recording")
    assert node.stops == 1


async def test_a_repeated_stop_is_known_while_another_session_runs(controller: Controller) -> None:
    (await controller.start(UUID)).expect()
    first = (await controller.stop(UUID)).expect()
    (await controller.start(OTHER)).expect()
    assert (await controller.stop(UUID)).expect() == first
    assert (await controller.status())["uuid"] == OTHER


async def test_a_used_uuid_is_not_recorded_twice(controller: Controller) -> None:
    (await controller.start(UUID)).expect()
    (await controller.stop(UUID)).expect()
    (await controller.start(UUID)).expect_problem(409, "uuid_already_used")


@pytest.mark.parametrize("name", BAD_NAMES)
async def test_an_upload_cannot_choose_its_place(controller: Controller, name: str) -> None:
    status, body = await upload(controller, UUID, {"good.csv": b"1", name: b"2"})
    assert (status, body["code"]) == (422, "invalid_filename")
    assert files_below(controller.settings.storage.logging) == set()


async def test_an_upload_needs_a_file_with_a_name(controller: Controller) -> None:
    status, body = await upload(controller, UUID, {})
    assert (status, body["code"]) == (422, "no_files")
    status, body = await upload(controller, UUID, {"": b"1"})
    assert status == 422
    assert body["code"] in {"no_files", "invalid_filename"}
    answer = await controller.post("/api/sync/phone", data=b"no form at all")
    answer.expect_problem(422, "invalid_upload")


async def test_an_upload_over_the_limit_is_refused_whole(controller: Controller) -> None:
    status, body = await upload(controller, UUID, {"big.csv": bytes(2 << 20)})
    assert (status, body["code"]) == (413, "upload_too_large")
    assert files_below(controller.settings.storage.logging) == set()


async def test_an_upload_for_an_unknown_session_is_kept(controller: Controller) -> None:
    status, body = await upload(controller, OTHER, {"gps.csv": b"1", "watch/heart_rate.csv": b"22"})
    assert status == 200
    assert body["files"] == ["gps.csv", "watch/heart_rate.csv"]
    assert [file["size"] for file in body["stored"]] == [1, 2]
    assert (await controller.session(OTHER))["uuid"] == OTHER
    below = files_below(controller.settings.storage.logging)
    assert any(path.endswith(f"{OTHER}/gps.csv") for path in below)
    assert any(path.endswith("heart_rate.csv") for path in below)


async def test_an_upload_during_recording_is_kept_and_waits(controller: Controller) -> None:
    (await controller.start(UUID)).expect()
    status, body = await upload(controller, UUID, {"gps.csv": b"1"})
    assert (status, body["files_saved"], body["success"]) == (200, 1, True)
    assert (body["processing"], body["waiting_for"]) == (False, ["cam-01"])
    assert (await controller.status())["recording"] is True


def curl(*arguments: str) -> tuple[int, str, dict[str, Any]]:
    """Status, content type and body, as the program itself sees them."""
    done = subprocess.run(
        ["curl", "-sS", "--max-time", "10", "-w", "\n%{http_code} %{content_type}", *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    body, _, last = done.stdout.rpartition("\n")
    status, _, media_type = last.partition(" ")
    return int(status), media_type, json.loads(body)


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/json; charset=latin-1"])
async def test_curl_may_send_json_without_saying_so(
    controller: Controller, content_type: str | None
) -> None:
    header = ["-H", f"Content-Type: {content_type}"] if content_type else []
    report = '{"camera":"cam-01","status":"ok","files":1,"remaining":0}'
    entry = '{"level":"INFO","message":"tapped","anything":[1,{"deep":null}]}'
    for path, body in (("/api/sync/report", report), ("/api/log", entry)):
        answer = await asyncio.to_thread(curl, *header, "-d", body, controller.url + path)
        assert answer == (200, "application/json", {"ok": True})


@pytest.mark.parametrize(
    ("path", "code"), [("/api/sync/report", "invalid_report"), ("/api/log", "invalid_log")]
)
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"text"', b"null", b"\xff\xfe", b"[" * 20_000],
    ids=["empty", "half", "list", "text", "null", "no-utf8", "deep"],
)
async def test_what_is_not_a_json_object_is_refused(
    controller: Controller, path: str, code: str, body: bytes
) -> None:
    (await controller.post(path, data=body)).expect_problem(422, code)


@pytest.mark.parametrize("body", [rb'{"\ud800":"\udfff"}', b'{"temp":NaN}', b'{"n":1e999}'])
async def test_a_log_entry_of_odd_values_is_published_or_refused(
    controller: Controller, body: bytes
) -> None:
    answer = await controller.post("/api/log", data=body)
    if answer.status != 200:
        answer.expect_problem(422, "invalid_log")


@pytest.mark.parametrize(
    "wrong",
    [
        {"camera": "../x"},
        {"camera": "phone"},
        {"camera": "Cam 01"},
        {"status": "fine"},
        {"remaining": -1},
        {"remaining": "many"},
        {"remaining": 10**30},
        {"segments_total": 10**30},
        {"uuid": "abc"},
        {"uuid": 5},
    ],
    ids=str,
)
async def test_a_wrong_report_is_refused(controller: Controller, wrong: dict[str, Any]) -> None:
    report = {"camera": "cam-01", "status": "ok", "files": 1, "remaining": 0, **wrong}
    answer = await controller.post("/api/sync/report", json=report)
    code = "invalid_uuid" if wrong == {"uuid": "abc"} else "invalid_report"
    answer.expect_problem(422, code)


async def test_a_report_of_odd_texts_is_taken_or_refused(controller: Controller) -> None:
    report = rb'{"camera":"cam-01","status":"error","error":"\ud800","clock":{"\udfff":NaN}}'
    answer = await controller.post("/api/sync/report", data=report)
    if answer.status != 200:
        answer.expect_problem(422, "invalid_report")
    await controller.status()


@pytest.mark.parametrize("path", ["/api/sync/report", "/api/log", "/api/record/start"])
@pytest.mark.parametrize("declared", [True, False], ids=["declared", "chunked"])
async def test_an_oversized_body_is_refused(
    controller: Controller, path: str, *, declared: bool
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"message":"'
        for _ in range(40):
            yield b"x" * 4096
        yield b'"}'

    whole = b"".join([piece async for piece in pieces()])
    answer = await controller.post(path, data=whole if declared else pieces())
    if path != "/api/record/start" or declared:  # a body that nobody reads needs no bound
        answer.expect_problem(413, "body_too_large")


async def test_what_does_not_exist_is_a_problem_too(controller: Controller) -> None:
    (await controller.get("/api/nothing")).expect_problem(404, "not_found")
    (await controller.get("/api/record/start")).expect_problem(405, "method_not_allowed")
    (await controller.get(f"/api/sessions/{UUID}")).expect_problem(404, "unknown_session")
    (await controller.post(f"/api/sessions/{UUID}/process")).expect_problem(404, "unknown_session")
    for query in ("limit=0", "limit=x", "before=x", f"before={10**30}"):
        answer = await controller.get(f"/api/sessions?{query}")
        answer.expect_problem(422, "invalid_request")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/log", "POST"),
        ("DELETE", "/api/nodes", "GET, POST"),
        ("PUT", "/api/time", "GET, POST"),
        ("POST", "/api/nodes/cam-01", "DELETE"),
        ("POST", "/api/status", "GET"),
        ("PUT", f"/api/sessions/{UUID}", "GET, PATCH"),
    ],
)
async def test_a_refused_method_says_which_are_allowed(
    controller: Controller, method: str, path: str, allowed: str
) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.request(method, controller.url + path) as answer,
    ):
        assert (answer.status, answer.headers.get("Allow")) == (405, allowed)


async def test_a_session_is_not_processed_while_it_is_recorded(controller: Controller) -> None:
    (await controller.start(UUID)).expect()
    answer = await controller.post(f"/api/sessions/{UUID}/process")
    answer.expect_problem(409, "recording_in_progress")
