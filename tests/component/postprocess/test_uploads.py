"""What phone and watch sent, through the real programs: every kind of bad file, a long one, a late one."""

import json
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema_rs
import numpy as np
import pytest
from tests.fakes.camera_node import CameraNode
from tests.fakes.controller import Controller, running, settings_in, until
from tests.unit.postprocess.mp4 import Film, plain
from tests.unit.postprocess.rig import START_MS, UUID, Rig, session

from ctlr.postprocess.manifest.document import json_schema
from ctlr.postprocess.tables.header import Header
from ctlr.postprocess.tables.quantities import Quantity, find_quantity
from ctlr.postprocess.tables.table import read_table
from ctlr.simulator.can import DATABASE, VehicleBus
from ctlr.simulator.phone import Lags, generate
from ctlr.simulator.places import to_toml

HEADER = b"time,seconds_elapsed,z,y,x\n"
ROW_BYTES = 45


def rows(count: int, first: int = 0) -> bytes:
    """Rows at 100 Hz from the start of the session on, as Sensor Logger writes them."""
    times = (START_MS * 1_000_000 + (first + np.arange(count)) * 10_000_000).astype("S19")
    tail = np.frombuffer(b",0.010000,0.125,-0.25,9.8\n", np.uint8)
    table = np.concatenate(
        (times.view(np.uint8).reshape(count, 19), np.tile(tail, (count, 1))), axis=1
    )
    assert table.shape[1] == ROW_BYTES
    return table.tobytes()


