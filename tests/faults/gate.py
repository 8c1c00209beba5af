"""Which operations of a pretended disk go wrong, and how. Every call passes through here.

A ``Fault`` names a file system operation (``read``, ``write``, ``fsync``, ``statfs``, ``rename``,
...; ``*`` for all) and what it meets: an error, a delay, or no answer until it is healed. The
gate also keeps count of the calls, so that a test can say what must never be called twice.
"""

import errno
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatch

CHANGES = {"create", "write", "truncate", "mkdir", "rmdir", "rename", "unlink", "utimens", "chmod"}
"""Operations that a read-only file system refuses."""


@dataclass(frozen=True)
class Fault:
    """What ``operation`` meets from now on.

    ``error`` is an errno, 0 for none. The first ``after`` calls go well, then ``times`` calls
    do not (None: all). ``path`` is a pattern of names below the mount (``/cam.mp4``);
    ``from_byte`` spares reads and writes that end before that byte of the file.
    """

    operation: str
    error: int = errno.EIO
    delay_s: float = 0.0
    hang: bool = False
    after: int = 0
    times: int | None = None
    path: str = "*"
    from_byte: int = 0

    def concerns(self, operation: str, path: str, end: int) -> bool:
        named = self.operation in {"*", operation}
        return named and end >= self.from_byte and fnmatch(path, self.path)


@dataclass
class _Active:
    fault: Fault
    seen: int = 0

    def strikes(self) -> bool:
        """Count a call; whether it is one that goes wrong."""
        self.seen += 1
        number = self.seen - self.fault.after
        return number > 0 and (self.fault.times is None or number <= self.fault.times)


@dataclass
class Gate:
    """The faults in force. Any thread may call."""

    _active: list[_Active] = field(default_factory=list)
    _calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    _bytes_left: int | None = None
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def add(self, fault: Fault) -> None:
        with self._changed:
            self._active.append(_Active(fault))

    def heal(self) -> None:
        """End every fault; whatever hangs goes on."""
        with self._changed:
            self._active.clear()
            self._bytes_left = None
            self._changed.notify_all()

    def limit(self, bytes_left: int) -> None:
        """The disk takes so many bytes more, then it is full."""
        with self._changed:
            self._bytes_left = bytes_left

    def calls(self, operations: Iterable[str], path: str) -> int:
        with self._changed:
            wanted = set(operations)
            return sum(
                count
                for (operation, name), count in self._calls.items()
                if operation in wanted and fnmatch(name, path)
            )

    def enter(self, operation: str, path: str, *, end: int = 0, size: int = 0) -> None:
        """A call begins. ``end`` is the last byte of the file that it concerns, ``size`` how many
        it writes. Raises ``OSError`` if it goes wrong."""
        with self._changed:
            self._calls[operation, path] += 1
            struck = [a for a in self._active if a.fault.concerns(operation, path, end)]
            faults = [a.fault for a in struck if a.strikes()]
            for fault in faults:
                self._meet(fault)
            if size and self._bytes_left is not None:
                self._use(size)

    def _meet(self, fault: Fault) -> None:
        if fault.hang:
            self._changed.wait_for(lambda: all(a.fault is not fault for a in self._active))
            return
        if fault.delay_s:
            self._changed.release()
            try:
                time.sleep(fault.delay_s)
            finally:
                self._changed.acquire()
        if fault.error:
            raise OSError(fault.error, "as the test wants")

    def _use(self, size: int) -> None:
        assert self._bytes_left is not None
        if size > self._bytes_left:
            raise OSError(errno.ENOSPC, "as the test wants")
        self._bytes_left -= size
