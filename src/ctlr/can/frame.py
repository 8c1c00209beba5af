"""CAN frames as rows ``ts_ms,id,len,hex``, and as the lines in which bridges send them. Pure.

``ts_ms`` is the frame's own time, which a bridge without a clock may have years off or negative.
A line from a bridge is kept to the letter once it has the form of ``ctlr.layout.can_rows``; other
dialects are brought to it there, and what is no frame is counted with the reason.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ctlr.layout.can_rows import OUR_FORM, Row, read_row

MAX_LINE_BYTES = 256
"""Longer lines are no frames: 64 bytes in hexadecimal and their time take 164."""
OFF_AFTER_MS = 60_000
"""A frame whose own time is further than this from its arrival counts as off."""

GATHER_S = 0.01
"""After the first frame others are waited for: fewer wake-ups, and little of any buffer."""

TOO_LONG = "line is too long"
CUT_OFF = "line was cut off"
ADAPTER = "adapter failed"
GARBAGE = "not a frame of the adapter's protocol"

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
    """What was read in one go: rows, their own times, what was no frame, by reason, and how many
    frames are known to be lost. ``examples`` has a line for each reason."""

    data: bytes = b""
    times_ms: Sequence[int] = ()
    refused: Mapping[str, int] = field(default_factory=dict)
    lost: int = 0
    examples: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def errors(self) -> int:
        return sum(self.refused.values())


def parse_lines(text: bytes, near_ms: int | None = None) -> Taken:
    """Whole lines, without the end of the last one, that arrived at ``near_ms``. Empty lines and
    headings are passed over."""
    found = OUR_FORM.findall(text)
    data = b"".join([b"%b,%b\n" % row for row in found])
    if len(data) == len(text) + 1:  # the usual case: nothing but frames
        return Taken(data, [int(at) for at, _ in found])
    return _parse_each(text.split(b"\n"), near_ms)


def _parse_each(lines: Sequence[bytes], near_ms: int | None) -> Taken:
    rows: list[bytes] = []
    times: list[int] = []
    refused: Counter[str] = Counter()
    examples: dict[str, bytes] = {}
    for line in lines:
        if quick := OUR_FORM.fullmatch(line):
            rows.append(b"%b,%b\n" % quick.groups())
            times.append(int(quick[1]))
            continue
        if not line.strip() or line.startswith(_HEADING):
            continue
        read = read_row(line, near_ms)
        if isinstance(read, Row):
            rows.append(read.text)
            times.append(read.ts_ms)
        else:
            refused[read.reason] += 1
            examples.setdefault(read.reason, line)
    return Taken(b"".join(rows), times, refused, examples=examples)


class LineReader:
    """Lines out of a stream that is cut anywhere. Holds no more than ``MAX_LINE_BYTES``."""

    def __init__(self) -> None:
        self._rest = b""
        self._too_long = False

    @property
    def held_bytes(self) -> int:
        """How much of a line that has not ended yet is kept."""
        return len(self._rest)

    def feed(self, chunk: bytes, near_ms: int | None = None) -> Taken:
        """The lines that end in ``chunk``; one that is too long counts once, as an error."""
        text, newline, rest = (self._rest + chunk).rpartition(b"\n")
        if self._too_long:
            if not newline:
                return Taken()
            text = text.partition(b"\n")[2]  # what belongs to the line that was given up
        self._too_long = len(rest) > MAX_LINE_BYTES
        self._rest = b"" if self._too_long else rest
        lines = parse_lines(text, near_ms) if newline else Taken()
        if not self._too_long:
            return lines
        refused = {**lines.refused, TOO_LONG: lines.refused.get(TOO_LONG, 0) + 1}
        return Taken(
            lines.data, lines.times_ms, refused, examples={**lines.examples, TOO_LONG: rest}
        )

    def end(self, near_ms: int | None = None) -> Taken:
        """The last line, if the stream ended without its end; a cut one is an error."""
        rest, self._rest = self._rest, b""
        if rest.endswith(b","):
            return Taken(refused={CUT_OFF: 1}, examples={CUT_OFF: rest})
        return parse_lines(rest, near_ms)
