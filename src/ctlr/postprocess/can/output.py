"""A file of a session that is hashed while it is written."""

import os
from pathlib import Path

from ctlr.kernel.hashing import new_hash

_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
_AGAIN = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC


class OutputError(OSError):
    """The sync disk failed: not what was recorded is at fault, but where it goes."""


class HashedFile:
    """A new file at ``path``. Every method but ``close`` raises ``OutputError``."""

    def __init__(self, path: Path, heading: bytes = b"") -> None:
        self._path = path
        self._digest = new_hash()
        self._fd = -1
        self.size = 0
        self._open(_NEW)
        self.write(heading)

    def write(self, data: bytes) -> None:
        self._open(_AGAIN)
        self._digest.update(data)
        self.size += len(data)
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(self._fd, left) :]
        except OSError as error:
            raise self._error(error) from error

    def end(self) -> tuple[int, str]:
        """Bring it to the disk; returns its size and xxh128."""
        self._open(_AGAIN)
        try:
            os.fsync(self._fd)
        except OSError as error:
            raise self._error(error) from error
        self.close()
        return self.size, self._digest.hexdigest()

    def close(self) -> None:
        """Hold no descriptor until the next call."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open(self, flags: int) -> None:
        if self._fd >= 0:
            return
        try:
            self._path.parent.mkdir(exist_ok=True)
            self._fd = os.open(self._path, flags, 0o644)
        except OSError as error:
            raise self._error(error) from error

    def _error(self, error: OSError) -> OutputError:
        return OutputError(error.errno, error.strerror, str(self._path))