GOOD = HEADER + rows(400)
BAD: dict[str, tuple[bytes, list[str]]] = {
    "empty.csv": (b"", ["empty"]),
    "header_only.csv": (HEADER, ["no_rows"]),
    "binary.csv": (bytes(range(256)) * 4000, ["not_csv"]),
    "mixed_line_ends.csv": (GOOD.replace(b"8\n", b"8\r\n", 200), []),
    "decimal_commas.csv": (GOOD.replace(b",", b";").replace(b".", b","), []),
    "times_going_back.csv": (HEADER + rows(300) + rows(200, first=200), ["times_go_back"]),
    "no_time_column.csv": (b"z,y,x\n1,2,3\n4,5,6\n", ["no_time"]),
    "bom.csv": (b"\xef\xbb\xbf" + GOOD, []),
    "quoted_line_break.csv": (GOOD.replace(b"0.125", b'"a\r\nb"', 100), []),
    "another_session.csv": (HEADER + rows(100, first=100_000), ["misses_session"]),
}


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def tables(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {table["file"]: table for table in manifest["sources"]["phone"]["tables"]}


def test_a_session_with_every_kind_of_bad_file(rig: Rig, tmp_path: Path) -> None:
    rig.record()
    rig.capture()
    uploads = rig.logging / "phone" / UUID
    uploads.mkdir(parents=True)
    for name, (content, _) in BAD.items():
        (uploads / name).write_bytes(content)
    config = tmp_path / "ctlr.toml"
    config.write_text(to_toml(rig.settings.model_dump(mode="json", exclude_none=True)))
    command = [sys.executable, "-W", "error", "-m", "ctlr", "--config", str(config)]
    done = subprocess.run(
        [*command, "postprocess", "--uuid", UUID], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    manifest = rig.manifest()
    jsonschema_rs.Draft202012Validator(json_schema()).validate(manifest)
    assert manifest["complete"] is True
    found = tables(manifest)
    assert {name: [p["code"] for p in table["problems"]] for name, table in found.items()} == {
        name: codes for name, (_, codes) in BAD.items()
    }
    for name, (content, codes) in BAD.items():
        assert (rig.folder / "phone" / name).read_bytes() == content
        if not codes:
            times = (found[name]["first_at"], found[name]["last_at"], found[name]["rate_hz"])
            assert (found[name]["rows"], times) == (400, (START_MS, START_MS + 3990, 100))


def test_two_million_rows_take_no_more_memory_than_few(tmp_path: Path) -> None:
    def find(header: Header) -> Quantity | None:
        return find_quantity(header, "gyroscope.csv")

    def peak(count: int) -> int:
        path = tmp_path / "gyroscope.csv"
        path.write_bytes(HEADER + rows(count))
        tracemalloc.start()
        try:
            facts = read_table(path, find)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
            assert facts.rows == count
            assert facts.times.last_ms == START_MS + (count - 1) * 10
            assert facts.measured is not None

    some, many = peak(100_000), peak(2_000_000)
    assert some < 40 << 20
    assert many < some + (30 << 20)  # of the 90 MB: the samples that are kept for comparisons


def without_inputs(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The manifest has what is for the next run at its end."""
    return [{key: value for key, value in one.items() if key != "inputs"} for one in entries]


def test_a_ride_on_the_bus_and_by_gps(rig: Rig) -> None:
    seconds = 180
    rig.record()
    bus = rig.settings.can.model_copy(update={"dbc": (DATABASE,)})
    rig.settings = rig.settings.model_copy(update={"can": bus})
    generate(rig.logging / "phone" / UUID, UUID, START_MS, seconds, 3, Lags(gps_s=2.5))
    (rig.logging / "can").mkdir()
    frames = VehicleBus(3).frames(START_MS / 1000, START_MS / 1000 + seconds)
    lines = [
        f"{frame.at_s * 1000:.0f},{frame.frame_id:X},{len(frame.data)},{frame.data.hex()}"
        for frame in frames
    ]
    (rig.logging / "can" / "raw.csv").write_text("\n".join(["ts_ms,id,len,hex", *lines, ""]))
    rig.process(session(stopped_at_ms=START_MS + seconds * 1000))
    found = {entry["clock"]: entry for entry in rig.manifest()["truth"]}
    assert found["gps"]["files"] == ["phone/gps.csv", "can/Vehicle.csv"]
    assert found["gps"]["confidence"] == "high"
    assert found["gps"]["lag_ms"] == pytest.approx(2500, abs=60)
    assert "agree on the time" in found["watch"]["text"]


async def test_a_late_upload_makes_a_new_revision_that_the_api_shows(tmp_path: Path) -> None:
    async with CameraNode("cam-01", ours=True) as camera:
        settings = settings_in(tmp_path, [camera.address], api={"max_upload_mb": 20})
        config = tmp_path / "ctlr.toml"
        config.write_text(to_toml(settings.model_dump(mode="json", exclude_none=True)))

        def worker(task: str, uuid: str) -> list[str]:
            return [sys.executable, "-m", "ctlr", "--config", str(config), "worker", task, uuid]

        async with running(settings, worker) as controller:
            await controller.until_connected("cam-01")
            start_at = (await controller.start(UUID)).expect()["start_at"]
            await until(lambda: _has_begun(controller))
            await _deliver(controller)
            (await controller.stop(UUID)).expect()
            await until(lambda: _is_done(controller, revision=1))
            assert (await controller.session(UUID))["tables"] == {}
            folder = tmp_path / "sent"
            generate(folder, UUID, start_at, 40, lags=Lags(watch_s=0.75))
            await _upload(controller, folder)
            await until(lambda: _is_done(controller, revision=2))
            shown = await controller.session(UUID)
    manifest = json.loads((settings.storage.sync / UUID / "manifest.json").read_text())
    assert without_inputs(shown["truth"]) == manifest["truth"]
    tables = manifest["sources"]["phone"]["tables"]
    assert without_inputs(shown["tables"]["phone"]) == tables
    assert {table["file"] for table in shown["tables"]["watch"]} == {
        "gyroscope.csv",
        "heart_rate.csv",
    }
    (truth,) = shown["truth"]
    assert truth["confidence"] == "high"
    assert truth["lag_ms"] == pytest.approx(750, abs=10)


async def _has_begun(controller: Controller) -> bool:
    return bool((await controller.status())["duration"] > 0)


async def _deliver(controller: Controller) -> None:
    segment = controller.folder("cam-01", UUID) / "seg_0000.mp4"
    segment.write_bytes(plain(Film()))
    report = {"camera": "cam-01", "status": "ok", "files": 1, "remaining": 0, "uuid": UUID}
    report |= {"segments_total": 1, "complete": True}
    (await controller.post("/api/sync/report", json=report)).expect()


async def _upload(controller: Controller, folder: Path) -> None:
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("uuid", UUID)
    for path in folder.rglob("*.csv"):
        name = path.relative_to(folder).as_posix()
        form.add_field("files", path.read_bytes(), filename=name)
    (await controller.post("/api/sync/phone", data=form)).expect()


async def _is_done(controller: Controller, revision: int) -> bool:
    session = await controller.session(UUID)
    manifest = controller.settings.storage.sync / UUID / "manifest.json"
    made = json.loads(manifest.read_text())["revision"] if manifest.exists() else 0
    return bool(session["state"] == "done") and made == revision
