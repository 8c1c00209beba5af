"""Decoded signals as tables: one ``can/{message}.csv`` each, and all values in ``can.parquet``.

A row of a CSV file is a frame: its own time, its arrival, its bus, then its signals; what a frame
does not hold is empty. The identifier stands at the end where frames of several are of one message.
Numbers are the shortest that read back as the same.

The Parquet file is long: a row is one value of one signal. ``exact`` has the digits of a whole
number that ``value`` cannot hold. It needs pyarrow, which is an extra (``ctlr[data]``): 160 MB
that a rig does without.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from ctlr.kernel.hashing import hash_file
from ctlr.postprocess.can.naming import ID_COLUMN, TIME_COLUMNS, headings, labels
from ctlr.postprocess.can.output import HashedFile, OutputError
from ctlr.postprocess.can.runs import NO_ARRIVAL, Ints
from ctlr.postprocess.can.signals import Message, Values

PARQUET_FILE = "can.parquet"
_ROW_GROUP = 500_000


@dataclass(frozen=True, slots=True)
class Decoded:
    """Frames of one message, and the values of its signals in them, in the signals' order.
    ``ids`` are the frames' identifiers. ``arrived_ms`` and ``bus``, the place in ``buses``, are
    ``NO_ARRIVAL`` and -1 where they are not known."""

    message: Message
    times_ms: Ints
    ids: Ints
    arrived_ms: Ints
    bus: Ints
    buses: Sequence[str]
    values: Sequence[Values]

    def __len__(self) -> int:
        return len(self.times_ms)


class CsvTable:
    """The CSV file of one message."""

    def __init__(self, path: Path, message: Message) -> None:
        names = [*TIME_COLUMNS, *headings(message)]
        if message.parameter_group:
            names.append(ID_COLUMN)
        self._file = HashedFile(path, ",".join(names).encode() + b"\n")
        self._file.close()

    def add(self, decoded: Decoded) -> None:
        arrived = ["" if at == NO_ARRIVAL else str(at) for at in decoded.arrived_ms.tolist()]
        names = [*decoded.buses, ""]  # the last for a bus that is not known
        buses = [names[number] for number in decoded.bus.tolist()]
        columns = [list(map(str, decoded.times_ms.tolist())), arrived, buses]
        columns += map(_texts, decoded.values)
        if decoded.message.parameter_group:
            columns.append([f"{number:08X}" for number in decoded.ids.tolist()])
        rows = zip(*columns, strict=True)
        self._file.write(("\n".join(map(",".join, rows)) + "\n").encode())
        self._file.close()  # there may be more messages than a process may have files open

    def end(self) -> tuple[int, str]:
        return self._file.end()


def _numbered(names: Iterable[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(sorted(set(names)))}


def _texts(values: Values) -> list[str]:
    if values.dtype == np.object_:
        return ["" if value is None else str(value) for value in values.tolist()]
    return [_text(value) for value in values.tolist()]


def _text(value: float) -> str:
    if value != value:  # noqa: PLR0124 - not a number
        return ""
    return repr(value).removesuffix(".0")


class ParquetTable:
    """``can.parquet``. Raises ``ImportError`` where pyarrow is not installed."""

    def __init__(self, path: Path, messages: Sequence[Message], buses: Sequence[str]) -> None:
        import pyarrow as pa
        from pyarrow.parquet import ParquetWriter

        self._arrow: Any = pa
        self._path = path
        self._labels = labels(messages)
        self._headings = {message: headings(message) for message in messages}
        self._messages = _numbered(self._labels.values())
        self._signals = _numbered(name for names in self._headings.values() for name in names)
        self._buses = buses
        self._parts: list[tuple[Ints, ...]] = []
        self._values: list[Values] = []
        self._exact: list[list[str | None]] = []
        self._rows = 0
        text = pa.dictionary(pa.int32(), pa.string())
        fields = {"ts_ms": pa.int64(), "arrived_ms": pa.int64(), "bus": text}
        fields |= {"message": text, "signal": text, "value": pa.float64()}
        fields |= {"id": pa.int64(), "exact": pa.string()}
        units = {
            f"{self._labels[message]}.{name}": signal.unit
            for message, names in self._headings.items()
            for name, signal in zip(names, message.signals, strict=True)
            if signal.unit
        }
        self._schema = pa.schema(list(fields.items()), metadata=units)
        with _told(path):
            self._writer = ParquetWriter(path, self._schema, compression="zstd")

    def add(self, decoded: Decoded) -> None:
        count = len(decoded)
        message = np.full(count, self._messages[self._labels[decoded.message]])
        for name, values in zip(self._headings[decoded.message], decoded.values, strict=True):
            numbers, exact = _numbers(values)
            there = ~np.isnan(numbers)
            signal = np.full(count, self._signals[name])
            columns = (decoded.times_ms, decoded.arrived_ms, decoded.bus, message, signal)
            self._parts.append(tuple(column[there] for column in (*columns, decoded.ids)))
            self._values.append(numbers[there])
            self._exact.append(exact or [None] * int(np.count_nonzero(there)))
            self._rows += int(np.count_nonzero(there))
        if self._rows >= _ROW_GROUP:
            self._flush()

    def end(self, alive: Callable[[], None]) -> tuple[int, str]:
        self._flush()
        with _told(self._path):
            self._writer.close()
            with open(self._path, "r+b") as file:
                os.fsync(file.fileno())
            return hash_file(self._path, lambda _: alive())

    def close(self) -> None:
        """Let go of the file, whatever has become of it."""
        with suppress(OSError):
            self._writer.close()

    def _flush(self) -> None:
        if not self._parts:
            return
        times, arrived, bus, message, signal, ids = (
            np.concatenate(column) for column in zip(*self._parts, strict=True)
        )
        table = self._arrow.Table.from_arrays(
            [
                self._arrow.array(times),
                self._arrow.array(arrived, mask=arrived == NO_ARRIVAL),
                self._names(bus, self._buses, unknown=bus < 0),
                self._names(message, list(self._messages)),
                self._names(signal, list(self._signals)),
                self._arrow.array(np.concatenate(self._values)),
                self._arrow.array(ids),
                self._arrow.array(list(chain.from_iterable(self._exact)), self._arrow.string()),
            ],
            schema=self._schema,
        )
        with _told(self._path):
            self._writer.write_table(table)
        self._parts, self._values, self._exact, self._rows = [], [], [], 0

    def _names(self, numbers: Ints, names: Sequence[str], unknown: Any = None) -> Any:
        indices = self._arrow.array(numbers.astype(np.int32), mask=unknown)
        text = self._arrow.array(list(names), self._arrow.string())
        return self._arrow.DictionaryArray.from_arrays(indices, text)


def _numbers(values: Values) -> tuple[Values, list[str | None]]:
    """Values as floating-point numbers, and the digits of those that this takes something from;
    of the values that are there, or nothing where no digits are needed."""
    if values.dtype != np.object_:
        return values, []
    there = [value for value in values.tolist() if value is not None]
    exact = [None if int(float(value)) == value else str(value) for value in there]
    return values.astype(np.float64), exact


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """The disk's errors as what they are: those of where it goes."""
    try:
        yield
    except OSError as error:
        raise OutputError(error.errno, error.strerror, str(path)) from error
