"""CAN frames as rows ``ts_ms,id,len,hex``, and as the lines in which bridges send them. Pure.

``ts_ms`` is the frame's own time, which a bridge without a clock may have years off or negative.
``id`` is hexadecimal: up to three digits for a standard one, eight for an extended one. ``len``
counts data bytes (up to 8, with CAN FD up to 64); ``hex`` holds two digits for each, or nothing
for a remote frame. A line from a bridge is kept to the letter once it has that form.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

MAX_LINE_BYTES = 256
"""Longer lines are no frames: 64 bytes in hexadecimal and their time take 164."""
OFF_AFTER_MS = 60_000
"""A frame whose own time is further than this from its arrival counts as off."""

GATHER_S = 0.01
"""After the first frame others are waited for: fewer wake-ups, and little of any buffer."""

_LENGTHS = (8, *range(8), 12, 16, 20, 24, 32, 48, 64)
_DATA = b"|".join(b"%d,(?:[0-9A-Fa-f]{%d})?" % (size, 2 * size) for size in _LENGTHS)
_LINE = re.compile(
    rb"^(-?[0-9]{1,20}),(?:0[xX])?([0-9A-Fa-f]{1,8},(?:" + _DATA + rb"))\r?$", re.MULTILINE
)
_HEADING = b"ts_ms,"


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that arrived together on one bus; times in Unix milliseconds.

    ``low_ms`` and ``high_ms`` are the extremes of their own times, ``off_times`` is how many of
    those are off.
    """

    bus: str
    arrived_ms: int
    data: bytes
    rows: int
    low_ms: int
    high_ms: int
    off_times: int


def make_batch(bus: str, arrived_ms: int, data: bytes, times_ms: Sequence[int]) -> Batch:
    """A batch of at least one row."""
    low, high = min(times_ms), max(times_ms)
    first, last = arrived_ms - OFF_AFTER_MS, arrived_ms + OFF_AFTER_MS
    off = 0
    if low < first or high > last:
        off = sum(not first <= at <= last for at in times_ms)
    return Batch(bus, arrived_ms, data, len(times_ms), low, high, off)


def format_row(
    ts_ms: int, frame_id: int, data: bytes, *, extended: bool = False, remote_len: int = 0
) -> bytes:
    """A frame's row; ``remote_len`` is the length that a remote frame asks for."""
    name = b"%08X" % frame_id if extended else b"%03X" % frame_id
    return b"%d,%b,%d,%b\n" % (
        ts_ms,
        name,
        len(data) or remote_len,
        data.hex().upper().encode("ascii"),
    )


@dataclass(frozen=True, slots=True)
class Taken:
    """What was read in one go: rows, their own times, how much was no frame but an error or
    garbage, and how many frames are known to be lost."""

    data: bytes = b""
    times_ms: Sequence[int] = ()
    errors: int = 0
    lost: int = 0


def parse_lines(text: bytes) -> Taken:
    """Whole lines, without the end of the last one. Empty lines and headings are passed over."""
    found = _LINE.findall(text)
    times = [int(at) for at, _ in found]
    data = b"".join([b"%b,%b\n" % row for row in found])
    if len(data) == len(text) + 1:  # the usual case: nothing but frames
        return Taken(data, times)
    said = sum(bool(line.strip()) and not line.startswith(_HEADING) for line in text.split(b"\n"))
    return Taken(data, times, said - len(found))


class LineReader:
    """Lines out of a stream that is cut anywhere. Holds no more than ``MAX_LINE_BYTES``."""

    def __init__(self) -> None:
        self._rest = b""
        self._too_long = False

    @property
    def held_bytes(self) -> int:
        """How much of a line that has not ended yet is kept."""
        return len(self._rest)

    def feed(self, chunk: bytes) -> Taken:
        """The lines that end in ``chunk``; one that is too long counts once, as an error."""
        text, newline, rest = (self._rest + chunk).rpartition(b"\n")
        if self._too_long:
            if not newline:
                return Taken()
            text = text.partition(b"\n")[2]  # what belongs to the line that was given up
        self._too_long = len(rest) > MAX_LINE_BYTES
        self._rest = b"" if self._too_long else rest
        lines = parse_lines(text) if newline else Taken()
        return Taken(lines.data, lines.times_ms, lines.errors + self._too_long)

    def end(self) -> Taken:
        """The last line, if the stream ended without its end; a cut one is an error."""
        rest, self._rest = self._rest, b""
        return Taken(errors=1) if rest.endswith(b",") else parse_lines(rest)
