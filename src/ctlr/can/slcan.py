"""Frames from a serial adapter that speaks slcan (LAWICEL), read as they come in, not by the byte.

python-can opens the port and the bus (bitrate, listen only). A line ends with CR: ``t1A04DEADBEEF``
is a frame with a standard identifier, ``T`` one with an extended, ``r`` and ``R`` ask for one,
``d``, ``D``, ``b`` and ``B`` are CAN FD. What follows the data (a time stamp of 16 bits that turns
over each minute) is left out: the time of a frame is its arrival. A bell is the adapter's no.
"""

import os
import re
import select
import time

from ctlr.can.frame import GARBAGE, GATHER_S, Taken

_MAX_BYTES = 1 << 16
_MAX_LINE_BYTES = 256

_FRAME = re.compile(
    rb"(?:[tdb]([0-9A-Fa-f]{3})|[TDB]([01][0-9A-Fa-f]{7}))([0-9A-Fa-f])((?:[0-9A-Fa-f]{2})*)"
)
_REMOTE = re.compile(rb"(?:r([0-9A-Fa-f]{3})|R([01][0-9A-Fa-f]{7}))([0-8])(?:[0-9A-Fa-f]{4})?")
_ANSWER = re.compile(rb"[zZ]?|[VvNF][0-9A-Za-z]*")
_LENGTHS = (*range(9), 12, 16, 20, 24, 32, 48, 64)


class SlcanSource:
    """Reads from ``fd``, a serial port whose bus has been opened."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._rest = b""
        os.set_blocking(fd, False)

    def read(self, timeout_s: float) -> Taken:
        """What has come in; waits for the first byte. Raises ``OSError`` when it is unplugged."""
        if not select.select([self._fd], [], [], timeout_s)[0]:
            return Taken()
        time.sleep(GATHER_S)
        chunk = os.read(self._fd, _MAX_BYTES)
        if not chunk:
            raise ConnectionError("the adapter was unplugged")
        text, _, rest = (self._rest + chunk).rpartition(b"\r")
        lost_its_way = len(rest) > _MAX_LINE_BYTES
        self._rest = b"" if lost_its_way else rest
        taken = parse_slcan(text, time.time_ns() // 1_000_000)
        refused = {GARBAGE: errors} if (errors := taken.errors + lost_its_way) else {}
        return Taken(taken.data, taken.times_ms, refused)


def parse_slcan(text: bytes, at_ms: int) -> Taken:
    """Lines of an adapter, without the end of the last one, as rows of ``at_ms``."""
    rows = []
    errors = text.count(b"\a")
    for line in text.replace(b"\a", b"").split(b"\r"):
        row = _row(line, at_ms)
        if row is not None:
            rows.append(row)
        elif not _ANSWER.fullmatch(line):
            errors += 1
    return Taken(b"".join(rows), [at_ms] * len(rows), {GARBAGE: errors} if errors else {})


def _row(line: bytes, at_ms: int) -> bytes | None:
    found = _FRAME.match(line)
    if found:
        standard, extended, code, data = found.groups()
        size = _LENGTHS[int(code, 16)]
        if len(data) < 2 * size or (size > 8 and line[:1] in b"tT"):
            return None
        data = data[: 2 * size]
    elif found := _REMOTE.fullmatch(line):
        standard, extended, code = found.groups()
        size, data = int(code), b""
    else:
        return None
    return b"%d,%b,%d,%b\n" % (at_ms, (standard or extended).upper(), size, data.upper())
