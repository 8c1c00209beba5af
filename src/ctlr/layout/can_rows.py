"""Rows of CAN frames: ``ts_ms,id,len,hex``, and the dialects in which bridges and dumps have them.
Pure.

In our form the time is in Unix milliseconds (a bridge without a clock may have it years off or
negative), the identifier in hexadecimal, up to three digits for a standard one and eight for an
extended one, the length in data bytes, and the data in two digits for each, or nothing for a
remote frame. What has that form is kept to the letter; what means a frame otherwise is brought
to it:

- times in seconds, with or without a fraction, in microseconds or nanoseconds; a fraction of a
  millisecond is left out;
- SocketCAN's flags of extended and remote frames in the identifier, ``0x``, leading zeros, spaces;
- a length that is the code of CAN FD (9 to 15), or that of a classic frame of eight bytes;
- lines of ``candump -L``: ``(1436509052.249713) can0 044#2A366C2B``, and as it shows them otherwise:
  ``(1436509052.249713)  can0  RX - -  044   [4]  2A 36 6C 2B   '*6l+'``;
- fields in quotes, and an ``x`` behind an extended identifier.

Error frames are no frames, and neither is what cannot be understood: the reason is said.
"""

import re
from decimal import Decimal
from typing import NamedTuple

ERROR_FRAME = "error frame"
NO_ROW = "not a row of four fields"
BAD_TIME = "time cannot be read"
BAD_IDENTIFIER = "identifier cannot be read"
BAD_LENGTH = "length and data do not agree"

EXTENDED, REMOTE, ERROR = 0x80000000, 0x40000000, 0x20000000
"""Flags beside the identifier (linux/can.h)."""
ID_BITS, STANDARD_BITS = 0x1FFFFFFF, 0x7FF

LENGTHS = (*range(9), 12, 16, 20, 24, 32, 48, 64)
"""Data bytes by the length code that is sent on the bus."""
_CLASSIC_BYTES = 8

_FIELDS = re.compile(rb"\s*[,;\t]\s*")
_NUMBER = re.compile(rb"-?[0-9]{1,20}(?:\.[0-9]*)?")
_IDENTIFIER = re.compile(rb"(?:0[xX])?(?:0+(?=[0-9A-Fa-f]{8}[xX]?\Z))?([0-9A-Fa-f]{1,8})([xX]?)")
_DATA = re.compile(rb"(?:0[xX])?((?:[0-9A-Fa-f]{2})*)")
_CANDUMP = re.compile(
    rb"\(([0-9.]+)\)\s+\S+\s+([0-9A-Fa-f]{3}|[0-9A-Fa-f]{8})#"
    rb"(?:#[0-9A-Fa-f])?(R?)([0-9A-Fa-f]*)(?:_[0-9A-Fa-f])?(?:\s+[RTBE]+)?"
)

_SHOWN = re.compile(
    rb"\(([0-9.]+)\)\s+\S+\s+(?:[RT]X(?:\s+[A-Z-])*\s+)?([0-9A-Fa-f]{3}|[0-9A-Fa-f]{8})\s+"
    rb"\[0?([0-9]{1,2})\]\s*((?:[0-9A-Fa-f]{2}(?:\s+|\Z))*)(remote request|ERRORFRAME)?\s*(?:'.*)?",
    re.DOTALL,
)

_SIZES = b"|".join(b"%d,(?:[0-9A-Fa-f]{%d})?" % (n, 2 * n) for n in (8, *range(8), *LENGTHS[9:]))
OUR_FORM = re.compile(
    rb"^(-?[0-9]{1,9}|[0-9]{13}),(?:0[xX])?((?:[01][0-9A-Fa-f]{7}|[0-9A-Fa-f]{1,7}),(?:"
    + _SIZES
    + rb"))\r?$",
    re.MULTILINE,
)
"""Lines whose time is in milliseconds without a doubt; its groups joined by a comma are the row."""

_DAY_S = 86_400
_SECONDS = range(1_000_000_000, 4_200_000_000)
"""Seconds since 1970 from 2001 to 2103; as milliseconds they would be days of 1970."""
_MICROSECONDS, _NANOSECONDS = 10**14, 10**17


