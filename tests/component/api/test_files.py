"""Files of a session over HTTP: whole, in part, as a zip, and nothing else."""

import asyncio
import io
import os
import time
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.fakes.camera_node import CameraNode
from tests.fakes.controller import Controller, running, settings_in
from yarl import URL

from ctlr.downloads.sending import PIECE_BYTES, RECORDING_BYTES_S
from ctlr.postprocess.manifest.document import write
from ctlr.postprocess.manifest.shapes import Manifest

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
OTHER = "9d4a3f2b-8c1e-4c6b-8f0e-1a2b3c4d5e6f"
VIDEO = bytes(range(256)) * 4000  # four pieces, the last one shorter
PATH = f"/api/sessions/{UUID}"


@pytest.fixture
async def controller(tmp_path: Path) -> AsyncIterator[Controller]:
    """A session was recorded; its folder is one that was made before."""
    async with (
        CameraNode("cam-01", ours=True) as node,
        running(settings_in(tmp_path, [node.address])) as controller,
    ):
        await controller.until_connected("cam-01")
        (await controller.start(UUID)).expect()
        (await controller.stop(UUID)).expect()
        folder = controller.settings.storage.sync / UUID
        (folder / "phone").mkdir(parents=True)
        (folder / "cam-01.mp4").write_bytes(VIDEO)
        (folder / "phone" / "gyro.csv").write_bytes(b"t,x\n1,2\n")
        (folder / "phone" / "page.html").write_bytes(b"<script>alert(1)</script>")
        (folder / "phone" / "empty.csv").write_bytes(b"")
        (folder / "out.txt").symlink_to(controller.settings.database.path)
        manifest = Manifest(
            uuid=UUID, folder=UUID, started_at=1, stopped_at=2, processed_at="2026-04-14T10:00:00Z"
        )
        (folder / "manifest.json").write_bytes(write(manifest))
        yield controller


async def fetch(
    controller: Controller, path: str, method: str = "GET", **headers: str
) -> tuple[int, Any, bytes]:
    url = f"{controller.url}{PATH}/{path}"
    async with controller.http.request(method, url, headers=headers) as answer:
        return answer.status, answer.headers, await answer.read()


async def test_whole_in_part_and_by_its_tag(controller: Controller) -> None:
    status, headers, body = await fetch(controller, "files/cam-01.mp4")
    assert (status, body) == (200, VIDEO)
    assert headers["Content-Type"] == "video/mp4"
    assert (headers["Accept-Ranges"], headers["Content-Length"]) == ("bytes", str(len(VIDEO)))
    tag, at = headers["ETag"], headers["Last-Modified"]

    first = PIECE_BYTES - 10
    wanted = f"bytes={first}-{first + 19}"
    status, headers, body = await fetch(controller, "files/cam-01.mp4", Range=wanted)
    assert (status, body) == (206, VIDEO[first : first + 20])
    assert headers["Content-Range"] == f"bytes {first}-{first + 19}/{len(VIDEO)}"
    status, _, body = await fetch(controller, "files/cam-01.mp4", Range="bytes=-5")
    assert (status, body) == (206, VIDEO[-5:])
    status, headers, _ = await fetch(controller, "files/cam-01.mp4", Range=f"bytes={len(VIDEO)}-")
    assert (status, headers["Content-Range"]) == (416, f"bytes */{len(VIDEO)}")

    still = {"Range": "bytes=0-9", "If-Range": tag}
    assert (await fetch(controller, "files/cam-01.mp4", **still))[0] == 206
    assert (await fetch(controller, "files/cam-01.mp4", **still | {"If-Range": at}))[0] == 206
    for another in ('"another"', "Wed, 01 Jan 2025 00:00:00 GMT", "nonsense"):
        status, _, body = await fetch(
            controller, "files/cam-01.mp4", **still | {"If-Range": another}
        )
        assert (status, body) == (200, VIDEO)
    assert (await fetch(controller, "files/cam-01.mp4", **{"If-None-Match": tag}))[::2] == (
        304,
        b"",
    )
    status, headers, body = await fetch(controller, "files/cam-01.mp4", "HEAD")
    assert (status, headers["Content-Length"], body) == (200, str(len(VIDEO)), b"")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("phone/gyro.csv", "text/csv; charset=utf-8"),
        ("manifest.json", "application/json"),
        ("phone/empty.csv", "text/csv; charset=utf-8"),
        ("phone/page.html", "text/html; charset=utf-8"),
    ],
)
async def test_each_with_its_media_type_and_no_script_of_a_stranger_runs(
    controller: Controller, name: str, kind: str
) -> None:
    status, headers, body = await fetch(controller, f"files/{name}")
    assert (status, headers["Content-Type"]) == (200, kind)
    assert body == (controller.settings.storage.sync / UUID / name).read_bytes()
    assert headers["Content-Security-Policy"] == "sandbox"
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "name",
    ["nothing.mp4", "..%2f..%2fctlr.db", "phone/%2e%2e/%2e%2e/%2e%2e/ctlr.db", "out.txt", "phone",
     "%2fetc%2fpasswd", ".manifest.json.previous", "a%00b"],
)  # fmt: skip
async def test_nothing_else_can_be_had(controller: Controller, name: str) -> None:
    url = f"{controller.url}{PATH}/files/{name}"
    async with controller.http.get(URL(url, encoded=True)) as answer:
        problem = await answer.json(content_type=None)
        assert (answer.status, problem["code"]) == (404, "unknown_file"), problem


