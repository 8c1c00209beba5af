"""A session's CAN files: cut and decoded, or kept as an earlier run has made them.

The cut is kept when the same rows belong, the decoded signals when cut and databases are the
same. Where the recording has been cleared away since, wholly or in part, the earlier cut stays: a
later run never makes less of a session. A recording that cannot be read spoils nothing else: the
source says so.
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from ctlr.postprocess.can.cut import ARRIVAL_FILE, RAW_FILE, Cut, cut_rows
from ctlr.postprocess.can.database import fingerprint, load
from ctlr.postprocess.can.decode import Decoding, decode_rows
from ctlr.postprocess.can.naming import FOLDER
from ctlr.postprocess.can.output import OutputError
from ctlr.postprocess.can.runs import CanRows
from ctlr.postprocess.can.tables import PARQUET_FILE
from ctlr.postprocess.manifest.can import CanSource
from ctlr.postprocess.manifest.shapes import FailedSource, FileEntry, Manifest, Source

SOURCE = "can"


class CanMaker:
    """One run's work on the CAN bus. ``pieces`` is where the recording lies, ``folder`` where the
    session stands or will stand, ``out`` where new files go. ``alive`` is called now and then while
    it is at work."""

    def __init__(
        self,
        found: CanRows | None,
        databases: Sequence[Path],
        previous: Manifest | None,
        *,
        pieces: Path,
        folder: Path,
        out: Path,
        alive: Callable[[], None],
    ) -> None:
        self._found = found
        self._databases = databases
        self._fingerprint = fingerprint(databases)
        self._pieces = pieces
        self._folder = folder
        self._out = out
        self._alive = alive
        self._previous = previous
        before = previous.sources.get(SOURCE) if previous else None
        self._before = before if isinstance(before, CanSource) else None
        self._keeps_cut = self._can_keep_cut()
        self._keeps_signals = self._keeps_cut and self._can_keep_signals()

    @property
    def changed(self) -> bool:
        """Whether anything is to be made."""
        return self._found is not None and not (self._keeps_cut and self._keeps_signals)

    @property
    def bytes_to_write(self) -> int:
        """About, and rather more."""
        size = self._found.bytes if self._found else 0
        return (0 if self._keeps_cut else size) + (
            0 if self._keeps_signals or not self._fingerprint else 3 * size
        )

    def make(self) -> tuple[Source | None, dict[str, FileEntry]]:
        """Make what is new; returns the source, if there is any, and the files that are new.

        Raises ``OutputError``.
        """
        self._clear()
        if self._found is None or not self.changed:
            return self._before, {}
        try:
            return self._make(self._found)
        except OutputError:
            raise
        except OSError as error:  # the recording, or what was made of it before
            self._clear()
            if self._before is not None:
                return self._as_before(self._found), {}
            text = f"the CAN recording cannot be read ({error.strerror or error})"
            return FailedSource(error=text), {}

    def outdated(self, source: Source | None) -> set[str]:
        """Files of the earlier run that do not belong to what this one has made."""
        if self._before is None or not isinstance(source, CanSource):
            return set()
        return _files_of(self._before) - _files_of(source)

    def _make(self, found: CanRows) -> tuple[Source, dict[str, FileEntry]]:
        source, files = self._before, dict[str, FileEntry]()
        if source is None or not self._keeps_cut:
            source, files = self._cut(found)
        if self._fingerprint and not (self._keeps_signals and RAW_FILE not in files):
            decoding = self._decode(source, files)
            files |= _entries(decoding.files, decoding.signals.inputs)
            source = source.model_copy(
                update={"signals": decoding.signals, "problems": decoding.problems}
            )
        return source, files

    # --- the cut

    def _can_keep_cut(self) -> bool:
        if self._found is None:
            return True
        entry = self._entry(RAW_FILE)
        if self._before is None or entry is None or entry.inputs != cut_inputs(self._found):
            return False
        return self._intact([RAW_FILE, self._before.arrival_file])

    def _cut(self, found: CanRows) -> tuple[CanSource, dict[str, FileEntry]]:
        cut = cut_rows(self._pieces, found, self._out, self._alive)
        inputs = cut_inputs(found)
        before, entry = self._before, self._entry(RAW_FILE)
        if before and entry and cut.rows < before.frames and self._intact([RAW_FILE]):
            for name in cut.files:
                (self._out / name).unlink()
            return self._as_before(found), {RAW_FILE: entry.model_copy(update={"inputs": inputs})}
        return _source(cut, found), _entries(cut.files, inputs)

    def _as_before(self, found: CanRows) -> CanSource:
        """The earlier source, for which more has been looked at and nothing was found."""
        assert self._before is not None
        return self._before.model_copy(update={"until_ms": found.until_ms})

    # --- the signals

    def _can_keep_signals(self) -> bool:
        signals = self._before.signals if self._before else None
        if not self._fingerprint:
            return True  # decoded or not, it stays as it is
        if signals is None or signals.inputs != self._signal_inputs(self._entry(RAW_FILE)):
            return False
        return self._intact([signals.parquet, *(message.file for message in signals.messages)])

    def _signal_inputs(self, raw: FileEntry | None) -> str:
        return f"{raw.xxh128 if raw else ''} {self._fingerprint}"

    def _decode(self, source: CanSource, files: dict[str, FileEntry]) -> Decoding:
        raw = files.get(RAW_FILE) or self._entry(RAW_FILE)
        arrival = self._find(source.arrival_file) if source.arrival_file else None
        names = [path.name for path in self._databases]
        inputs = self._signal_inputs(raw)
        database = load(self._databases)
        return decode_rows(
            self._find(RAW_FILE), arrival, database, names, self._out, inputs, self._alive
        )

    def _clear(self) -> None:
        """Remove what a run that was ended has left."""
        shutil.rmtree(self._out / FOLDER, ignore_errors=True)
        for name in (RAW_FILE, ARRIVAL_FILE, PARQUET_FILE):
            (self._out / name).unlink(missing_ok=True)

    # --- what is there

    def _find(self, name: str) -> Path:
        made = self._out / name
        return made if made.exists() else self._folder / name

    def _entry(self, name: str) -> FileEntry | None:
        return self._previous.file(name) if self._previous else None

    def _intact(self, names: Sequence[str | None]) -> bool:
        """Whether files of the earlier run are there as they were made."""
        for name in filter(None, names):
            entry = self._entry(name)
            if entry is None or self._previous is None or name in self._previous.damaged:
                return False
            try:
                if (self._folder / name).stat().st_size != entry.bytes:
                    return False
            except OSError:
                return False
        return True


def cut_inputs(found: CanRows) -> str:
    """What the entry of ``can_raw.csv`` says that it was made of."""
    return f"{found.first_ms}-{found.last_ms} {found.inputs}".rstrip()


def _source(cut: Cut, found: CanRows) -> CanSource:
    return CanSource(
        file=RAW_FILE,
        frames=cut.rows,
        arrival_file=ARRIVAL_FILE if ARRIVAL_FILE in cut.files else None,
        by_arrival=cut.by_arrival,
        buses=cut.buses,
        first_ms=found.first_ms,
        last_ms=found.last_ms,
        until_ms=found.until_ms,
    )


def _files_of(source: CanSource) -> set[str]:
    signals = source.signals
    names = [source.file, source.arrival_file]
    if signals is not None:
        names += [signals.parquet, *(message.file for message in signals.messages)]
    return {name for name in names if name}


def _entries(files: dict[str, tuple[int, str]], inputs: str) -> dict[str, FileEntry]:
    return {
        path: FileEntry(path=path, bytes=size, xxh128=digest, inputs=inputs)
        for path, (size, digest) in files.items()
    }
