"""A real camera process, a real rsync daemon, and a stand-in for the controller's one endpoint."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ctlr.camera.test_picture import Stamp, read_video_stamps
from ctlr.kernel.hashing import hash_file
from ctlr.layout.frame_times import FrameRow, parse_rows
from ctlr.layout.raw import is_delivered_name

NODE = "melb-01-cam-01"
UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
OTHER_UUID = "9d4a3f2b-8c1e-4c6b-8f0e-1a2b3c4d5e6f"
READY_S = 40.0

RUN = """
import asyncio
from ctlr.camera.service import run_camera
from ctlr.config import load_settings
asyncio.run(run_camera(load_settings()))
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(what: str, check: Callable[[], Any], timeout_s: float = READY_S) -> Any:
    """The first true value of ``check``; fails the test when there is none in time."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        if value := check():
            return value
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen within {timeout_s:g} s")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class CameraProcess:
    """``python -c`` around ``run_camera``, configured by environment only. ``environment`` is what
    the process gets besides, ``camera`` its settings; ``program`` is Python's arguments."""

    def __init__(
        self,
        folder: Path,
        target: str,
        controller: str,
        environment: dict[str, str] | None = None,
        program: Sequence[str] = ("-c", RUN),
        **camera: object,
    ) -> None:
        self.port = free_port()
        self.spool = folder / "spool"
        self.log = folder / "camera.log"
        values = {
            "host": "127.0.0.1",
            "port": self.port,
            "spool": self.spool,
            "target": target,
            "controller": controller,
            "segment_s": 1,
            "width": 320,
            "height": 240,
            "fps": 15,
            "bitrate_kbps": 500,
            "announce": False,
        } | camera
        node = {
            "CTLR_NODE": NODE,
            "CTLR_MQTT__PORT": str(free_port()),
            "CTLR_MQTT__SPOOL": str(folder / "mqtt.db"),
            "PYTHONFAULTHANDLER": "1",
        }
        self._program = program
        self._environment = dict(os.environ) | node | (environment or {})
        self.configure(**values)
        self.process: subprocess.Popen[bytes] | None = None

    def configure(self, **camera: object) -> None:
        """Settings from the next start on."""
        settings = {f"CTLR_CAMERA__{key.upper()}": str(value) for key, value in camera.items()}
        self._environment |= settings

    def start(self) -> None:
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "error", *self._program],
                env=self._environment,
                stdout=log,
                stderr=log,
            )
        wait_for("the camera's API", self._answers)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait; returns the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(READY_S)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.end(signal.SIGKILL)

    def _answers(self) -> bool:
        assert self.process is not None
        code = self.process.poll()
        assert code is None, f"the camera ended with {code}: {self.log.read_text()}"
        try:
            return bool(self.call("/status")[1]["success"])
        except OSError:
            return False

    def call(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
        """GET, or POST where there is a body; returns the HTTP status and the parsed answer."""
        url = f"http://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(url, data=body, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=READY_S) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def start_recording(self, uuid: str = UUID, delay_ms: int = 1000) -> int:
        start_at = now_ms() + delay_ms
        answer = self.call(
            "/record/start", json.dumps({"uuid": uuid, "start_at": start_at}).encode()
        )
        assert answer[1]["success"], answer
        return start_at

    def stop_recording(self) -> int:
        """Returns the number of segments."""
        answer = self.call("/record/stop", b"")[1]
        assert answer["success"], answer
        segments: int = answer["data"]["segments"]
        return segments

    def status(self) -> Any:
        return self.call("/status")[1]["data"]

    def until_segment(self, number: int) -> None:
        """Wait until it records the segment of that number, or a later one on a busy machine."""

        def reached() -> bool:
            newest = self.status()["segment"]
            return newest is not None and newest >= number

        wait_for(f"segment {number}", reached)

    def session(self, uuid: str = UUID) -> Path:
        return self.spool / uuid


class RsyncDaemon:
    """Module ``logging`` over a folder, on a port of its own; can be down for a while."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "logging"
        self.root.mkdir()
        self._port = free_port()
        self._config = folder / "rsyncd.conf"
        as_root = "uid = root\ngid = root\n" if os.getuid() == 0 else ""  # others may not set it
        self._config.write_text(
            f"use chroot = no\n{as_root}pid file = {folder / 'rsyncd.pid'}\n"
            f"log file = {folder / 'rsyncd.log'}\n"
            f"[logging]\npath = {self.root}\nread only = no\nlist = no\n"
        )
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def target(self) -> str:
        return f"rsync://127.0.0.1:{self._port}/logging/"

    def start(self) -> None:
        self._config.with_name("rsyncd.pid").unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [
                "rsync",
                "--daemon",
                "--no-detach",
                f"--config={self._config}",
                f"--port={self._port}",
                "--address=127.0.0.1",
            ],
        )
        wait_for("the rsync daemon", self._answers)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

    def close(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(READY_S)
            self.process = None

    def session(self, uuid: str = UUID) -> Path:
        return self.root / NODE / uuid


class Controller:
    """Takes reports; lists as durable what really lies in the logging folder, with its hash.

    ``mood``: ``well``; ``plain`` (an installed controller: no ``durable``); an HTTP status to
    refuse with; ``garbage``; ``hang up``. ``liar`` names a file that it claims to hold with
    another hash, once.
    """

    def __init__(self, logging: Path) -> None:
        self.mood: str | int = "well"
        self.liar: str | None = None
        self.reports: list[dict[str, Any]] = []
        self.asked = 0
        self._logging = logging
        controller = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, answer = controller._answer(self.path, json.loads(body))
                if answer is None:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def completed(self, uuid: str = UUID) -> dict[str, Any] | None:
        """The accepted report that a session is complete, if there was one."""
        mine = (report for report in list(self.reports) if report["uuid"] == uuid)
        return next((report for report in mine if report["complete"]), None)

    def _answer(self, path: str, report: dict[str, Any]) -> tuple[int, bytes | None]:
        assert path == "/api/sync/report"
        self.asked += 1
        if isinstance(self.mood, int):
            return self.mood, b'{"status": %d, "code": "storage_full"}' % self.mood
        if self.mood == "hang up":
            return 0, None
        if self.mood == "garbage":
            return 200, b"<html>captive portal</html>"
        self.reports.append(report)
        answer: dict[str, Any] = {"ok": True}
        if self.mood == "well":
            folder, asks = self._logging / report["camera"] / report["uuid"], report["asks"]
            there = [file for file in self._durable(folder) if file["name"] in asks]
            answer["durable"] = there
            answer["absent"] = sorted({*asks} - {file["name"] for file in there})
        return 200, json.dumps(answer).encode()

    def _durable(self, folder: Path) -> list[dict[str, Any]]:
        files = sorted(folder.iterdir()) if folder.is_dir() else []
        durable = [
            {"name": file.name, "size": file.stat().st_size, "xxh128": hash_file(file)[1]}
            for file in files
            if is_delivered_name(file.name)
        ]
        for file in durable:
            if file["name"] == self.liar:
                file["xxh128"] = "0" * 32
                self.liar = None
        return durable


def check_delivered(folder: Path, start_at: int) -> list[list[tuple[FrameRow, Stamp]]]:
    """Every frame's row agrees with what its pixels say; returns them segment by segment."""
    segments = []
    for video in sorted(folder.glob("seg_*.mp4")):
        rows = parse_rows(video.with_name(f"{video.stem}.frames.csv").read_text())
        stamps = list(read_video_stamps(video))
        assert [row.pts_us for row in rows] == [pts_us for pts_us, _ in stamps], video
        frames = []
        for row, (_, stamp) in zip(rows, stamps, strict=True):
            assert stamp == Stamp(row.captured_at_us, row.frame)
            assert row.captured_at_us == start_at * 1000 + row.pts_us
            frames.append((row, stamp))
        segments.append(frames)
    return segments
