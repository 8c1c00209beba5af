"""``GET /api/logs`` and ``ctlr logs``: what a store on the drive holds, read by a controller."""

import asyncio
import json
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.controller import Controller, running, settings_in

from ctlr.logbook.entry import read_message
from ctlr.logbook.store import LogStore, log_path
from ctlr.simulator.places import to_toml

BEGAN_MS = 1_776_160_000_000


@pytest.fixture
async def controller(tmp_path: Path) -> AsyncIterator[Controller]:
    async with running(settings_in(tmp_path)) as started:
        yield started


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LogStore]:
    (tmp_path / "logging").mkdir(exist_ok=True)
    store = LogStore(log_path(tmp_path / "logging"), 10_000, 64 << 20)
    store.append([entry for number in range(1, 31) if (entry := said(number))])
    yield store
    store.close()


def said(number: int) -> Any:
    """cam-01 says odd numbers, cam-02 even ones; each tenth is an error, each third a metric."""
    level = "ERROR" if number % 10 == 0 else "METRICS" if number % 3 == 0 else "INFO"
    record = {"ts": "2026-04-14T10:40:00.123Z", "node": "forged", "level": level, "id": str(number)}
    record |= {"component": "camera", "message": f"said \x1b[2J {number}"}
    payload = json.dumps(record | {"number": number}).encode()
    return read_message(f"logging/cam-0{2 - number % 2}", payload, BEGAN_MS + number * 1000)


async def numbers(controller: Controller, query: str = "") -> list[int]:
    answer = (await controller.get(f"/api/logs{query}")).expect()
    return [line["number"] for line in answer["logs"]]


@pytest.mark.usefixtures("store")
async def test_pages_and_choices(controller: Controller) -> None:
    assert await numbers(controller, "?limit=3") == [28, 29, 30]
    assert await numbers(controller, "?limit=3&before=28") == [23, 25, 26]
    assert await numbers(controller, "?after=26") == [28, 29, 30]
    assert await numbers(controller, "?level=ERROR") == [10, 20, 30]
    assert await numbers(controller, "?level=METRICS&node=cam-01") == [3, 9, 15, 21, 27]
    assert await numbers(controller, "?node=cam-03") == []
    assert await numbers(controller, f"?since={BEGAN_MS + 10**9}") == []


@pytest.mark.usefixtures("store")
async def test_a_line_is_the_record_under_its_true_name(controller: Controller) -> None:
    answer = (await controller.get("/api/logs?limit=1")).expect()
    assert answer == {
        "newest": 30,
        "logs": [
            {
                "number": 30,
                "received_at": BEGAN_MS + 30_000,
                "ts": "2026-04-14T10:40:00.123Z",
                "node": "cam-02",
                "level": "ERROR",
                "component": "camera",
                "message": "said \x1b[2J 30",
                "fields": {"id": "30", "number": 30},
            }
        ],
    }


@pytest.mark.parametrize(
    "query",
    [
        *("level=LOUD", "limit=0", "limit=1001", "before=-1", "after=x", "since=soon"),
        *("node=" + "x" * 64, f"before={2**64}"),
    ],
)
async def test_what_makes_no_sense_is_refused(controller: Controller, query: str) -> None:
    (await controller.get(f"/api/logs?{query}")).expect_problem(422, "invalid_request")


async def test_without_a_store_it_says_so(controller: Controller) -> None:
    problem = (await controller.get("/api/logs")).expect_problem(404, "no_logs")
    assert "subscribe-logs" in problem["detail"]


async def test_without_the_drive_it_says_so(tmp_path: Path) -> None:
    storage = {"require_mounts": True}
    async with running(settings_in(tmp_path, storage=storage)) as controller:
        problem = (await controller.get("/api/logs")).expect_problem(503, "storage_unavailable")
        assert "not mounted" in problem["detail"]


async def test_a_client_in_a_loop_is_told_when_to_come_again(controller: Controller) -> None:
    answer = await controller.post("/api/log", json={"message": "loop"})
    assert answer.status == 200
    taken = 1
    while answer.status == 200 and taken < 2000:  # as fast as this machine can, which refills it
        answer = await controller.post("/api/log", json={"message": "loop"})
        taken += 1
    assert taken > 100
    assert answer.expect_problem(429, "log_rate_limited")["retry_after_s"] == 1
    async with controller.http.post(f"{controller.url}/api/log", json={}) as refused:
        assert (refused.status, refused.headers["Retry-After"]) == (429, "1")


async def ctlr(*arguments: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-m", "ctlr", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


@pytest.mark.usefixtures("store")
async def test_the_command_shows_lines_that_move_no_cursor(controller: Controller) -> None:
    code, out, err = await ctlr("logs", "--url", controller.url, "--limit", "2")
    assert (code, err) == (0, "")
    first, last = out.splitlines()
    assert last == (
        "2026-04-14T10:40:00.123Z ERROR cam-02 camera: said \N{REPLACEMENT CHARACTER}[2J 30 number=30"
    )
    assert first.startswith("2026-04-14T10:40:00.123Z INFO  cam-01 camera:")
    code, out, _ = await ctlr("logs", "--url", controller.url, "--level", "ERROR", "--json")
    assert [json.loads(line)["number"] for line in out.splitlines()] == [10, 20, 30]
    code, out, _ = await ctlr("logs", "--url", controller.url, "--since", "1h")
    assert (code, out) == (0, "")
    code, _, err = await ctlr("logs", "--since", "soon")
    assert code == 2
    assert "10m, 2h, 3d" in err


async def test_the_command_follows(controller: Controller, store: LogStore) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-u", "-m", "ctlr", "logs", "--url", controller.url, "--json", "-f"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    shown = [json.loads(await process.stdout.readline())["number"] for _ in range(21)]
    assert shown == [number for number in range(1, 31) if number % 3 or number == 30]
    store.append([said(31), said(32)])
    assert json.loads(await process.stdout.readline())["number"] == 31
    assert json.loads(await process.stdout.readline())["number"] == 32
    process.kill()
    await process.communicate()


async def test_without_a_controller_the_store_of_this_machine_is_read(
    tmp_path: Path, store: LogStore
) -> None:
    settings = settings_in(tmp_path)
    config = tmp_path / "ctlr.toml"
    config.write_text(to_toml(settings.model_dump(mode="json", exclude_none=True)))
    code, out, err = await ctlr("--config", str(config), "logs", "--limit", "1", "--json")
    assert (code, err, json.loads(out)["number"]) == (0, "", 30)
    store.close()
    shutil.rmtree(tmp_path / "logging" / "logs")
    code, out, err = await ctlr("--config", str(config), "logs")
    assert (code, out) == (1, "")
    assert "no log store" in err
