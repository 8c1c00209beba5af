"""Asks the controller all the time, as an impatient phone would, and notes how long it took.

A process of its own, so that what the driver does meanwhile is not measured. One line a request:
instant (Unix seconds), path, milliseconds, status (0: no answer).
"""

import http.client
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PATHS = ("/health", "/api/status")
EVERY_S = 0.1
TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Probe:
    """One request: when it was sent, to what, how long until the whole answer was here."""

    sent_at: float
    path: str
    took_ms: float
    status: int


class Prober:
    """Probes from ``start`` to ``stop``; ``pause`` and ``go_on`` leave out what is meant to be off."""

    def __init__(
        self,
        address: str,
        port: int,
        log: Path,
        left_out: Sequence[tuple[float, float]] = (),
    ) -> None:
        self._log = log
        self._where = [address, str(port)]
        self._process: subprocess.Popen[bytes] | None = None
        self._left_out = list(left_out)
        self._paused_at: float | None = None

    def start(self) -> None:
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-u", __file__, *self._where], stdout=log, stdin=subprocess.DEVNULL
            )

    def pause(self) -> None:
        """From now on nobody is expected to answer."""
        self._paused_at = time.time()

    def go_on(self) -> None:
        """It has answered again."""
        assert self._paused_at is not None
        self._left_out.append((self._paused_at, time.time()))
        self._paused_at = None

    def stop(self) -> list[Probe]:
        """All that counts."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None
        probes = [
            _parse(line) for line in self._log.read_text().splitlines() if line.count(" ") == 3
        ]
        return [probe for probe in probes if not self._is_left_out(probe)]

    def _is_left_out(self, probe: Probe) -> bool:
        """Sent into a pause, or without an answer when one began."""
        ended_at = probe.sent_at + probe.took_ms / 1000
        return any(probe.sent_at <= end and ended_at >= begin for begin, end in self._left_out)


def _parse(line: str) -> Probe:
    sent_at, path, took_ms, status = line.split(" ")
    return Probe(float(sent_at), path, float(took_ms), int(status))


def _probe_forever(address: str, port: int) -> None:
    connection = http.client.HTTPConnection(address, port, timeout=TIMEOUT_S)
    turn = 0
    while True:
        path = PATHS[turn % len(PATHS)]
        turn += 1
        sent_at, began = time.time(), time.monotonic()
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            status = answer.status
        except (OSError, http.client.HTTPException):
            connection.close()
            status = 0
        took_s = time.monotonic() - began
        print(f"{sent_at:.3f} {path} {took_s * 1000:.1f} {status}")
        time.sleep(max(0.0, EVERY_S - took_s))


if __name__ == "__main__":
    _probe_forever(sys.argv[1], int(sys.argv[2]))
