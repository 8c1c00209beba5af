"""One output video that only ever grows at its end.

::

    ftyp | mdat seg | mdat seg | ... | mdat seg |            while segments arrive
    ftyp | mdat ------------------------------- | moov       finished

Each segment's media bytes are one ``mdat`` box, so that after a crash the boxes tell how far it
got. To finish, ``moov`` is appended and one 8-byte write makes the first ``mdat`` span all of
them: a player then finds everything in three ranged requests. What has been copied and flushed
stands in a journal beside the video, one JSON line a segment; a later run takes up from there.
Lines are only written after the bytes they speak of are on the disk, so they can be believed
after a power cut. A flush that fails is not tried again, it would succeed over what was lost:
video and journal are removed, and whoever tries next starts over.
"""

import json
import os
import struct
from contextlib import suppress
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Self

from ctlr.kernel.hashing import new_hash
from ctlr.mp4.blank import Area, zeros
from ctlr.mp4.merge import Pieces
from ctlr.postprocess.manifest.copying import Copier, SourceChangedError

FTYP = b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41"
FLUSH_BYTES = 256 << 20
MAX_BLANK = 64
"""Most stretches of zeros that are told apart in a segment."""
_HEAD_BYTES = 16


@dataclass(frozen=True, slots=True)
class Chunk:
    """One segment's media bytes in the video, and which file they came from."""

    segment: str
    source_bytes: int
    source_mtime_ns: int
    offset: int
    length: int
    xxh128: str
    blank: tuple[Area, ...] = ()  # of the source, where it is zeros
    looked_at: bool = False  # whether each of its frames was found to be one

    @property
    def end(self) -> int:
        return self.offset + self.length

    @property
    def made_of(self) -> tuple[str, int, int]:
        """Name, size and modification time of the file."""
        return self.segment, self.source_bytes, self.source_mtime_ns


@dataclass(frozen=True, slots=True)
class Index:
    """Where the finished video's ``moov`` lies, and its hash."""

    offset: int
    length: int
    xxh128: str


class GrowingVideo:
    """Appends segments to ``path``, journalling in ``journal``. A context manager.

    Opening takes up what an earlier run has left. All methods raise ``OSError``.
    """

    def __init__(self, path: Path, journal: Path) -> None:
        self._paths = path, journal
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._journal = open(journal, "ab+", buffering=0)  # noqa: SIM115 - closed in close()
        self._blank: list[Area] = []
        self._copier = Copier(self._fd, look=self._look)
        self._unflushed: list[Chunk] = []
        try:
            self.chunks = self._recover()
        except OSError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        try:
            os.close(self._fd)
        finally:
            self._journal.close()

    @property
    def end(self) -> int:
        return self.chunks[-1].end if self.chunks else len(FTYP)

    @property
    def bytes_unflushed(self) -> int:
        return sum(chunk.length for chunk in self._unflushed)

    def append(self, source: Path, media: list[tuple[int, int]], seen: tuple[int, int]) -> Chunk:
        """Copy the media ranges of a segment to the end.

        ``seen`` are its size and modification time (ns) when ``media`` was found out. Raises
        ``SourceChangedError`` when it has others: the bytes are not those that are meant.
        """
        offset = self.end + _HEAD_BYTES
        # First, so that the file only ever grows: exFAT fills holes and seeks back slowly.
        _write_all(self._fd, _mdat_head(sum(length for _, length in media)), self.end)
        fd = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._blank.clear()
            length, digest = self._copier.copy(fd, media, offset)
            stat = os.fstat(fd)
        finally:
            os.close(fd)
        if (stat.st_size, stat.st_mtime_ns) != seen:
            raise SourceChangedError
        chunk = Chunk(source.name, *seen, offset, length, digest, tuple(self._blank))
        self.chunks.append(chunk)
        self._unflushed.append(chunk)
        if self.bytes_unflushed >= FLUSH_BYTES:
            self.flush()
        return chunk

    def vouch_for_last(self) -> Chunk:
        """Note that each frame of the newest segment was looked at, unless that is journalled."""
        chunk = replace(self.chunks[-1], looked_at=True)
        self.chunks[-1] = chunk
        if self._unflushed:
            self._unflushed[-1] = chunk
        return chunk

    def _look(self, block: bytearray, size: int, at: int) -> None:
        found = zeros(block, size, at)
        room = MAX_BLANK - len(self._blank)
        self._blank += found[:room]
        if found[room:]:  # so many are one
            self._blank[-1] = (self._blank[-1][0], found[-1][1])

    def flush(self) -> None:
        """Put what was appended on the disk, then into the journal."""
        if not self._unflushed:
            return
        self._flush(self._fd)
        self._journal.write(b"".join(_line(chunk) for chunk in self._unflushed))
        self._flush(self._journal.fileno())
        self._unflushed.clear()

    def finish(self, moov: Pieces) -> Index:
        """Append the index, close the media box over all segments, and flush."""
        start, digest = self.end, new_hash()
        with open(self._fd, "r+b", buffering=1 << 17, closefd=False) as file:
            file.seek(start)
            for piece in moov:
                file.write(piece)
                digest.update(piece)
            length = file.tell() - start
        self._cut_off(start + length)
        _write_all(self._fd, _mdat_head(start - len(FTYP) - _HEAD_BYTES), len(FTYP))
        self._flush(self._fd)
        return Index(start, length, digest.hexdigest())

    def _flush(self, fd: int) -> None:
        try:
            os.fsync(fd)
        except OSError:
            self._unflushed.clear()
            for path in self._paths:
                with suppress(OSError):  # a disk that fails here as well is found out later
                    path.unlink(missing_ok=True)
            raise

    def _cut_off(self, end: int) -> None:
        """Drop what lies behind ``end``. Only if there is something: ext4 writes a file that was
        ever truncated to the disk when it is closed, which costs as much as the copy."""
        if os.fstat(self._fd).st_size > end:
            os.ftruncate(self._fd, end)

    def _recover(self) -> list[Chunk]:
        """What the journal and the boxes agree on; the rest of the file is cut off."""
        self._journal.seek(0)
        chunks: list[Chunk] = []
        end, size = len(FTYP), os.fstat(self._fd).st_size
        good = 0
        for line in self._journal.read().splitlines(keepends=True):
            chunk = _parse_line(line)
            if chunk is None or chunk.offset != end + _HEAD_BYTES or chunk.end > size:
                break
            if chunks and os.pread(self._fd, _HEAD_BYTES, end) != _mdat_head(chunk.length):
                break
            chunks.append(chunk)
            end, good = chunk.end, good + len(line)
        self._journal.truncate(good)
        self._cut_off(end)
        _write_all(self._fd, FTYP, 0)
        if chunks:
            _write_all(self._fd, _mdat_head(chunks[0].length), len(FTYP))
        return chunks


def _mdat_head(length: int) -> bytes:
    return struct.pack(">I4sQ", 1, b"mdat", length + _HEAD_BYTES)


def _line(chunk: Chunk) -> bytes:
    return json.dumps(astuple(chunk)).encode() + b"\n"


def _parse_line(line: bytes) -> Chunk | None:
    with suppress(ValueError, TypeError, RecursionError):
        if line.endswith(b"\n"):
            chunk = Chunk(*json.loads(line))
            return replace(chunk, blank=tuple((begin, end) for begin, end in chunk.blank))
    return None


def _write_all(fd: int, data: bytes, at: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, at)
        view, at = view[written:], at + written
