"""What all exports ask of a session: its rows as plain values, and how far they are."""

import math
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

import numpy as np

from ctlr.postprocess.manifest.progress import Progress, Report
from ctlr.postprocess.tables.timed import NoTableError
from ctlr.reader import Session, Table
from ctlr.reader.clocks import Floats

Values = Floats | list[str]


class Counter:
    """Tells how many bytes of the session's files have been taken in."""

    def __init__(self, session: Session, report: Report) -> None:
        manifest = session.manifest
        self._report = report
        self._progress = Progress(
            manifest.uuid, "export", None, 0, sum(entry.bytes for entry in manifest.files)
        )
        self._sizes = {entry.path: entry.bytes for entry in manifest.files}
        self._done = 0

    def add(self, source: str, size: int) -> None:
        self._done += size
        known = self._progress
        self._report(Progress(known.uuid, "export", source, self._done, known.bytes_total))

    def add_file(self, path: str) -> None:
        self.add(path, self._sizes.get(path, 0))


def readable_tables(session: Session, notes: list[str]) -> Iterator[tuple[str, Table]]:
    """The tables that hold rows; of the others ``notes`` say why not."""
    for path, table in session.tables.items():
        try:
            if len(table):
                yield path, table
        except NoTableError as error:
            notes.append(f"{path} was left out: {error}")


def columns_of(table: Table) -> Mapping[str, Values]:
    """A table's columns under their headings, all different: numbers, or texts where there are
    hardly any numbers."""
    found: dict[str, Values] = {}
    for number, name in enumerate(table.names):
        heading = name or f"column {number + 1}"
        if heading in found:
            heading = f"{heading} ({number + 1})"
        numbers = table.numbers_at(number)
        found[heading] = numbers if _are_numbers(table, number, numbers) else table.texts_at(number)
    return found


def _are_numbers(table: Table, number: int, numbers: Floats) -> bool:
    unknown = np.flatnonzero(np.isnan(numbers))
    if not len(unknown):
        return True
    texts = table.texts_at(number)
    return not any(texts[row].strip() for row in unknown)


def plain(value: float | str) -> float | str | None:
    """A value that JSON knows."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def topic_of(path: str) -> str:
    """``/phone/Accelerometer`` of ``phone/Accelerometer.csv``."""
    return "/" + str(PurePosixPath(path).with_suffix(""))
