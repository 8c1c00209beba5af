"""The newest piece of the CAN recording, open for appending.

Both files of a piece only ever grow. Rows are written before the line that says when they
arrived, and reach the disk in that order, so an arrival line is never about rows that are not
there; where a power cut has left it otherwise, a new piece begins. A line that was torn is closed
with a line end, never cut off.

What was written since the last flush that succeeded is not certain, so it stays in memory, in the
``Ledger``, which outlives these files. Opened again after a drive was pulled or had an error, what
is on the disk is compared with it, line by line where it is not what was written: the rest is written,
nothing twice.

A piece that is full (or an older clock than the last row's, which would spoil the order) begins
a new one: the full one gets a second name, then an empty one takes its place by rename. So
``raw.csv`` is there at any instant, and a reader that has it open reads on to its end.
"""

import errno
import fcntl
import os
import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from ctlr.can.frame import Batch
from ctlr.can.on_disk import parts_there
from ctlr.layout.can_files import (
    ARRIVAL_HEADER,
    RAW_HEADER,
    RAW_NAME,
    Run,
    arrival_name,
    encode_run,
    parse_piece_name,
    parse_run,
    piece_name,
)

BACKWARDS_MS = 60_000
"""An arrival so much before the last one comes of a clock that was set back."""

_ARRIVAL_NAME = arrival_name(RAW_NAME)
_APPEND = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS}
_NOTHING_TO_LINK = {errno.EEXIST, errno.ENOENT}
"""Done by a change that was cut short; rows of before there were arrivals."""
_TAIL_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Flushed:
    """A piece as it was when it was last flushed: the inode of its rows, and both sizes."""

    inode: int
    raw_bytes: int
    arrival_bytes: int


@dataclass(slots=True)
class Ledger:
    """What has been written and is not known to be on the disk, and the piece as it was before."""

    mark: Flushed | None = None
    unflushed: list[Batch] = field(default_factory=list)


