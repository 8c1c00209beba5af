"""``GET /metrics`` of a running rig; dashboard and alert rules use nothing that is not in it."""

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.camera_node import CameraNode
from tests.fakes.controller import Controller, running, settings_in, until

PACKAGING = Path(__file__).parents[3] / "packaging"
DASHBOARD = PACKAGING / "grafana" / "ctlr.json"
ALERTS = PACKAGING / "prometheus" / "alerts.yml"
UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)")
LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')

Samples = dict[str, list[tuple[dict[str, str], float]]]


@pytest.fixture
async def camera() -> AsyncIterator[CameraNode]:
    async with CameraNode("cam-01", ours=True) as node:
        yield node


@pytest.fixture
async def controller(tmp_path: Path, camera: CameraNode) -> AsyncIterator[Controller]:
    async with running(settings_in(tmp_path, [camera.address])) as started:
        await started.until_connected("cam-01")
        yield started


async def text_of(controller: Controller) -> str:
    async with controller.http.get(f"{controller.url}/metrics") as answer:
        assert answer.status == 200
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        return await answer.text()


def parse(text: str) -> Samples:
    """Samples by name; fails on a line that is not in the format."""
    samples: Samples = {}
    for line in text.splitlines():
        if line.startswith(("# HELP ", "# TYPE ")):
            continue
        found = SAMPLE.fullmatch(line)
        assert found, line
        labels = dict(LABEL.findall(found[2] or ""))
        samples.setdefault(found[1], []).append((labels, float(found[3])))
    return samples


async def metrics(controller: Controller) -> Samples:
    return parse(await text_of(controller))


def value(samples: Samples, name: str, **labels: str) -> float:
    [found] = [number for given, number in samples[name] if labels.items() <= given.items()]
    return found


async def test_what_the_rig_does(controller: Controller, camera: CameraNode) -> None:
    idle = await metrics(controller)
    assert value(idle, "ctlr_recording") == 0
    assert value(idle, "ctlr_camera_connected", node="cam-01") == 1
    assert value(idle, "ctlr_drive_healthy", drive="logging") == 1
    assert value(idle, "ctlr_drive_free_bytes", drive="sync") > 0
    assert value(idle, "ctlr_mqtt_connected") == 0
    assert {labels["state"] for labels, _ in idle["ctlr_sessions"]} >= {"done", "failed"}
    camera.status_changes = {"frames": 240, "dropped": 3}
    (await controller.start(UUID)).expect()

    async def counted() -> bool:
        now = await metrics(controller)
        frames = [number for _, number in now.get("ctlr_camera_frames_total", [])]
        return frames == [240] and value(now, "ctlr_sessions", state="recording") == 1

    await until(counted)
    now = await metrics(controller)
    assert value(now, "ctlr_recording") == 1
    assert value(now, "ctlr_camera_recording", node="cam-01") == 1
    assert value(now, "ctlr_camera_dropped_frames_total", node="cam-01") == 3
    assert abs(value(now, "ctlr_camera_clock_offset_seconds", node="cam-01")) < 1
    (await controller.stop(UUID)).expect()


async def test_a_refused_method_is_counted_and_not_timed(controller: Controller) -> None:
    for method in ("PATCH", "DELETE", "PUT", "OPTIONS"):
        assert (await controller.ask(method, "/api/status")).status == 405
    await controller.get("/api/status")
    samples = await metrics(controller)
    refused = {"route": "/api/status", "method": "other", "status": "405"}
    assert (refused, 4) in samples["ctlr_http_requests_total"]
    timed = [labels for labels, _ in samples["ctlr_http_request_duration_seconds_bucket"]]
    methods = {labels["method"] for labels in timed if labels["route"] == "/api/status"}
    assert methods == {"GET"}


async def test_answers_are_counted_by_route_and_not_by_path(controller: Controller) -> None:
    for number in range(50):
        await controller.get(f"/made/up/{number}")
        await controller.get(f"/api/sessions/{number}")
    await controller.ask("BREW", "/health")
    samples = await metrics(controller)
    answers = samples["ctlr_http_requests_total"]
    assert {"route": "/api/sessions/{uuid}", "method": "GET", "status": "404"} in [
        labels for labels, number in answers if number == 50
    ]
    assert {"route": "other", "method": "GET", "status": "404"} in [
        labels for labels, number in answers if number == 50
    ]
    assert {labels["method"] for labels, _ in answers} <= {"GET", "other"}
    buckets = [
        (float(labels["le"].replace("+Inf", "inf")), number)
        for labels, number in samples["ctlr_http_request_duration_seconds_bucket"]
        if labels["route"] == "/api/sessions/{uuid}"
    ]
    assert buckets == sorted(buckets)
    assert buckets[-1][1] == 50
    assert [number for _, number in buckets] == sorted(number for _, number in buckets)


