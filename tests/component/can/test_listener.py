"""The listener's process: bridges, a serial adapter, kills, an end in order."""

import asyncio
import os
from pathlib import Path

from tests.component.can.listening import (
    PATIENCE_S,
    Listening,
    free_port,
    rows_of,
    started,
    tcp_bus,
)
from tests.unit.can.recording import check_runs

from ctlr.simulator.can import VehicleBus
from ctlr.simulator.can_senders import SlcanDevice, bridge
from ctlr.simulator.places import HOST

BEGAN_S = 1_776_313_714.0


def make(tmp_path: Path, *buses: dict[str, object], **more: object) -> Listening:
    logging = tmp_path / "logging"
    logging.mkdir()
    return Listening(tmp_path, logging, buses, **more)


async def until_open(device: SlcanDevice) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not device.mode:  # noqa: ASYNC110 - the other end of a terminal
            await asyncio.sleep(0.01)


async def test_two_bridges_and_an_end_in_order(tmp_path: Path) -> None:
    ports = free_port(), free_port()
    listening = make(tmp_path, tcp_bus(ports[0], "front"), tcp_bus(ports[1], "rear"))
    frames = VehicleBus(1).frames(BEGAN_S, BEGAN_S + 20)
    async with started(listening):
        assert not listening.status()["connected"]
        async with bridge(HOST, ports[0]) as front, bridge(HOST, ports[1]) as rear:
            await listening.until(lambda: listening.status()["connected"])
            await asyncio.gather(front(frames), rear(frames))
            await listening.until_heard(2 * len(frames))
            status = listening.status()
            assert (status["errors"], status["lost"], status["problem"]) == (0, 0, None)
            assert status["off_times"] == 2 * len(frames)  # the past, as far as it can tell
            assert listening.bus("rear")["frame_count"] == len(frames)
            assert await listening.child.stop() == 0
    assert listening.status()["connected"] is False
    rows = listening.recorded().splitlines()
    assert sorted(rows) == sorted(rows_of(frames).splitlines() * 2)
    check_runs(listening.logging / "can")


async def test_killed_and_started_again_it_goes_on_in_the_same_file(tmp_path: Path) -> None:
    port = free_port()
    listening = make(tmp_path, tcp_bus(port))
    frames = VehicleBus(1).frames(BEGAN_S, BEGAN_S + 30)
    thirds = [frames[i::3] for i in range(3)]
    for part in thirds:
        listening.status_file.unlink(missing_ok=True)
        await listening.child.start()
        async with bridge(HOST, port) as send:
            await send(part)
            await listening.until_heard(len(part))
            await listening.until(lambda: listening.status()["waiting"] == 0)
            await listening.child.kill()
    assert listening.recorded() == b"".join(map(rows_of, thirds))
    check_runs(listening.logging / "can")
    assert sorted(os.listdir(listening.logging / "can")) == ["raw.arrival.csv", "raw.csv"]


async def test_a_kill_in_the_middle_leaves_whole_rows(tmp_path: Path) -> None:
    port = free_port()
    listening = make(tmp_path, tcp_bus(port))
    frames = VehicleBus(1).frames(BEGAN_S, BEGAN_S + 60)
    async with started(listening), bridge(HOST, port) as send:
        sending = asyncio.create_task(send(frames))
        await listening.until(
            lambda: (listening.logging / "can" / "raw.csv").stat().st_size > 10_000
        )
        await listening.child.kill()
        await asyncio.gather(sending, return_exceptions=True)
    kept = listening.recorded()
    assert kept.endswith(b"\n")
    assert rows_of(frames).startswith(kept)
    listening.status_file.unlink()
    async with started(listening), bridge(HOST, port) as send:
        await send(frames[:10])
        await listening.until_heard(10)
        await listening.child.stop()
    assert listening.recorded() == kept + rows_of(frames[:10])
    check_runs(listening.logging / "can")


async def test_a_serial_adapter_that_is_pulled_and_plugged_in_again(tmp_path: Path) -> None:
    plug = tmp_path / "ttyCAN"
    options = {"sleep_after_open": 0.05}
    bus = {"name": "car", "interface": "slcan", "channel": str(plug), "bitrate": 500_000}
    listening = make(tmp_path, {**bus, "options": options})
    frames = VehicleBus(1).frames(BEGAN_S, BEGAN_S + 1)
    async with started(listening):
        await listening.until(lambda: "ttyCAN" in (listening.bus("car")["problem"] or ""))
        assert listening.status()["errors"] > 0
        for before in (0, len(frames)):
            device = SlcanDevice()
            plug.symlink_to(device.path)
            await listening.until(lambda: listening.status()["connected"])
            await until_open(device)
            assert (device.mode, device.bitrate_code) == ("L", "6")
            for start in range(0, len(frames), 50):  # the terminal holds 4 KiB
                part = frames[start : start + 50]
                await device.send(part)
                await listening.until_recorded(before + start + len(part))
            plug.unlink()
            device.unplug()
            await listening.until(lambda: not listening.status()["connected"])
        assert await listening.child.stop() == 0
    rows = [row.split(b",", 1)[1] for row in listening.recorded().splitlines()]
    assert rows == [row.split(b",", 1)[1] for row in rows_of(frames).splitlines()] * 2


async def test_a_status_file_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    port = free_port()
    listening = make(tmp_path, tcp_bus(port))
    frames = VehicleBus(1).frames(BEGAN_S, BEGAN_S + 1)
    async with started(listening):
        listening.status_file.unlink()
        listening.status_file.mkdir()
        async with bridge(HOST, port) as send:
            await send(frames)
            await listening.until(lambda: listening.recorded() == rows_of(frames))
        await listening.until(lambda: "status cannot be shown" in listening.child.log.read_text())
        assert await listening.child.stop() == 0
