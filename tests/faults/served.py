"""A FUSE file system in a process of its own, and the test's hold on it.

The server cannot live in the test's process: a test that waits in a system call on it would
never let it answer. The two talk over a socket: the test calls methods of the server's object by
name. When the test's end of the socket closes, for whatever reason, the server lets go of all
that hangs, unmounts and ends.
"""

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import pytest
from tests.faults.gate import Fault, Gate

START_S = 20.0
ROOT = Path(__file__).parents[2]


def why_not() -> str | None:
    """Why no file system can be served here; None if one can."""
    if os.geteuid() != 0:
        return "mounts need root"
    if not os.path.exists("/dev/fuse") or not shutil.which("fusermount3"):
        return "there is no FUSE (Debian package fuse3)"
    return None


needs_faults = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
"""Marks a test that needs a disk that fails."""


class Operations(Protocol):
    """What a server serves: besides these, the methods that libfuse calls, by their names there."""

    gate: Gate
    use_ns: bool
    ready: Callable[[], None]


def serve(operations: Operations, **options: bool) -> None:
    """Serve ``operations``: the mount point and the socket's number are the last arguments."""
    import mfusepy  # type: ignore[import-untyped] # it ships no types

    mount_point, control = sys.argv[-2], Connection(int(sys.argv[-1]))
    operations.ready = lambda: control.send((True, None))
    thread = threading.Thread(target=_obey, args=(operations, control, mount_point), daemon=True)
    thread.start()
    name = type(operations).__name__
    mfusepy.FUSE(operations, mount_point, foreground=True, allow_other=True, fsname=name, **options)


def _obey(operations: Operations, control: Connection, mount_point: str) -> None:
    while True:
        try:
            owner, method, arguments = control.recv()
        except EOFError:
            operations.gate.heal()
            subprocess.run(["umount", "--lazy", mount_point], check=False, capture_output=True)
            os._exit(0)  # whoever still has a file open gets ENOTCONN
        target = operations.gate if owner == "gate" else operations
        try:
            control.send((True, getattr(target, method)(*arguments)))
        except Exception as error:
            control.send((False, f"{type(error).__name__}: {error}"))


class Served:
    """A file system at ``mount_point`` that a module serves. A context manager.

    ``arguments`` are those of the module ``tests.faults.{module}``.
    """

    def __init__(self, module: str, mount_point: Path, *arguments: str) -> None:
        self.mount_point = mount_point
        self._command = [sys.executable, "-m", f"tests.faults.{module}", *arguments]
        self._control: Connection | None = None
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.mount_point.mkdir(parents=True, exist_ok=True)
        ours, theirs = socket.socketpair()
        with theirs:
            self._server = subprocess.Popen(
                [*self._command, str(self.mount_point), str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
            )
        self._control = Connection(ours.detach())
        try:
            self._receive(START_S)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Unmount and end the server."""
        assert self._server is not None
        assert self._control is not None
        self._control.close()
        try:
            self._server.wait(START_S)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait(START_S)
            raise
        finally:
            self._unmount()

    def _unmount(self) -> None:
        while os.path.ismount(self.mount_point):
            subprocess.run(["umount", "--lazy", str(self.mount_point)], check=True)

    # --- what goes wrong

    def fail(self, operation: str, error: int = Fault.error, **details: Any) -> None:
        """Let an operation fail until ``heal``; ``details`` as in ``Fault``."""
        self.call_gate("add", Fault(operation, error, **details))

    def hang(self, operation: str, **details: Any) -> None:
        """Let an operation never answer, until ``heal``."""
        self.call_gate("add", Fault(operation, 0, hang=True, **details))

    def slow(self, operation: str, delay_s: float, **details: Any) -> None:
        """Let an operation take its time."""
        self.call_gate("add", Fault(operation, 0, delay_s=delay_s, **details))

    def heal(self) -> None:
        """End every fault; whatever hangs goes on."""
        self.call_gate("heal")

    def calls(self, *operations: str, path: str = "*") -> int:
        """How often operations were called on names that match, faults included."""
        return int(self.call_gate("calls", operations, path))

    def call_gate(self, method: str, *arguments: object) -> Any:
        return self._call("gate", method, *arguments)

    def call(self, method: str, *arguments: object) -> Any:
        """Call a method of the served object."""
        return self._call("operations", method, *arguments)

    def _call(self, *message: object) -> Any:
        owner, method, *arguments = message
        assert self._control is not None
        self._control.send((owner, method, arguments))
        return self._receive(None)

    def _receive(self, timeout_s: float | None) -> Any:
        assert self._control is not None
        if not self._control.poll(timeout_s):
            raise TimeoutError("the file system was not mounted in time")
        with suppress(EOFError):
            done, result = self._control.recv()
            if not done:
                raise RuntimeError(result)
            return result
        raise RuntimeError("the file system's server has ended")
