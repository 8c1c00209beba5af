"""Decoded signals as tables: one ``can/{message}.csv`` each, and all values in ``can.parquet``.

A row of a CSV file is a frame: its own time, its arrival, its bus, then its signals; what a frame
does not hold is empty. The Parquet file is long: a row is one value of one signal. It needs
pyarrow, which is an extra (``ctlr[data]``): 160 MB that a rig does without.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ctlr.kernel.hashing import hash_file
from ctlr.postprocess.can.output import HashedFile, OutputError
from ctlr.postprocess.can.runs import NO_ARRIVAL, Ints
from ctlr.postprocess.can.signals import Message, Values

PARQUET_FILE = "can.parquet"
TIME_COLUMNS = ("ts_ms", "arrived_ms", "bus")
_ROW_GROUP = 500_000


@dataclass(frozen=True, slots=True)
class Decoded:
    """Frames of one message, and the values of its signals in them. ``arrived_ms`` and ``bus``,
    the place in ``buses``, are ``NO_ARRIVAL`` and -1 where they are not known."""

    message: Message
    times_ms: Ints
    arrived_ms: Ints
    bus: Ints
    buses: Sequence[str]
    values: Mapping[str, Values]

    def __len__(self) -> int:
        return len(self.times_ms)


class CsvTable:
    """The CSV file of one message."""

    def __init__(self, path: Path, message: Message) -> None:
        names = [*TIME_COLUMNS, *(signal.name for signal in message.signals)]
        self._file = HashedFile(path, ",".join(names).encode() + b"\n")
        self._file.close()

    def add(self, decoded: Decoded) -> None:
        arrived = ["" if at == NO_ARRIVAL else str(at) for at in decoded.arrived_ms.tolist()]
        names = [*decoded.buses, ""]  # the last for a bus that is not known
        buses = [names[number] for number in decoded.bus.tolist()]
        values = [_texts(column) for column in decoded.values.values()]
        rows = zip(map(str, decoded.times_ms.tolist()), arrived, buses, *values, strict=True)
        self._file.write(("\n".join(map(",".join, rows)) + "\n").encode())
        self._file.close()  # there may be more messages than a process may have files open

    def end(self) -> tuple[int, str]:
        return self._file.end()


def _numbered(names: Iterable[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(sorted(set(names)))}


def _texts(values: Values) -> list[str]:
    return ["" if value != value else f"{value:.10g}" for value in values.tolist()]  # noqa: PLR0124 - not a number


class ParquetTable:
    """``can.parquet``. Raises ``ImportError`` where pyarrow is not installed."""

    def __init__(self, path: Path, messages: Sequence[Message], buses: Sequence[str]) -> None:
        import pyarrow as pa
        from pyarrow.parquet import ParquetWriter

        self._arrow: Any = pa
        self._path = path
        self._messages = _numbered(message.name for message in messages)
        self._signals = _numbered(s.name for message in messages for s in message.signals)
        self._buses = buses
        self._parts: list[tuple[Ints, ...]] = []
        self._values: list[Values] = []
        self._rows = 0
        text = pa.dictionary(pa.int32(), pa.string())
        fields = {"ts_ms": pa.int64(), "arrived_ms": pa.int64(), "bus": text}
        fields |= {"message": text, "signal": text, "value": pa.float64()}
        units = {f"{m.name}.{s.name}": s.unit for m in messages for s in m.signals if s.unit}
        self._schema = pa.schema(list(fields.items()), metadata=units)
        with _told(path):
            self._writer = ParquetWriter(path, self._schema, compression="zstd")

    def add(self, decoded: Decoded) -> None:
        count = len(decoded)
        message = np.full(count, self._messages[decoded.message.name])
        for name, values in decoded.values.items():
            there = ~np.isnan(values)
            signal = np.full(count, self._signals[name])
            columns = (decoded.times_ms, decoded.arrived_ms, decoded.bus, message, signal)
            self._parts.append(tuple(column[there] for column in columns))
            self._values.append(values[there])
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
        times, arrived, bus, message, signal = (
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
            ],
            schema=self._schema,
        )
        with _told(self._path):
            self._writer.write_table(table)
        self._parts, self._values, self._rows = [], [], 0

    def _names(self, numbers: Ints, names: Sequence[str], unknown: Any = None) -> Any:
        indices = self._arrow.array(numbers.astype(np.int32), mask=unknown)
        text = self._arrow.array(list(names), self._arrow.string())
        return self._arrow.DictionaryArray.from_arrays(indices, text)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """The disk's errors as what they are: those of where it goes."""
    try:
        yield
    except OSError as error:
        raise OutputError(error.errno, error.strerror, str(path)) from error