class Row(NamedTuple):
    """A frame in our form, with its line end, and its time in Unix milliseconds."""

    ts_ms: int
    text: bytes


class Refused(NamedTuple):
    """Why a line is no frame; one of the constants of this module."""

    reason: str


def read_row(line: bytes, near_ms: int | None = None) -> Row | Refused:
    """A line without its end. ``near_ms`` is when it arrived, where that is known: it tells a
    time in seconds from the milliseconds of a device that has been on for some weeks."""
    bare = line.strip()
    if dumped := _CANDUMP.fullmatch(bare):
        at, name, remote, data = dumped.groups()
        length = data or b"0" if remote else b"%d" % (len(data) // 2)
        fields = [at, _extended(name), length, b"" if remote else data]
    elif shown := _SHOWN.fullmatch(bare):
        at, name, length, data, kind = shown.groups()
        if kind == b"ERRORFRAME":
            return Refused(ERROR_FRAME)
        fields = [at, _extended(name), length, b"" if kind else b"".join(data.split())]
    else:
        fields = _FIELDS.split(bare.replace(b'"', b""))
    if len(fields) != 4:
        return Refused(NO_ROW)
    return _read(fields, near_ms)


def _extended(name: bytes) -> bytes:
    """An identifier of candump, which has eight digits where it is an extended one."""
    number = int(name, 16)
    return b"%08X" % (number | EXTENDED) if len(name) > 3 and number <= ID_BITS else name


def read_time(text: bytes, near_ms: int | None = None) -> int | None:
    """A time in Unix milliseconds, whatever its unit; None if it is none."""
    if not _NUMBER.fullmatch(text):
        return None
    if b"." in text:
        value = Decimal(text.decode())
        return int(value * 1000) if abs(value) < 10**11 else int(value)
    number = int(text)
    if _NANOSECONDS <= number < 10**19:
        return number // 1_000_000
    if _MICROSECONDS <= number < _NANOSECONDS:
        return number // 1000
    if near_ms is None:
        return number * 1000 if number in _SECONDS else number
    return number * 1000 if abs(number - near_ms // 1000) < _DAY_S else number


def to_rows(text: bytes) -> bytes:
    """Whole lines with those in our form that are frames; others stay as they are."""
    found = OUR_FORM.findall(text)
    if sum(len(at) + len(rest) + 2 for at, rest in found) == len(text):
        return text
    rows = []
    for line in text.splitlines(keepends=True):
        read = read_row(line)
        rows.append(read.text if isinstance(read, Row) else line)
    return b"".join(rows)


def _read(fields: list[bytes], near_ms: int | None) -> Row | Refused:
    ts_ms = read_time(fields[0], near_ms)
    if ts_ms is None:
        return Refused(BAD_TIME)
    name = _IDENTIFIER.fullmatch(fields[1])
    if not name:
        return Refused(BAD_IDENTIFIER)
    number, digits = int(name[1], 16), name[1]
    if name[2]:
        number |= EXTENDED
    if number & ERROR:
        return Refused(ERROR_FRAME)
    if number > ID_BITS:
        frame_id = number & ID_BITS
        extended = number & EXTENDED or frame_id > STANDARD_BITS
        digits = b"%08X" % frame_id if extended else b"%03X" % frame_id
    body = _DATA.fullmatch(fields[3].replace(b" ", b""))
    if not body or not fields[2].isdigit():
        return Refused(BAD_LENGTH)
    data = b"" if number & REMOTE and number > ID_BITS else body[1]
    length = _length(int(fields[2]), len(data) // 2)
    if length is None:
        return Refused(BAD_LENGTH)
    return Row(ts_ms, b"%d,%b,%d,%b\n" % (ts_ms, digits, length, data))


def _length(said: int, size: int) -> int | None:
    """How many data bytes a frame has, or asks for; None where that cannot be."""
    if size == 0:
        return min(said, _CLASSIC_BYTES) if said < len(LENGTHS) else None
    if size not in LENGTHS:
        return None
    code = said if said < len(LENGTHS) else None
    if said == size or (code is not None and LENGTHS[code] == size):
        return size
    return size if code is not None and code > _CLASSIC_BYTES == size else None
