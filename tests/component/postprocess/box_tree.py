"""MP4 files taken apart, changed and put together again: what other people's muxers write."""

import struct
from collections.abc import Callable
from pathlib import Path

_CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"dinf"}


class Node:
    """A box: with ``inner`` boxes, or with ``data``."""

    def __init__(self, kind: bytes, data: bytes = b"", inner: "list[Node] | None" = None) -> None:
        self.kind, self.data, self.inner = kind, data, inner

    def pack(self) -> bytes:
        body = self.data if self.inner is None else b"".join(node.pack() for node in self.inner)
        return struct.pack(">I4s", len(body) + 8, self.kind) + body

    def at(self, *path: bytes) -> "Node":
        node = self
        for kind in path:
            node = next(inner for inner in node.inner or () if inner.kind == kind)
        return node

    def drop(self, *kinds: bytes) -> None:
        self.inner = [inner for inner in self.inner or () if inner.kind not in kinds]


class Tree:
    """The boxes of a file."""

    def __init__(self, data: bytes) -> None:
        self.top = _parse(data)

    @property
    def moov(self) -> Node:
        return next(node for node in self.top if node.kind == b"moov")

    def track(self, kind: bytes = b"vide") -> Node:
        traks = (node for node in self.moov.inner or () if node.kind == b"trak")
        return next(t for t in traks if t.at(b"mdia", b"hdlr").data[8:12] == kind)

    def table(self, box: bytes, kind: bytes = b"vide") -> Node:
        return self.track(kind).at(b"mdia", b"minf", b"stbl", box)

    def tables(self, kind: bytes = b"vide") -> Node:
        return self.track(kind).at(b"mdia", b"minf", b"stbl")

    def hide(self, *rows: tuple[float, float], kind: bytes = b"vide") -> None:
        """Give a track an edit list: seconds shown, from which second of the media on (-1: nothing)."""
        track = self.track(kind)
        track.drop(b"edts")
        movie = struct.unpack_from(">I", self.moov.at(b"mvhd").data, 12)[0]
        media = struct.unpack_from(">I", track.at(b"mdia", b"mdhd").data, 12)[0]
        packed = b"".join(
            struct.pack(">IiI", round(a * movie), -1 if b < 0 else int(b * media), 1 << 16)
            for a, b in rows
        )
        elst = Node(b"elst", struct.pack(">II", 0, len(rows)) + packed)
        assert track.inner is not None
        track.inner.insert(1, Node(b"edts", inner=[elst]))

    def add_copy(self, number: int) -> Node:
        """The picture once more, as another track."""
        (copy,) = _parse(self.track().pack())
        header = bytearray(copy.at(b"tkhd").data)
        header[12:16] = struct.pack(">I", number)
        copy.at(b"tkhd").data = bytes(header)
        assert self.moov.inner is not None
        last = max(i for i, node in enumerate(self.moov.inner) if node.kind == b"trak")
        self.moov.inner.insert(last + 1, copy)
        return copy

    def add_data_track(self) -> Node:
        """A camera's own data: one sample of 16 bytes."""
        copy = self.add_copy(9)
        handler = copy.at(b"mdia", b"hdlr")
        handler.data = handler.data[:8] + b"meta" + handler.data[12:]
        copy.drop(b"edts")
        tables = copy.at(b"mdia", b"minf", b"stbl")
        offset = tables.at(b"stco").data[8:12]
        tables.drop(b"stss", b"ctts", b"sgpd", b"sbgp")
        entry = Node(b"gpmd", bytes(6) + b"\0\1" + bytes(4)).pack()
        tables.at(b"stsd").data = struct.pack(">II", 0, 1) + entry
        tables.at(b"stts").data = struct.pack(">IIII", 0, 1, 1, 90_000)
        tables.at(b"stsc").data = struct.pack(">IIIII", 0, 1, 1, 1, 1)
        tables.at(b"stsz").data = struct.pack(">IIII", 0, 0, 1, 16)
        tables.at(b"stco").data = struct.pack(">II", 0, 1) + offset
        return copy


def _parse(data: bytes) -> list[Node]:
    found, at = [], 0
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if length == 1:
            length, head = struct.unpack_from(">Q", data, at + 8)[0], 16
        body = data[at + head : at + length]
        found.append(Node(kind, inner=_parse(body)) if kind in _CONTAINERS else Node(kind, body))
        at += length
    return found


def edit(path: Path, change: Callable[[Tree], object]) -> None:
    """Change a file's boxes in their place."""
    tree = Tree(path.read_bytes())
    change(tree)
    path.write_bytes(b"".join(node.pack() for node in tree.top))


def u32(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)
