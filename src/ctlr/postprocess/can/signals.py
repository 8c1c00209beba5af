"""Signals out of frames: the bits of many frames of one message at once. Pure.

What a signal is (its bits, byte order, sign, scale, page) is what cantools reads from a database.
Its own decoder takes a frame at a time; here a column of frames is decoded in one go, so that with
both tables written it takes half of what that needs for decoding alone (bench/can_cut.py). The
tests hold it against cantools, bit by bit.

Bits are numbered as in DBC files: by byte, from the least significant bit of each. A signal in
Intel order (little endian) begins at its least significant bit, one in Motorola order (big endian)
at its most significant.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Values = NDArray[Any]

_WORD_BITS = 64
_EXACT_BELOW = 2**53


@dataclass(frozen=True, slots=True)
class Signal:
    """One signal. ``page_of`` names the signal that says which page a frame holds; this one is
    on ``pages``, or on each where there is none. Several signals of a message may share a name."""

    name: str
    start: int
    length: int
    big_endian: bool
    signed: bool
    is_float: bool
    scale: float
    offset: float
    unit: str = ""
    page_of: str | None = None
    pages: frozenset[int] = frozenset()

    @property
    def first_bit(self) -> int:
        """Counted from the first byte on, each from the bit that the byte order begins with."""
        return 8 * (self.start // 8) + 7 - self.start % 8 if self.big_endian else self.start

    @property
    def bytes_needed(self) -> int:
        return (self.first_bit + self.length + 7) // 8

    @property
    def is_exact(self) -> bool:
        """Whether it is a whole number that may be too long for a floating-point one."""
        if self.is_float or not (self.scale.is_integer() and self.offset.is_integer()):
            return False
        largest = (abs(int(self.scale)) << self.length) + abs(int(self.offset))
        return largest > _EXACT_BELOW


@dataclass(frozen=True, slots=True)
class Message:
    """A frame's meaning. ``length`` is how many data bytes it should have. Where it is a
    ``parameter_group`` of SAE J1939, frames of any sender and priority are of it."""

    name: str
    frame_id: int
    extended: bool
    length: int
    signals: tuple[Signal, ...]
    parameter_group: bool = False


def decode(message: Message, data: Bytes) -> list[Values]:
    """The values of each of a message's signals in frames of the same length, one row each.

    Numbers that are exact (``Signal.is_exact``) are Python's, with None where a frame is of
    another page or has too little data for the signal; others are floating-point, with not a
    number there.
    """
    with np.errstate(all="ignore"):  # bits may be any number, and no number
        return _decode(message, data)


def _decode(message: Message, data: Bytes) -> list[Values]:
    bits = _Bits(data)
    raw = [
        bits.raw(signal) if signal.bytes_needed <= data.shape[1] else None
        for signal in message.signals
    ]
    pages = _Pages(message, raw)
    values = []
    for place, (signal, numbers) in enumerate(zip(message.signals, raw, strict=True)):
        nothing: Any = None if signal.is_exact else np.nan
        if numbers is None:
            kind = np.object_ if signal.is_exact else np.float64
            values.append(np.full(len(data), nothing, kind))
        else:
            values.append(np.where(pages.hold(place), _scaled(signal, numbers), nothing))
    return values


class _Bits:
    """The bits of frames in both byte orders, unpacked when first asked for."""

    def __init__(self, data: Bytes) -> None:
        self._data = data
        self._intel: Bytes | None = None
        self._motorola: Bytes | None = None

    def raw(self, signal: Signal) -> Values:
        """A signal's bits as the number that they are."""
        first = signal.first_bit
        if signal.big_endian:
            if self._motorola is None:
                self._motorola = np.unpackbits(self._data, axis=1, bitorder="big")
            bits = self._motorola[:, first : first + signal.length][:, ::-1]
        else:
            if self._intel is None:
                self._intel = np.unpackbits(self._data, axis=1, bitorder="little")
            bits = self._intel[:, first : first + signal.length]
        if signal.length > _WORD_BITS:
            return _long(signal, bits)
        number = np.zeros(len(bits), np.uint64)
        for place in range(signal.length):
            number |= bits[:, place].astype(np.uint64) << np.uint64(place)
        return _typed(signal, number)


def _long(signal: Signal, bits: Bytes) -> Values:
    """Numbers of more bits than a machine's word, from their least significant bit on."""
    rows = np.packbits(bits, axis=1, bitorder="little")
    numbers = [int.from_bytes(row.tobytes(), "little") for row in rows]
    if signal.signed:
        half = 1 << (signal.length - 1)
        numbers = [(number ^ half) - half for number in numbers]
    return np.array(numbers, np.object_)


def _typed(signal: Signal, number: NDArray[np.uint64]) -> Values:
    if signal.is_float:
        width = {16: (np.uint16, np.float16), 32: (np.uint32, np.float32)}
        unsigned, floating = width.get(signal.length, (np.uint64, np.float64))
        return number.astype(unsigned).view(floating)
    if signal.signed:
        unused = np.int64(_WORD_BITS - signal.length)
        return (number.view(np.int64) << unused) >> unused
    return number


def _scaled(signal: Signal, raw: Values) -> Values:
    if signal.is_exact:
        return np.asarray(raw.astype(np.object_) * int(signal.scale) + int(signal.offset))
    return np.asarray(raw, np.float64) * signal.scale + signal.offset


class _Pages:
    """Which frames hold which signals of a message; a page's signal may be on a page itself."""

    def __init__(self, message: Message, raw: Sequence[Values | None]) -> None:
        self._signals = message.signals
        self._raw = raw
        self._frames = max((len(numbers) for numbers in raw if numbers is not None), default=0)

    def hold(self, place: int, deeper: frozenset[int] = frozenset()) -> NDArray[np.bool_]:
        """Which frames are of a page that the signal at this place is on. ``deeper`` are the
        signals that ask: none is on a page of its own."""
        signal = self._signals[place]
        if signal.page_of is None:
            return np.ones(self._frames, np.bool_)
        there = np.zeros(self._frames, np.bool_)
        for other, chooser in enumerate(self._signals):
            numbers = self._raw[other]
            if chooser.name != signal.page_of or numbers is None or other in deeper | {place}:
                continue
            on_page = np.isin(numbers, list(signal.pages))
            there |= on_page & self.hold(other, deeper | {place})
        return there
