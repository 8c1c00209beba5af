"""The session's frames as signals, by the databases that are configured.

Frames are read in blocks, as the cut has left them, sorted by identifier, and decoded a column at
a time. What cannot be decoded is counted, never guessed at: identifiers that no database knows,
frames with too little data, rows that are none.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ctlr.layout.can_files import ARRIVAL_HEADER, RAW_HEADER
from ctlr.postprocess.can.bisection import blocks
from ctlr.postprocess.can.database import CanDatabase
from ctlr.postprocess.can.fields import Fields, data_of, parse_fields
from ctlr.postprocess.can.naming import file_names, id_text, units
from ctlr.postprocess.can.runs import NO_ARRIVAL, Ints, Runs, parse_runs
from ctlr.postprocess.can.signals import Message, decode
from ctlr.postprocess.can.tables import PARQUET_FILE, CsvTable, Decoded, ParquetTable
from ctlr.postprocess.manifest.can import CanMessage, CanProblem, CanSignals

_MOST_UNKNOWN = 100
_BLOCK_BYTES = 4 << 20
NO_PYARROW = (
    "can.parquet was left out because pyarrow is not installed (on a controller: "
    "sudo /opt/ctlr/current/bin/pip install pyarrow). "
    "The CSV files below can/ hold the same values."
)


@dataclass(frozen=True, slots=True)
class Decoding:
    """What was made of the frames; ``files`` are sizes and xxh128 by path in the session folder."""

    signals: CanSignals
    problems: tuple[CanProblem, ...]
    files: dict[str, tuple[int, str]]


@dataclass(slots=True)
class _Tally:
    frames: Counter[Message] = field(default_factory=Counter)
    wrong_length: Counter[Message] = field(default_factory=Counter)
    ids: dict[Message, Counter[str]] = field(default_factory=dict)
    unknown: Counter[str] = field(default_factory=Counter)
    remote: int = 0
    error_frames: int = 0
    malformed: int = 0


def decode_rows(
    raw: Path,
    arrival: Path | None,
    database: CanDatabase,
    databases: Sequence[str],
    out: Path,
    inputs: str,
    alive: Callable[[], None] = lambda: None,
) -> Decoding:
    """Decode ``raw``, a cut of the recording, into tables below ``out``, flushed.

    ``inputs`` is what the result says it was made of; ``alive`` is called with each block and each
    table. Raises ``OSError``.
    """
    decoder = _Decoder(database, _read_runs(arrival, raw), out)
    try:
        with open(raw, "rb", buffering=0) as file:
            size = raw.stat().st_size
            for offset, block in blocks(file.fileno(), len(RAW_HEADER), size, _BLOCK_BYTES):
                decoder.take(offset, block)
                alive()
        files = decoder.end(alive)
    finally:
        decoder.close()
    tally = decoder.tally
    signals = CanSignals(
        databases=tuple(databases),
        messages=decoder.messages(),
        unknown=dict(tally.unknown.most_common(_MOST_UNKNOWN)),
        unknown_frames=tally.unknown.total(),
        remote_frames=tally.remote,
        error_frames=tally.error_frames,
        malformed_rows=tally.malformed,
        parquet=PARQUET_FILE if PARQUET_FILE in files else None,
        inputs=inputs,
    )
    return Decoding(signals, (*_database_problems(database), *decoder.problems), files)


class _Decoder:
    def __init__(self, database: CanDatabase, runs: Runs, out: Path) -> None:
        self._database = database
        self._runs = runs
        self._out = out
        self._names = file_names(list(database.messages.values()))
        self._tables: dict[Message, CsvTable] = {}
        self._parquet: ParquetTable | None = None
        self.tally = _Tally()
        self.problems: list[CanProblem] = []
        if database.messages:
            self._begin_parquet()

    def take(self, offset: int, block: bytes) -> None:
        """Decode a block of whole rows that stands at ``offset`` of the file."""
        fields = parse_fields(block)
        self.tally.malformed += fields.malformed
        remote = ~fields.errors & fields.remote
        self.tally.error_frames += int(np.count_nonzero(fields.errors))
        self.tally.remote += int(np.count_nonzero(remote))
        for rows in _by_message(fields, np.flatnonzero(~fields.errors & ~remote)):
            self._take_frames(fields, rows, offset, block)

    def end(self, alive: Callable[[], None]) -> dict[str, tuple[int, str]]:
        files = {}
        for message, table in self._tables.items():
            files[self._names[message]] = table.end()
            alive()
        if self._parquet is not None:
            files[PARQUET_FILE] = self._parquet.end(alive)
        return files

    def close(self) -> None:
        if self._parquet is not None:
            self._parquet.close()

    def messages(self) -> tuple[CanMessage, ...]:
        return tuple(
            CanMessage(
                message=message.name,
                file=self._names[message],
                id=id_text(message.frame_id, extended=message.extended),
                frames=self.tally.frames[message],
                wrong_length=self.tally.wrong_length[message],
                ids=dict(self.tally.ids[message]) if message.parameter_group else {},
                signals=units(message),
            )
            for message in sorted(self._tables, key=lambda one: (one.name, one.frame_id))
        )

    def _begin_parquet(self) -> None:
        try:
            self._parquet = ParquetTable(
                self._out / PARQUET_FILE, list(self._database.messages.values()), self._runs.buses
            )
        except ImportError:
            self.problems.append(CanProblem(code="no_parquet", text=NO_PYARROW))

    def _take_frames(self, fields: Fields, rows: Ints, offset: int, block: bytes) -> None:
        frame_id, extended = int(fields.ids[rows[0]]), bool(fields.extended[rows[0]])
        message = self._database.of(frame_id, extended)
        if message is None:
            self.tally.unknown[id_text(frame_id, extended=extended)] += len(rows)
            return
        length = int(fields.lengths[rows[0]])
        self.tally.frames[message] += len(rows)
        ids = self.tally.ids.setdefault(message, Counter())
        ids[id_text(frame_id, extended=extended)] += len(rows)
        self.tally.wrong_length[message] += len(rows) if length != message.length else 0
        arrived, bus = self._arrivals(fields.starts[rows] + offset)
        values = decode(message, data_of(block, fields.data_at[rows], length))
        times = fields.times_ms[rows]
        ids_of_rows = fields.ids[rows]
        decoded = Decoded(message, times, ids_of_rows, arrived, bus, self._runs.buses, values)
        if message not in self._tables:
            self._tables[message] = CsvTable(self._out / self._names[message], message)
        self._tables[message].add(decoded)
        if self._parquet is not None:
            self._parquet.add(decoded)

    def _arrivals(self, at: Ints) -> tuple[Ints, Ints]:
        """When the rows that begin at these places arrived, and on which bus."""
        runs = self._runs
        if not len(runs):
            unknown = np.full(len(at), -1)
            return np.full(len(at), NO_ARRIVAL), unknown
        run = np.searchsorted(runs.offsets, at, side="right") - 1
        known = (run >= 0) & (at < runs.ends[run]) & (runs.arrived_ms[run] != NO_ARRIVAL)
        return np.where(known, runs.arrived_ms[run], NO_ARRIVAL), np.where(known, runs.bus[run], -1)


def _by_message(fields: Fields, rows: Ints) -> Iterator[Ints]:
    """The rows of each identifier and length, in order."""
    key = fields.ids[rows] << 8 | fields.extended[rows].astype(np.int64) << 7 | fields.lengths[rows]
    order = np.argsort(key, kind="stable")
    edges = np.flatnonzero(np.diff(key[order])) + 1
    yield from (part for part in np.split(rows[order], edges) if len(part))


def _read_runs(arrival: Path | None, raw: Path) -> Runs:
    if arrival is None:
        return parse_runs([], 0)
    with open(arrival, "rb", buffering=0) as file:
        found = blocks(file.fileno(), len(ARRIVAL_HEADER), arrival.stat().st_size)
        return parse_runs((block for _, block in found), raw.stat().st_size)


def _database_problems(database: CanDatabase) -> list[CanProblem]:
    return [CanProblem(code="database", text=text) for text in database.problems]