async def test_a_session_without_a_folder_and_one_that_nobody_knows(
    controller: Controller,
) -> None:
    for path in (f"/api/sessions/{OTHER}/zip", f"/api/sessions/{OTHER}/files/cam-01.mp4"):
        (await controller.get(path)).expect_problem(404, "unknown_session")
    folder = controller.settings.storage.sync / UUID
    os.rename(folder, folder.with_name("elsewhere"))
    (folder.with_name("elsewhere") / "manifest.json").unlink()
    (await controller.get(f"{PATH}/zip")).expect_problem(404, "unknown_session")
    (await controller.get(f"{PATH}/files/cam-01.mp4")).expect_problem(404, "unknown_session")


async def test_all_as_a_zip_as_long_as_it_says(controller: Controller) -> None:
    status, headers, body = await fetch(controller, "zip")
    assert (status, headers["Content-Type"]) == (200, "application/zip")
    assert int(headers["Content-Length"]) == len(body)
    assert f"{UUID}.zip" in headers["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        names = ["cam-01.mp4", "manifest.json", "phone/empty.csv", "phone/gyro.csv"]
        assert archive.namelist() == [f"{UUID}/{name}" for name in [*names, "phone/page.html"]]
        assert archive.read(f"{UUID}/cam-01.mp4") == VIDEO


async def test_a_file_that_changes_on_the_way_breaks_the_transfer_off(
    controller: Controller,
) -> None:
    """The client sees that it has not got all, instead of keeping a mixture."""
    big = controller.settings.storage.sync / UUID / "cam-02.mp4"
    big.write_bytes(b"\0" * (64 << 20))
    url = f"{controller.url}{PATH}/files/cam-02.mp4"
    async with controller.http.get(url) as answer:
        await answer.content.readexactly(1000)
        with big.open("r+b") as file:
            file.write(b"another")
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()
    (await controller.get("/health")).expect()


async def test_while_something_is_recorded_it_is_sent_slowly_and_others_are_answered(
    controller: Controller,
) -> None:
    size = 3 * RECORDING_BYTES_S // 2
    (controller.settings.storage.sync / UUID / "cam-02.mp4").write_bytes(os.urandom(size))
    (await controller.start(OTHER)).expect()
    began = time.monotonic()
    loading = asyncio.create_task(fetch(controller, "zip"))
    answered = 0
    while not loading.done():
        (await controller.get("/health")).expect()
        answered += 1
        await asyncio.sleep(0.01)
    assert (await loading)[0] == 200
    assert time.monotonic() - began >= size / RECORDING_BYTES_S - 0.1
    assert answered > 10
