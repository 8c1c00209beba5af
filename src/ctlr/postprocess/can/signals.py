"""Signals out of frames: the bits of many frames of one message at once. Pure.

What a signal is (its bits, byte order, sign, scale, page) is what cantools reads from a database.
Its own decoder takes a frame at a time; here a column of frames is decoded in one go, so that with
both tables written it takes half of what that needs for decoding alone (bench/can_cut.py). The
tests hold it against cantools, bit by bit.

Bits are numbered as in DBC files: by byte, from the least significant bit of each. A signal in
Intel order (little endian) begins at its least significant bit, one in Motorola order (big endian)
at its most significant.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Signal:
    """One signal. ``page_of`` names the signal that says which page a frame holds; this one is
    on ``pages``, or on each where there is none."""

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
    def bytes_needed(self) -> int:
        if self.big_endian:
            first = 8 * (self.start // 8) + 7 - self.start % 8
            return (first + self.length + 7) // 8
        return (self.start + self.length + 7) // 8


@dataclass(frozen=True, slots=True)
class Message:
    """A frame's meaning. ``length`` is how many data bytes it should have."""

    name: str
    frame_id: int
    extended: bool
    length: int
    signals: tuple[Signal, ...]


def decode(message: Message, data: Bytes) -> dict[str, Values]:
    """The values of each signal in frames of the same length, one row each; not a number where a
    frame is of another page, or has too little data for a signal."""
    with np.errstate(all="ignore"):  # bits may be any number, and no number
        return _decode(message, data)


def _decode(message: Message, data: Bytes) -> dict[str, Values]:
    bits = _Bits(data)
    raw = {
        signal.name: bits.raw(signal)
        for signal in message.signals
        if signal.bytes_needed <= data.shape[1]
    }
    signals = {signal.name: signal for signal in message.signals}
    nothing = np.full(len(data), np.nan)
    return {
        name: np.where(_is_there(signal, signals, raw), _scaled(signal, raw[name]), np.nan)
        if name in raw
        else nothing
        for name, signal in signals.items()
    }


class _Bits:
    """The bits of frames in both byte orders, unpacked when first asked for."""

    def __init__(self, data: Bytes) -> None:
        self._data = data
        self._intel: Bytes | None = None
        self._motorola: Bytes | None = None

    def raw(self, signal: Signal) -> NDArray[np.generic]:
        """A signal's bits as the number that they are."""
        weights = np.uint64(1) << np.arange(signal.length, dtype=np.uint64)
        if signal.big_endian:
            if self._motorola is None:
                self._motorola = np.unpackbits(self._data, axis=1, bitorder="big")
            first = 8 * (signal.start // 8) + 7 - signal.start % 8
            bits, weights = self._motorola[:, first : first + signal.length], weights[::-1]
        else:
            if self._intel is None:
                self._intel = np.unpackbits(self._data, axis=1, bitorder="little")
            bits = self._intel[:, signal.start : signal.start + signal.length]
        number = np.zeros(len(bits), np.uint64)
        for place, weight in enumerate(weights):
            number |= bits[:, place].astype(np.uint64) * weight
        return _typed(signal, number)


def _typed(signal: Signal, number: NDArray[np.uint64]) -> NDArray[np.generic]:
    if signal.is_float:
        width = {16: (np.uint16, np.float16), 32: (np.uint32, np.float32)}
        unsigned, floating = width.get(signal.length, (np.uint64, np.float64))
        return number.astype(unsigned).view(floating)
    if signal.signed:
        unused = np.int64(64 - signal.length)
        return (number.view(np.int64) << unused) >> unused
    return number


def _scaled(signal: Signal, raw: NDArray[np.generic]) -> Values:
    return np.asarray(raw, np.float64) * signal.scale + signal.offset


def _is_there(
    signal: Signal, signals: Mapping[str, Signal], raw: Mapping[str, NDArray[np.generic]]
) -> NDArray[np.bool_]:
    """Which frames are of a page that the signal is on; its page's signal may be on one itself."""
    if signal.page_of is None:
        return np.ones(len(raw[signal.name]), np.bool_)
    if signal.page_of not in raw:
        return np.zeros(len(raw[signal.name]), np.bool_)
    on_page = np.isin(np.asarray(raw[signal.page_of], np.int64), list(signal.pages))
    return np.asarray(on_page & _is_there(signals[signal.page_of], signals, raw))
