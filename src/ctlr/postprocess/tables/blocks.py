"""A file's text in blocks, and its rows block by block: memory does not depend on its length.

Text is UTF-8, with or without a byte-order mark, or UTF-16 with one. A row that does not end
within ``MOST_ROW_BYTES`` is none: a quote that is never closed is taken for an ordinary
character, and what still has no end is passed over.
"""

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from ctlr.postprocess.tables.rows import Rows, split_rows

BLOCK_BYTES = 1 << 20
MOST_ROW_BYTES = 1 << 20
MOST_BYTES = 4 << 30
"""A file is read no further than this."""

_UTF16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def read_text(file: BinaryIO) -> Iterator[bytes]:
    """A file as UTF-8 without a mark, ``BLOCK_BYTES`` at a time. Raises ``OSError``."""
    block = file.read(BLOCK_BYTES)
    encoding = _UTF16.get(block[:2])
    decode = codecs.getincrementaldecoder(encoding)("replace").decode if encoding else None
    block = block[2:] if encoding else block.removeprefix(codecs.BOM_UTF8)
    done = BLOCK_BYTES
    while block:
        yield decode(block).encode("utf-8", "replace") if decode else block
        block = file.read(BLOCK_BYTES) if done < MOST_BYTES else b""
        done += BLOCK_BYTES


def read_rows(blocks: Iterator[bytes], delimiter: int) -> Iterator[Rows]:
    """All rows; the last one may lack its end. Raises ``OSError``."""
    rest = b""
    for block in blocks:
        data = rest + block
        rows = split_rows(data, delimiter)
        if len(data) - rows.used > MOST_ROW_BYTES:
            rows = split_rows(data, delimiter, quoting=False)
        rest = data[rows.used :]
        if len(rest) > MOST_ROW_BYTES:
            rest = b""
        yield rows
    if rest:
        rows = split_rows(rest + b"\n", delimiter)
        yield rows if rows.used else split_rows(rest + b"\n", delimiter, quoting=False)
