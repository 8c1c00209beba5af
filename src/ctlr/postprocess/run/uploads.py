"""What phone and watch sent, as the manifest tells of it: each table read, and clocks compared.

A table that was looked at by an earlier run is not read again, unless it has changed or the
session's time has. Nothing that is found here, and nothing that cannot be read, makes a session
fail or incomplete.
"""

import fnmatch
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

from ctlr.postprocess.alignment.check import Record, check, choose
from ctlr.postprocess.manifest.alignment import TruthEntry
from ctlr.postprocess.manifest.shapes import FileEntry, FilesSource, Manifest, Source
from ctlr.postprocess.manifest.sync import ClockEntry
from ctlr.postprocess.manifest.tables import TableEntry
from ctlr.postprocess.run.plan import Plan
from ctlr.postprocess.tables.anchors import EVENTS, MOST_EVENT_BYTES, Anchors, parse_events
from ctlr.postprocess.tables.archives import (
    ArchiveError,
    is_archive,
    list_members,
    read_anchors,
    split_member,
    why_unread,
)
from ctlr.postprocess.tables.header import NoTable
from ctlr.postprocess.tables.placing import SessionSpan, place
from ctlr.postprocess.tables.quantities import Kind, find_speed_signal
from ctlr.postprocess.tables.reader import TableReader
from ctlr.postprocess.tables.table import (
    TableFacts,
    find_in_header,
    is_table,
    read_table,
)
from ctlr.postprocess.tables.table_report import table_entry

KINDS = ("phone", "watch")
FindFile = Callable[[str], Path]
"""Where a file of the session's folder lies now, by its name."""

_VERSION = 3  # of what is said of a table; a new one reads all tables again


class Uploads:
    """One run's view of a session's uploads."""

    def __init__(
        self,
        plan: Plan,
        files: Iterable[FileEntry],
        previous: Manifest | None,
        reader: TableReader,
        find: FindFile,
    ) -> None:
        self._span = _span(plan, previous)
        self._files = {entry.path: entry for entry in files}
        self._previous = previous
        self._reader = reader
        self._find = find

    def sources(self) -> dict[str, Source]:
        """``phone`` and ``watch``, as far as they sent anything."""
        found: dict[str, Source] = {}
        for kind in KINDS:
            before = self._tables_before(kind)
            names = sorted(
                p.removeprefix(f"{kind}/") for p in self._files if p.startswith(f"{kind}/")
            )
            if names:
                tables = (table for name in names for table in self._tables(kind, name, before))
                found[kind] = FilesSource(files=tuple(names), tables=tuple(tables))
        return found

    def truth(
        self,
        sources: Mapping[str, Source],
        clock: Mapping[str, ClockEntry],
        speed_signal: str | None,
    ) -> tuple[TruthEntry, ...]:
        """Clocks compared by what their sensors saw. ``clock`` is the manifest's section,
        ``speed_signal`` the vehicle's speed on the CAN bus as ``Message.Signal``."""
        tables = {
            kind: source.tables
            for kind in KINDS
            if isinstance(source := sources.get(kind), FilesSource)
        }
        return check(
            (
                self._record(tables, "rotation", on_watch=True),
                self._record(tables, "rotation", on_watch=False),
            ),
            (self._record(tables, "speed", on_watch=False), self._can_speed(speed_signal)),
            clock.get("phone"),
            self._previous.truth if self._previous else (),
        )

    def _tables_before(self, kind: str) -> dict[str, TableEntry]:
        source = self._previous.sources.get(kind) if self._previous else None
        return (
            {table.file: table for table in source.tables}
            if isinstance(source, FilesSource)
            else {}
        )

    def _tables(
        self, kind: str, name: str, before: Mapping[str, TableEntry]
    ) -> Iterator[TableEntry]:
        """The entry of a table, of each table in an archive, or of what may be one and is not read."""
        if is_table(name):
            yield self._table(kind, name, before)
            return
        path = self._find(f"{kind}/{name}")
        try:
            unread = why_unread(name, path)
            if is_archive(name):
                listing = list_members(path)
                unread = listing.unread
                for member in listing.tables:
                    yield self._table(kind, f"{name}/{member}", before)
        except ArchiveError as error:
            unread = NoTable("not_looked_into", str(error))
        if unread:
            inputs = self._inputs(f"{kind}/{name}")
            yield table_entry(name, TableFacts(no_table=unread), self._span, inputs)

    def _table(self, kind: str, name: str, before: Mapping[str, TableEntry]) -> TableEntry:
        path = f"{kind}/{name}"
        inputs = self._inputs(path)
        known = before.get(name)
        if known and known.inputs == inputs:
            return known
        return table_entry(name, self._facts(path), self._span, inputs)

    def _inputs(self, path: str) -> str:
        """Equal means that the entry would say the same."""
        file = self._files[split_member(path)[0]]
        events = self._files.get(_events_beside(path))
        told = f" {events.inputs}" if events else ""
        return f"{file.inputs} {self._span.started_ms} {self._span.stopped_ms} v{_VERSION}{told}"

    def _facts(self, path: str) -> TableFacts:
        file, member = split_member(path)
        facts = self._reader.read(path, self._files[file].inputs, self._find(file))
        anchors: Anchors = ()
        if facts.clock and facts.clock.elapsed:
            anchors = read_anchors(self._find(file)) if member else self._anchors(path)
        return place(facts, self._span, anchors)

    def _anchors(self, path: str) -> Anchors:
        """Of a table that was sent alone, with the events of its experiment."""
        events = _events_beside(path)
        if events not in self._files:
            return ()
        try:
            with open(self._find(events), "rb") as file:
                return parse_events(file.read(MOST_EVENT_BYTES))
        except OSError:
            return ()  # the table itself is there

    def _record(
        self, tables: Mapping[str, tuple[TableEntry, ...]], kind: Kind, *, on_watch: bool
    ) -> Record | None:
        path = choose(tables, kind, on_watch=on_watch)
        if path is None:
            return None
        folder, _, name = path.partition("/")
        entry = next(table for table in tables[folder] if table.file == name)
        assumed = any(problem.code == "start_assumed" for problem in entry.problems)
        inputs = f"{path} {entry.inputs}"
        return Record(path, inputs, lambda: self._facts(path).measured, assumed)

    def _can_speed(self, speed_signal: str | None) -> Record | None:
        """The vehicle's speed in a decoded CAN message, ``can/{Message}.csv``."""
        message, _, signal = (speed_signal or "*.").partition(".")
        wanted = fnmatch.filter(sorted(self._files), f"can/{message}.csv")
        find = partial(find_speed_signal, signal=signal or None)
        path = next((path for path in wanted if find_in_header(self._find(path), find)), None)
        if path is None:
            return None
        inputs = f"{path} {self._files[path].xxh128} {signal}"
        return Record(path, inputs, lambda: read_table(self._find(path), find).measured)


def _events_beside(path: str) -> str:
    """Where the events of an experiment lie, of which a table was sent alone."""
    return f"{path.partition('/')[0]}/{EVENTS}"


def _span(plan: Plan, previous: Manifest | None) -> SessionSpan:
    """When the session was; where this run cannot know it, as an earlier one did."""
    if plan.started_at is None and previous:
        return SessionSpan(previous.started_at, previous.stopped_at)
    return SessionSpan(plan.started_at, plan.stopped_at)
