"""``ctlr demo`` as a person runs it: what it prints, its exit code, and what it leaves behind."""

import json
import signal
from pathlib import Path

from tests.e2e import tutorial
from tests.e2e.programs import demo, processes_left, read_until

CAMERAS = ["demo-cam-1", "demo-cam-2", "demo-cam-3"]


async def test_it_records_a_complete_session_and_leaves_no_process(tmp_path: Path) -> None:
    async with demo(tmp_path / "demo", "--seconds", "5", "--segment-s", "2") as process:
        stdout, _ = await process.communicate()
    printed = stdout.decode()
    assert process.returncode == 0, printed
    assert [name for name in CAMERAS if name not in printed] == []
    assert "The session is complete" in printed
    assert tutorial.unexplained("Record", printed) == []
    assert tutorial.never_printed("Record", printed) == []
    (manifest_file,) = (tmp_path / "demo" / "sync").glob("*/manifest.json")
    assert str(manifest_file.parent) in printed
    manifest = json.loads(manifest_file.read_text())
    assert manifest["complete"] is True
    assert manifest["verified_at"]
    measured = manifest["clock"]["phone"]["start"]
    assert measured["source"] == "phone"
    assert abs(measured["offset_ms"]) <= measured["uncertainty_ms"] + 0.5
    recorded_s = (manifest["stopped_at"] - manifest["started_at"]) / 1000
    assert recorded_s > 4.9
    for camera in CAMERAS:
        assert manifest["sources"][camera]["segments"] == 3
        assert recorded_s - 0.1 < manifest["sources"][camera]["duration_s"] < recorded_s + 0.5
    assert "accelerometer.csv" in manifest["sources"]["phone"]["files"]
    tables = [t for kind in ("phone", "watch") for t in manifest["sources"][kind]["tables"]]
    assert len(tables) == 6
    assert [table for table in tables if table["problems"] or table["gaps"]] == []
    assert await processes_left(tmp_path) == []


async def test_ctrl_c_ends_everything(tmp_path: Path) -> None:
    async with demo(tmp_path / "demo") as process:
        await read_until(process, "Recording")
        process.send_signal(signal.SIGINT)
        stdout, _ = await process.communicate()
    assert process.returncode == 1
    assert "no process is left" in stdout.decode()
    assert await processes_left(tmp_path) == []


async def test_what_it_started_ends_when_it_is_killed(tmp_path: Path) -> None:
    async with demo(tmp_path / "demo") as process:
        await read_until(process, "Recording")
        process.kill()
        await process.wait()
    assert await processes_left(tmp_path, within_s=15) == []


async def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.mp4").write_bytes(b"precious")
    async with demo(tmp_path) as process:
        stdout, _ = await process.communicate()
    assert process.returncode == 1
    assert "is not empty" in stdout.decode()
    assert [path.name for path in tmp_path.iterdir()] == ["mine.mp4"]
