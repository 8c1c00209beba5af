"""The drive under the listener: pulled while it records, back again, full. Real file systems."""

import asyncio
import fcntl
import os
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.component.can.listening import Listening, free_port, rows_of, started, tcp_bus
from tests.unit.can.recording import check_runs

from ctlr.simulator.can import VehicleBus
from ctlr.simulator.can_senders import bridge
from ctlr.simulator.places import HOST

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")

MB = 1 << 20
UUID = "0e2f6b0a-54c1-4c0e-9d0c-6a3a3f0f5a11"
TAG = f"UUID={UUID}"
BEGAN_S = 1_776_313_714.0
_EXT4_SHUTDOWN = 0x8004587D
_WITHOUT_FLUSH = 2


class Drive:
    """An ext4 file system that can be pulled: from then on every access fails, what had not been
    flushed is gone."""

    def __init__(self, device: str, at: Path) -> None:
        self._device = device
        self.at = at

    def plug(self) -> None:
        subprocess.run(["mount", "-t", "ext4", self._device, str(self.at)], check=True)

    def pull(self) -> None:
        fd = os.open(self.at, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, _EXT4_SHUTDOWN, struct.pack("I", _WITHOUT_FLUSH))
        finally:
            os.close(fd)

    def unmount(self) -> None:
        subprocess.run(["umount", str(self.at)], check=True)


@contextmanager
def drive(root: Path) -> Iterator[Drive]:
    image, at = root / "drive.img", root / "logging"
    at.mkdir()
    with open(image, "wb") as file:
        file.truncate(64 * MB)
    subprocess.run(["mkfs.ext4", "-q", "-U", UUID, str(image)], check=True)
    command = ["losetup", "-f", "--show", str(image)]
    device = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    made = Drive(device, at)
    try:
        yield made
    finally:
        subprocess.run(["umount", str(at)], check=False, capture_output=True)
        subprocess.run(["losetup", "-d", device], check=True)


async def test_a_drive_that_is_pulled_while_frames_come_in_loses_none(tmp_path: Path) -> None:
    port = free_port()
    frames = VehicleBus(1).frames(BEGAN_S, BEGAN_S + 40)
    quarter = len(frames) // 4
    with drive(tmp_path) as plugged:
        listening = Listening(
            tmp_path, plugged.at, [tcp_bus(port)], require_mounts=True, logging_device=TAG
        )
        async with started(listening):
            status = listening.status
            await listening.until(lambda: status()["problem"] == "not mounted")
            async with bridge(HOST, port) as send:
                await send(frames[:quarter])
                await listening.until_heard(quarter)
                assert status()["waiting"] == quarter
                assert os.listdir(plugged.at) == []
                plugged.plug()
                await listening.until(lambda: status()["waiting"] == 0)
                await send(frames[quarter : 2 * quarter])
                await listening.until_recorded(2 * quarter)
                plugged.pull()
                await send(frames[2 * quarter : 3 * quarter])
                await listening.until(lambda: status()["problem"])
                plugged.unmount()
                await send(frames[3 * quarter :])
                await listening.until_heard(len(frames))
                assert os.listdir(plugged.at) == []
                assert status()["waiting"] >= len(frames) - 2 * quarter
                plugged.plug()
                await listening.until(lambda: status()["waiting"] == 0)
            assert await listening.child.stop() == 0
        assert status()["lost"] == 0
        assert listening.rows_beside_zeros() == rows_of(frames)
        check_runs(plugged.at / "can")
        plugged.unmount()  # nobody holds it


async def test_a_drive_that_is_full_holds_up_no_bus(tmp_path: Path) -> None:
    port = free_port()
    frames = VehicleBus(1).frames(BEGAN_S, BEGAN_S + 20)
    half = len(frames) // 2
    with drive(tmp_path) as plugged:
        plugged.plug()
        listening = Listening(
            tmp_path, plugged.at, [tcp_bus(port)], require_mounts=True, logging_device=TAG
        )
        async with started(listening), bridge(HOST, port) as send:
            await send(frames[:half])
            await listening.until_recorded(half)
            filler = plugged.at / "filler"
            await asyncio.to_thread(fill, filler)
            await send(frames[half:])
            await listening.until(lambda: "No space" in str(listening.status()["problem"]))
            await listening.until_heard(len(frames))
            filler.unlink()
            await listening.until(lambda: listening.status()["waiting"] == 0)
            assert await listening.child.stop() == 0
        assert listening.recorded() == rows_of(frames)
        check_runs(plugged.at / "can")


def fill(file: Path) -> None:
    with open(file, "wb", buffering=0) as out:
        for size in (MB, 4096, 1):
            try:
                while True:
                    out.write(bytes(size))
            except OSError:
                continue
