"""The CAN listener: frames kept without loss, and what they cost, beside a bare receive loop.

Two paths. A socket that stamps and counts as a SocketCAN one does (UDP on loopback with the
kernel's frames as datagrams: this way the bench needs no CAN in the kernel), and the TCP bridge.
A bus at 1 Mbit/s carries at most some 8,900 frames with 8 bytes a second. The reference receives
the same and appends it to a file as it comes: no rows, no arrivals, no flushes, nothing counted.

Goal: at 9,000 frames a second nothing lost on either path; at 4,000 a small share of a core.
"""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
from bench.paired import machine
from rich.console import Console
from rich.table import Table

from ctlr.can.intake import Intake
from ctlr.can.recorder import Recorder
from ctlr.can.socketcan import SocketcanSource
from ctlr.kernel.clock import SystemClock
from ctlr.simulator.places import HOST, to_toml

RATES = (4_000, 9_000, 20_000)
SECONDS = 4.0
TICK_S = 0.002
_FRAME = struct.pack("=IB3x8s", 0x1A0, 8, bytes(range(8)))


@dataclass(frozen=True)
class Result:
    sent: int
    kept: int
    cpu_percent: float


def main() -> None:
    if len(sys.argv) > 1:
        _BESIDES[sys.argv[1]](*sys.argv[2:])
        return
    console = Console(width=110)
    console.print(machine(), style="dim", highlight=False)
    table = Table(title=f"Frames for {SECONDS:g} s each", title_justify="left")
    for heading in ("path", "frames/s", "sent", "kept", "lost", "CPU", "reference", "ratio"):
        table.add_column(heading, justify="right" if heading != "path" else "left")
    for path, send in (("socket", send_datagrams), ("bridge", send_lines)):
        for rate in RATES:
            ours, reference = run(path, send, rate, "ours"), run(path, send, rate, "reference")
            table.add_row(
                path,
                *(f"{rate:,}", f"{ours.sent:,}", f"{ours.kept:,}", str(ours.sent - ours.kept)),
                *(f"{ours.cpu_percent:.1f} %", f"{reference.cpu_percent:.1f} %"),
                f"{ours.cpu_percent / reference.cpu_percent:.1f}x",
            )
    console.print(table)


def run(path: str, send: Callable[[int, int], int], rate: int, who: str) -> Result:
    """Send at a rate to a receiver of its own process; what it kept, and its CPU meanwhile."""
    with tempfile.TemporaryDirectory(prefix="ctlr-bench-") as name, socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
        probe.close()
        folder = Path(name)
        with receiver(path, who, port, folder) as process:
            used = sum(psutil.Process(process.pid).cpu_times()[:2])
            sent = send(port, rate)
            time.sleep(0.5)  # what is still on its way
            used = sum(psutil.Process(process.pid).cpu_times()[:2]) - used
            process.send_signal(signal.SIGTERM)
            process.wait(20)
        return Result(sent, kept(folder, who, path), 100 * used / SECONDS)


def kept(folder: Path, who: str, path: str) -> int:
    if who == "ours":
        return (folder / "can" / "raw.csv").read_bytes().count(b"\n") - 1
    content = (folder / "received").read_bytes()
    return len(content) // len(_FRAME) if path == "socket" else content.count(b"\n")


def send_datagrams(port: int, rate: int) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect((HOST, port))
        return pace(rate, lambda count: [sender.send(_FRAME) for _ in range(count)])


def send_lines(port: int, rate: int) -> int:
    with socket.create_connection((HOST, port)) as sender:

        def send(count: int) -> None:
            now_ms = time.time_ns() // 1_000_000
            sender.sendall(b"%d,1A0,8,0001020304050607\n" % now_ms * count)

        return pace(rate, send)


def pace(rate: int, send: Callable[[int], object]) -> int:
    """Send what is due every ``TICK_S``; returns how many frames that were."""
    began, sent = time.perf_counter(), 0
    while (passed := time.perf_counter() - began) < SECONDS:
        due = int(passed * rate) - sent
        send(due)
        sent += due
        time.sleep(TICK_S)
    return sent


@contextmanager
def receiver(path: str, who: str, port: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    command: Sequence[str] = [
        sys.executable,
        "-m",
        "bench.can_frames",
        f"{who}-{path}",
        str(port),
        str(folder),
    ]
    if (path, who) == ("bridge", "ours"):
        command = [
            sys.executable,
            "-m",
            "ctlr",
            "--config",
            str(_config(port, folder)),
            "listen-can",
        ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_until_open(process, path, who, folder)
        yield process
    finally:
        process.kill()
        process.wait()


def _config(port: int, folder: Path) -> Path:
    file = folder / "ctlr.toml"
    bus = {"name": "bridge", "interface": "tcp", "host": HOST, "port": port}
    file.write_text(
        to_toml(
            {
                "node": "bench",
                "storage": {"logging": str(folder), "require_mounts": False},
                "mqtt": {"spool": str(folder / "spool.db"), "port": 1},
                "can": {"status_file": str(folder / "status.json"), "buses": [bus]},
            }
        )
    )
    return file


def _wait_until_open(process: subprocess.Popen[bytes], path: str, who: str, folder: Path) -> None:
    ready = folder / ("status.json" if (path, who) == ("bridge", "ours") else "ready")
    deadline = time.monotonic() + 20
    while not ready.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the receiver ({who}, {path}) does not come up")
        time.sleep(0.02)


# --- what runs in the receiver's process


def listen_on_socket(port: str, folder: str) -> None:
    """The listener's reader and recorder on a socket."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    clock = SystemClock()
    recorder = Recorder(
        Path(folder), lambda: None, clock, rotate_bytes=1 << 40, memory_bytes=1 << 26
    )
    intake = Intake("can0", recorder.put, clock)
    writer = threading.Thread(target=recorder.run)
    with _udp(port) as sock:
        source = SocketcanSource(sock)
        writer.start()
        (Path(folder) / "ready").touch()
        while not stopping.is_set():
            intake.take(source.read(0.2))
    recorder.stop()
    writer.join()
    (Path(folder) / "counts").write_text(json.dumps({"lost": intake.lost}))


def receive(path: str, port: str, folder: str) -> None:
    """Append what comes in to a file, and nothing else."""
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    opened = _udp(port) if path == "socket" else _accepted(port, Path(folder))
    with open(Path(folder) / "received", "wb", buffering=0) as out, opened as sock:
        sock.settimeout(0.2)
        (Path(folder) / "ready").touch()
        while not stopped.is_set():
            try:
                out.write(sock.recv(1 << 16))
            except TimeoutError:
                continue


@contextmanager
def _udp(port: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((HOST, int(port)))
        yield sock


@contextmanager
def _accepted(port: str, folder: Path) -> Iterator[socket.socket]:
    with socket.create_server((HOST, int(port))) as server:
        (folder / "ready").touch()
        connection, _ = server.accept()
        with connection:
            yield connection


_BESIDES: dict[str, Callable[..., None]] = {
    "ours-socket": listen_on_socket,
    "reference-socket": partial(receive, "socket"),
    "reference-bridge": partial(receive, "bridge"),
}


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main()
