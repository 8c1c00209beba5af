"""A file's text in blocks, whatever its encoding: memory does not depend on its length.

UTF-8 and UTF-16, with or without a byte-order mark; what is not UTF-8 is taken for Windows' Latin
letters. Every line end is LF. NUL bytes, as a power cut leaves them, are passed over and counted.
"""

import codecs
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

_CONTROL = str.maketrans("", "", "".join(map(chr, [*range(9), *range(14, 32), 127])))
_MOST_CONTROL_SHARE = 0.01
_SURELY, _HARDLY = 0.4, 0.1  # shares of NULs in every second byte of UTF-16, and in the others


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a file is held at once, how long a row may be, and how far a file is read."""

    block_bytes: int = 1 << 18
    row_chars: int = 1 << 20
    file_bytes: int = 4 << 30


LIMITS = Limits()


class Text:
    """The text of a file. ``nuls`` and ``unread_bytes`` are known when all blocks were read."""

    def __init__(self, file: IO[bytes], limits: Limits = LIMITS) -> None:
        self._file = file
        self._limits = limits
        self.nuls = 0
        self.unread_bytes = 0

    def blocks(self) -> Iterator[str]:
        """Of ``block_bytes`` each. Raises ``OSError``."""
        data = self._file.read(self._limits.block_bytes)
        decoder = codecs.getincrementaldecoder(find_encoding(data))("replace")
        lines = io.IncrementalNewlineDecoder(decoder, translate=True)
        while data:
            following = self._read_on()
            block = lines.decode(data, final=not following)
            if "\0" in block:
                self.nuls += block.count("\0")
                block = block.replace("\0", "")
            yield block
            data = following

    def _read_on(self) -> bytes:
        if self._file.tell() < self._limits.file_bytes:
            return self._file.read(self._limits.block_bytes)
        self.unread_bytes = self._file.seek(0, io.SEEK_END) - self._limits.file_bytes
        return b""


def find_encoding(head: bytes) -> str:
    """From the first bytes of a file."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    body = head.rstrip(b"\0")
    even, odd = _nul_share(body[::2]), _nul_share(body[1::2])
    if odd > _SURELY and even < _HARDLY:
        return "utf-16-le"
    if even > _SURELY and odd < _HARDLY:
        return "utf-16-be"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def is_binary(text: str) -> bool:
    """Whether the beginning of a file is no text at all."""
    controls = len(text) - len(text.translate(_CONTROL))
    return controls > _MOST_CONTROL_SHARE * len(text)


def _nul_share(part: bytes) -> float:
    return part.count(0) / max(1, len(part))