async def test_a_stream_is_counted_when_it_begins(controller: Controller) -> None:
    async with controller.http.get(f"{controller.url}/api/events") as events:
        assert events.status == 200
        samples = await metrics(controller)
        assert value(samples, "ctlr_http_requests_total", route="/api/events") == 1


async def test_jobs_are_timed(tmp_path: Path) -> None:
    """Of a worker that fails at once."""
    async with (
        CameraNode("cam-01", ours=True) as camera,
        running(settings_in(tmp_path, [camera.address]), lambda *_: ["false"]) as controller,
    ):
        await controller.until_connected("cam-01")
        (await controller.start(UUID)).expect()
        (await controller.stop(UUID)).expect()

        async def timed() -> bool:
            jobs = (await metrics(controller)).get("ctlr_job_duration_seconds_count", [])
            return any(labels["result"] == "failed" for labels, _ in jobs)

        await until(timed)


async def everything(controller: Controller, camera: CameraNode) -> Samples:
    """Each metric with a sample: what there was while a rig recorded, made it ready, and lost its
    camera."""
    seen: Samples = {}

    async def shown(name: str) -> bool:
        seen.update(await metrics(controller))
        return name in seen

    camera.status_changes = {"frames": 1, "dropped": 0}
    (await controller.start(UUID)).expect()
    await until(lambda: shown("ctlr_camera_dropped_frames_total"))
    (await controller.stop(UUID)).expect()
    await until(lambda: shown("ctlr_job_duration_seconds_count"))
    await camera.power_off()
    await until(lambda: shown("ctlr_warnings"))
    return seen


def expressions() -> dict[str, list[str]]:
    """The queries of the dashboard and of the alert rules, by where they stand."""
    dashboard: Any = json.loads(DASHBOARD.read_text("utf-8"))
    found = {
        f"panel {panel['title']}": [target["expr"] for target in panel.get("targets", [])]
        for panel in dashboard["panels"]
        if panel["type"] != "logs"  # from Loki
    }
    for group in load_yaml(ALERTS)["groups"]:
        for rule in group["rules"]:
            found[f"alert {rule['alert']}"] = [rule["expr"]]
    return found


def load_yaml(file: Path) -> Any:
    return import_module("yaml").safe_load(file.read_text("utf-8"))


async def test_dashboard_and_alerts_use_what_there_is(
    controller: Controller, camera: CameraNode
) -> None:
    samples = await everything(controller, camera)
    known = {
        name: {label for labels, _ in of_name for label in labels} | {"instance", "job"}
        for name, of_name in samples.items()
    }
    known.setdefault("ctlr_temperature_celsius", {"instance"})  # not on a machine without a sensor
    assert "# TYPE ctlr_temperature_celsius gauge" in await text_of(controller)
    used: set[str] = set()
    for where, queries in expressions().items():
        for query in queries:
            names = set(re.findall(r"\bctlr_[a-z0-9_]+", query))
            assert names, where
            assert names <= known.keys(), where
            labels = set(re.findall(r"([a-z_]+)\s*(?:=~|!~|!=|=)\s*\"", query))
            for group in re.findall(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)", query):
                labels |= {label.strip() for label in group.split(",") if label.strip()}
            assert labels <= set().union(*(known[name] for name in names)), where
            used |= names
    asked = {"ctlr_recording", "ctlr_camera_dropped_frames_total", "ctlr_camera_segments_waiting"}
    asked |= {"ctlr_camera_clock_offset_seconds", "ctlr_drive_healthy", "ctlr_drive_free_bytes"}
    asked |= {"ctlr_mqtt_spool_records", "ctlr_mqtt_dropped_records_total", "ctlr_sessions"}
    assert asked <= used


def test_the_dashboard_asks_for_its_source_and_overlaps_nowhere() -> None:
    dashboard: Any = json.loads(DASHBOARD.read_text("utf-8"))
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
        assert panel["datasource"]["uid"] in ("${prometheus}", "${loki}"), panel["title"]


def test_each_alert_says_what_happened_and_what_to_do() -> None:
    rules = [rule for group in load_yaml(ALERTS)["groups"] for rule in group["rules"]]
    assert len(rules) >= 8
    for rule in rules:
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}, rule["alert"]
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert {"summary", "description"} == set(rule["annotations"])


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
async def test_prometheus_own_tool_agrees(controller: Controller) -> None:
    code, output = await run_promtool("check", "rules", str(ALERTS))
    assert code == 0, output
    assert await run_promtool("check", "metrics", stdin=await text_of(controller)) == (0, "")


async def run_promtool(*arguments: str, stdin: str = "") -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *("promtool", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate(stdin.encode())
    return process.returncode, output.decode()
