"""A session's CAN files: cut and decoded as ``can.reuse`` decides.

A recording that cannot be read spoils nothing else: the source says so.
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from ctlr.layout.session import CAN_FILE
from ctlr.postprocess.can.cut import ARRIVAL_FILE, Cut, cut_rows
from ctlr.postprocess.can.database import fingerprint, load
from ctlr.postprocess.can.decode import Decoding, decode_rows
from ctlr.postprocess.can.naming import FOLDER
from ctlr.postprocess.can.output import OutputError
from ctlr.postprocess.can.reuse import (
    CanWork,
    can_before,
    choose_work,
    cut_inputs,
    decodes_again,
    files_of,
    keeps_earlier_cut,
    signal_inputs,
)
from ctlr.postprocess.can.runs import CanRows
from ctlr.postprocess.can.tables import PARQUET_FILE
from ctlr.postprocess.manifest.can import CanSource
from ctlr.postprocess.manifest.shapes import FailedSource, FileEntry, Source
from ctlr.postprocess.manifest.standing import Standing


class CanMaker:
    """One run's work on the CAN bus. ``standing`` is what an earlier one has left, ``pieces`` where
    the recording lies, ``folder`` where the session stands or will stand, ``out`` where new files
    go. ``alive`` is called now and then while it is at work."""

    def __init__(
        self,
        found: CanRows | None,
        databases: Sequence[Path],
        standing: Standing,
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
        self._standing = standing
        self._before = can_before(standing)
        self._work = choose_work(found, self._fingerprint, standing)

    @property
    def changed(self) -> bool:
        """Whether anything is to be made."""
        return self._work is not CanWork.NOTHING

    @property
    def bytes_to_write(self) -> int:
        """About, and rather more."""
        size = self._found.bytes if self._found and self.changed else 0
        cut = size if self._work is CanWork.CUT else 0
        return cut + (3 * size if self._fingerprint else 0)

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
        return files_of(self._before) - files_of(source)

    def _make(self, found: CanRows) -> tuple[Source, dict[str, FileEntry]]:
        source, files = self._before, dict[str, FileEntry]()
        decode = bool(self._fingerprint)
        if source is None or self._work is CanWork.CUT:
            cut = cut_rows(self._pieces, found, self._out, self._alive)
            if keeps_earlier_cut(cut.rows, cut.files[CAN_FILE][0], self._standing):
                source, files = self._keep(found, cut)
                decode = decodes_again(self._fingerprint, self._standing)
            else:
                source, files = _source(cut, found), _entries(cut.files, cut_inputs(found))
        if decode:
            decoding = self._decode(source, files)
            files |= _entries(decoding.files, decoding.signals.inputs)
            source = source.model_copy(
                update={"signals": decoding.signals, "problems": decoding.problems}
            )
        return source, files

    def _keep(self, found: CanRows, cut: Cut) -> tuple[CanSource, dict[str, FileEntry]]:
        """The earlier cut in place of a lesser one; it counts as made of what there is now."""
        for name in cut.files:
            (self._out / name).unlink()
        entry = self._standing.entry(CAN_FILE)
        assert entry is not None
        kept = entry.model_copy(update={"inputs": cut_inputs(found)})
        return self._as_before(found), {CAN_FILE: kept}

    def _as_before(self, found: CanRows) -> CanSource:
        """The earlier source, for which more has been looked at and nothing was found."""
        assert self._before is not None
        return self._before.model_copy(update={"until_ms": found.until_ms})

    def _decode(self, source: CanSource, files: dict[str, FileEntry]) -> Decoding:
        raw = files.get(CAN_FILE) or self._standing.entry(CAN_FILE)
        arrival = self._find(source.arrival_file) if source.arrival_file else None
        names = [path.name for path in self._databases]
        inputs = signal_inputs(raw.xxh128 if raw else None, self._fingerprint)
        database = load(self._databases)
        return decode_rows(
            self._find(CAN_FILE), arrival, database, names, self._out, inputs, self._alive
        )

    def _clear(self) -> None:
        """Remove what a run that was ended has left."""
        shutil.rmtree(self._out / FOLDER, ignore_errors=True)
        for name in (CAN_FILE, ARRIVAL_FILE, PARQUET_FILE):
            (self._out / name).unlink(missing_ok=True)

    # --- what is there

    def _find(self, name: str) -> Path:
        made = self._out / name
        return made if made.exists() else self._folder / name


def _source(cut: Cut, found: CanRows) -> CanSource:
    return CanSource(
        file=CAN_FILE,
        frames=cut.rows,
        arrival_file=ARRIVAL_FILE if ARRIVAL_FILE in cut.files else None,
        by_arrival=cut.by_arrival,
        buses=cut.buses,
        first_ms=found.first_ms,
        last_ms=found.last_ms,
        until_ms=found.until_ms,
    )


def _entries(files: dict[str, tuple[int, str]], inputs: str) -> dict[str, FileEntry]:
    return {
        path: FileEntry(path=path, bytes=size, xxh128=digest, inputs=inputs)
        for path, (size, digest) in files.items()
    }
