"""One JSON object a line over a Unix socket: how QEMU's monitor and its guest agent are spoken to.

``Monitor`` (QMP) moves what the machine is made of: drives, ports, power. ``Agent`` runs commands
inside. It is reached over a virtual serial line, not over the network, so a scenario may cut,
slow or lose the network without losing its hands.
"""

import base64
import json
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from rig.machine import Completed, MachineError

ANSWER_S = 60.0
CHUNK_BYTES = 1 << 20
_FIRST_POLL_S, _SLOWEST_POLL_S = 0.02, 0.25


class JsonSocket:
    """A connection; ``call`` asks one thing and waits for its answer."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(ANSWER_S)
        try:
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            raise
        self._lines = self._socket.makefile("rb")

    def close(self) -> None:
        self._lines.close()
        self._socket.close()

    def call(self, command: str, **arguments: Any) -> Any:
        """What it returns. Raises ``MachineError`` where it refuses, ``OSError`` where it is gone."""
        self.send(command, arguments)
        while True:
            answer = self.read_line()
            if "error" in answer:
                raise MachineError(f"{command}: {answer['error'].get('desc', answer['error'])}")
            if "return" in answer:
                return answer["return"]

    def send(self, command: str, arguments: dict[str, Any]) -> None:
        asked = {"execute": command, "arguments": arguments}
        self._socket.sendall(json.dumps(asked).encode() + b"\n")

    def read_line(self) -> dict[str, Any]:
        line = self._lines.readline()
        if not line:
            raise ConnectionResetError(f"{self._path.name} was closed")
        answer: dict[str, Any] = json.loads(line.lstrip(b"\xff"))
        return answer

    def set_timeout(self, seconds: float) -> None:
        self._socket.settimeout(seconds)


class Monitor(JsonSocket):
    """QMP, qemu's ``interop/qmp-spec``. Events are passed over."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.read_line()  # the greeting
        self.call("qmp_capabilities")


class Agent:
    """The guest agent. Without a running one in the machine, ``connect`` says so in time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: JsonSocket | None = None

    def connect(self, deadline_s: float) -> None:
        """Return when it answers. Raises ``MachineError`` after ``deadline_s``."""
        until = time.monotonic() + deadline_s
        while time.monotonic() < until:
            with suppress(OSError, ValueError):
                self._connect_once()
                return
            self.close()
            time.sleep(0.2)
        raise MachineError(f"nobody answers on {self._path.name} after {deadline_s:g} s")

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def run(self, argv: Sequence[str], stdin: str | None, deadline_s: float) -> Completed:
        """Run a command to its end. Raises ``MachineError`` when it has not ended in time."""
        given = {} if stdin is None else {"input-data": base64.b64encode(stdin.encode()).decode()}
        asked = {"path": argv[0], "arg": list(argv[1:]), "capture-output": True, **given}
        pid = self._call("guest-exec", **asked)["pid"]
        until = time.monotonic() + deadline_s
        pause = _FIRST_POLL_S
        while True:
            state = self._call("guest-exec-status", pid=pid)
            if state["exited"]:
                code = state.get("exitcode", -state.get("signal", 0))
                return Completed(tuple(argv), code, _text(state, "out"), _text(state, "err"))
            if time.monotonic() > until:
                raise MachineError(f"{' '.join(argv)} has not ended after {deadline_s:g} s")
            time.sleep(pause)
            pause = min(pause * 1.5, _SLOWEST_POLL_S)

    def write_file(self, path: str, data: bytes) -> None:
        handle = self._call("guest-file-open", path=path, mode="wb")
        for at in range(0, len(data), CHUNK_BYTES):
            chunk = base64.b64encode(data[at : at + CHUNK_BYTES]).decode()
            self._call("guest-file-write", handle=handle, **{"buf-b64": chunk})
        self._call("guest-file-close", handle=handle)

    def read_file(self, path: str) -> bytes:
        handle = self._call("guest-file-open", path=path, mode="rb")
        data = b""
        while True:
            got = self._call("guest-file-read", handle=handle, count=CHUNK_BYTES)
            data += base64.b64decode(got["buf-b64"])
            if got["eof"]:
                break
        self._call("guest-file-close", handle=handle)
        return data

    def _connect_once(self) -> None:
        self._connection = JsonSocket(self._path)
        self._connection.set_timeout(2.0)
        mark = time.monotonic_ns() & 0x7FFF_FFFF
        self._connection.send("guest-sync-delimited", {"id": mark})
        while self._connection.read_line().get("return") != mark:
            pass  # what an earlier connection asked for
        self._connection.set_timeout(ANSWER_S)

    def _call(self, command: str, **arguments: Any) -> Any:
        if self._connection is None:
            raise MachineError("the machine is not running")
        try:
            return self._connection.call(command, **arguments)
        except OSError as error:
            raise MachineError(f"the machine does not answer to {command}: {error}") from error


def _text(state: dict[str, Any], which: str) -> str:
    return base64.b64decode(state.get(f"{which}-data", "")).decode("utf-8", "replace")