class CanFiles:
    """Rows and arrivals of the newest piece below an open folder, which it takes over.

    Every method raises ``OSError``; after that only ``close`` makes sense. Opened with something
    unflushed in the ledger, it is written.
    """

    def __init__(self, folder: int, rotate_bytes: int, ledger: Ledger) -> None:
        self._folder = folder
        self._ledger = ledger
        self._rotate_bytes = rotate_bytes
        self._raw = self._arrival = -1
        self._raw_bytes = self._arrival_bytes = 0
        self._last_arrived_ms = 0
        try:
            _claim(folder)
            self._open()
            if not self._take_up():
                self._begin_here()
        except BaseException:
            self.close()
            raise

    @property
    def raw_bytes(self) -> int:
        """The size of ``raw.csv``."""
        return self._raw_bytes

    def append(self, batches: Sequence[Batch]) -> None:
        """Write rows and their arrivals; they are not flushed yet."""
        self._ledger.unflushed += batches
        begin = 0
        for number, batch in enumerate(batches):
            if batch.arrived_ms < self._last_arrived_ms - BACKWARDS_MS:
                self._write(batches[begin:number])
                self._change_piece(batches[number:])
                begin = number
            self._last_arrived_ms = batch.arrived_ms
        if self._raw_bytes >= self._rotate_bytes:
            self._change_piece(batches[begin:])
        self._write(batches[begin:])

    def sync(self) -> None:
        """Bring everything to the disk, rows first. A failure is final for these files."""
        os.fdatasync(self._raw)
        os.fdatasync(self._arrival)
        self._ledger.mark = self._mark()
        self._ledger.unflushed.clear()

    def close(self) -> None:
        for fd in (self._raw, self._arrival, self._folder):
            if fd >= 0:
                with suppress(OSError):  # a drive that is gone; nothing more can be done
                    os.close(fd)
        self._raw = self._arrival = self._folder = -1

    # --- what was written before

    def _mark(self) -> Flushed:
        return Flushed(os.fstat(self._raw).st_ino, self._raw_bytes, self._arrival_bytes)

    def _take_up(self) -> bool:
        """Write what is unflushed and not on the disk; not where this is not the piece as it was left."""
        mark, unflushed = self._ledger.mark, self._ledger.unflushed
        if not unflushed or mark is None or mark.inode != os.fstat(self._raw).st_ino:
            return False
        if self._raw_bytes < mark.raw_bytes or self._arrival_bytes < mark.arrival_bytes:
            return False
        last_arrived_ms = unflushed[-1].arrived_ms
        raw = b"".join(batch.data for batch in unflushed)
        disk = _from_disk(self._raw, mark.raw_bytes, len(raw))
        if raw.startswith(disk):
            _write(self._raw, raw[len(disk) :])
            self._take_up_arrivals(mark, list(_arrival_lines(unflushed, mark.raw_bytes)))
        else:
            self._begin_with_missing(mark, disk)
        self._last_arrived_ms = last_arrived_ms
        return True

    def _take_up_arrivals(self, mark: Flushed, lines: Sequence[bytes]) -> None:
        """Write those that are not on the disk."""
        arrival = b"".join(lines)
        disk = _from_disk(self._arrival, mark.arrival_bytes, len(arrival))
        if arrival.startswith(disk):
            _write(self._arrival, arrival[len(disk) :])
            self._measure()
            return
        _close_torn_line(self._arrival, self._arrival_bytes, b" torn\n")
        known = {run.offset for run in map(parse_run, disk.splitlines(keepends=True)) if run}
        runs = ((parse_run(line), line) for line in lines)
        _write(
            self._arrival, b"".join(line for run, line in runs if run and run.offset not in known)
        )
        self._measure()
        self.sync()  # the ledger's sizes do not tell any more what is there

    def _begin_with_missing(self, mark: Flushed, disk: bytes) -> None:
        """Write the rows that ``disk`` has not where they were written into a new piece."""
        there, missing = parts_there(disk, self._ledger.unflushed)
        lines = (_arrival_lines([part.batch], mark.raw_bytes + part.at) for part in there)
        self._take_up_arrivals(mark, [line for of_part in lines for line in of_part])
        self._ledger.unflushed, self._ledger.mark = missing, None
        self._begin_piece()
        self._ledger.mark = self._mark()
        self._write(missing)

    def _begin_here(self) -> None:
        """Go on at the end of what is there, or in a new piece where that does not fit together."""
        last = _last_run(self._arrival, self._arrival_bytes)
        foreign = os.pread(self._raw, len(RAW_HEADER), 0) != RAW_HEADER
        if foreign or (last and last.end > self._raw_bytes):
            self._begin_piece()
        self._raw_bytes += _close_torn_line(self._raw, self._raw_bytes, b"\n")
        self._arrival_bytes += _close_torn_line(self._arrival, self._arrival_bytes, b" torn\n")
        self._last_arrived_ms = last.arrived_ms if last else 0
        self._ledger.mark = self._mark()
        self._write(self._ledger.unflushed)

    def _write(self, batches: Sequence[Batch]) -> None:
        if not batches:
            return
        start = self._raw_bytes
        self._raw_bytes += _write(self._raw, b"".join(batch.data for batch in batches))
        self._arrival_bytes += _write(self._arrival, b"".join(_arrival_lines(batches, start)))
        self._last_arrived_ms = batches[-1].arrived_ms

    # --- the pieces

    def _change_piece(self, unwritten: Sequence[Batch]) -> None:
        self.sync()
        self._ledger.unflushed += unwritten
        self._begin_piece()
        self._ledger.mark = self._mark()

    def _open(self) -> None:
        for name in os.listdir(self._folder):
            if name.startswith((f".{RAW_NAME}.", f".{_ARRIVAL_NAME}.")):
                os.unlink(name, dir_fd=self._folder)
        self._raw = self._open_one(RAW_NAME, RAW_HEADER)
        if os.fstat(self._raw).st_nlink > 1:  # a change of pieces was cut short
            self._begin_piece()
            return
        self._arrival = self._open_one(_ARRIVAL_NAME, ARRIVAL_HEADER)
        self._measure()

    def _open_one(self, name: str, header: bytes) -> int:
        try:
            fd = os.open(name, _APPEND, dir_fd=self._folder)
            if os.fstat(fd).st_size:
                return fd
            os.close(fd)
        except FileNotFoundError:
            pass
        return self._replace(name, header)

    def _replace(self, name: str, header: bytes) -> int:
        """Put a file with nothing but its header in the place of ``name``; returns it open."""
        temporary = f".{name}.{secrets.token_hex(4)}"
        fd = os.open(temporary, _NEW, 0o644, dir_fd=self._folder)
        try:
            _write(fd, header)
            os.fsync(fd)
            os.rename(temporary, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            os.fsync(self._folder)
        except BaseException:
            os.close(fd)
            with suppress(OSError):
                os.unlink(temporary, dir_fd=self._folder)
            raise
        return fd

    def _begin_piece(self) -> None:
        """Give the present piece a name of its own, and begin an empty one. Safe to be cut short
        anywhere and begun again."""
        name = self._second_name() or self._next_name()
        self._link(RAW_NAME, name)
        self._link(_ARRIVAL_NAME, arrival_name(name))
        os.fsync(self._folder)
        arrival = self._replace(_ARRIVAL_NAME, ARRIVAL_HEADER)
        _close(self._arrival)
        self._arrival = arrival
        raw = self._replace(RAW_NAME, RAW_HEADER)
        _close(self._raw)
        self._raw = raw
        self._measure()

    def _second_name(self) -> str | None:
        """The older piece that ``raw.csv`` is too, while a change is under way."""
        inode = os.fstat(self._raw).st_ino
        for name in filter(parse_piece_name, os.listdir(self._folder)):
            if os.stat(name, dir_fd=self._folder, follow_symlinks=False).st_ino == inode:
                return name
        return None

    def _next_name(self) -> str:
        names = [name.replace(".arrival.", ".") for name in os.listdir(self._folder)]
        numbers = [number for name in names if (number := parse_piece_name(name))]
        return piece_name(max(numbers, default=0) + 1)

    def _link(self, name: str, second: str) -> None:
        try:
            os.link(name, second, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        except OSError as error:
            if error.errno in _NO_LINKS:  # on this file system: a moment without the first name
                os.rename(name, second, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            elif error.errno not in _NOTHING_TO_LINK:
                raise

    def _measure(self) -> None:
        self._raw_bytes = os.fstat(self._raw).st_size
        self._arrival_bytes = os.fstat(self._arrival).st_size


def _arrival_lines(batches: Iterable[Batch], offset: int) -> Iterable[bytes]:
    for batch in batches:
        size = len(batch.data)
        numbers = (batch.rows, batch.low_ms, batch.high_ms)
        yield encode_run(Run(batch.arrived_ms, batch.bus, offset, size, *numbers))
        offset += size


def _from_disk(fd: int, at: int, written: int) -> bytes:
    """What a file holds from ``at`` on: as much as was ``written``, and one byte of what is more."""
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)  # as the disk has it, not the cache
    return os.pread(fd, written + 1, at)


def _close_torn_line(fd: int, size: int, end: bytes) -> int:
    """How many bytes had to be written. A row with too little data shows that it was torn; what
    is left of an arrival would look whole."""
    if size == 0 or os.pread(fd, 1, size - 1) == b"\n":
        return 0
    return _write(fd, end)


def _last_run(fd: int, size: int) -> Run | None:
    tail = os.pread(fd, _TAIL_BYTES, max(0, size - _TAIL_BYTES))
    runs = (parse_run(line) for line in reversed(tail.splitlines(keepends=True)))
    return next((run for run in runs if run), None)


def _write(fd: int, data: bytes) -> int:
    left = memoryview(data)
    while left:
        left = left[os.write(fd, left) :]
    return len(data)


def _claim(folder: int) -> None:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OSError(errno.EBUSY, "another listener records there") from error


def _close(fd: int) -> None:
    if fd >= 0:
        os.close(fd)
