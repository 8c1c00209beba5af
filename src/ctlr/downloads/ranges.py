"""Which part of a file a request wants (RFC 9110, 14). Pure.

One range of bytes is answered with it; several at once, another unit and what makes no sense are
answered with the whole file, as the standard allows.
"""

import re
from dataclasses import dataclass

_ONE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*", re.ASCII)


@dataclass(frozen=True)
class Part:
    """Bytes ``first`` to ``last``, both included, of ``size``."""

    first: int
    last: int
    size: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1

    @property
    def content_range(self) -> str:
        return f"bytes {self.first}-{self.last}/{self.size}"


class UnsatisfiableError(Exception):
    """The range lies behind the end of the file."""


def parse_range(header: str | None, size: int) -> Part | None:
    """The part that is wanted; None for the whole file. Raises ``UnsatisfiableError``."""
    match = _ONE.fullmatch(header or "")
    if match is None or match[1] == match[2] == "":
        return None
    if not match[1]:
        length = min(int(match[2]), size)
        if length == 0:
            raise UnsatisfiableError
        return Part(size - length, size - 1, size)
    first = int(match[1])
    last = min(int(match[2]), size - 1) if match[2] else size - 1
    if first >= size:
        raise UnsatisfiableError
    return Part(first, last, size) if first <= last else None
