"""Exports that are no plain table: what is in a zip is read, the rest is said not to be.

Sensor Logger and phyphox export a zip with a table for each sensor; each of those is read like a
file of its own, called ``export.zip/Gyroscope.csv``. What phyphox writes beside them (``meta/``) says
when the experiment was (``anchors``). Of other forms (JSON, spreadsheets, other archives, archives in
an archive) nothing is read, and the entry says so: an upload must not look as if it had been checked.
"""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from ctlr.postprocess.tables.anchors import (
    EVENTS,
    MOST_EVENT_BYTES,
    OF_PHYPHOX,
    Anchors,
    parse_events,
)
from ctlr.postprocess.tables.header import NoTable
from ctlr.postprocess.tables.table import (
    FindQuantity,
    TableFacts,
    is_table,
    read_open_table,
    read_table,
)
from ctlr.postprocess.tables.text import LIMITS, Limits

MOST_MEMBERS = 256
_MOST_NAMED = 3
_ZIP = ".zip"
_PACKED = (".gz", ".7z", ".rar", ".tar")
_TABLES = (".xlsx", ".xls", ".ods", ".sqlite", ".db", ".mat", ".parquet")
_TRACKS = (".kml", ".kmz", ".fit", ".tcx", ".nmea")
_UNREAD = (*_PACKED, *_TABLES, *_TRACKS)
_MOST_TIMES_AS_MUCH, _ALWAYS_BYTES = 200, 16 << 20
"""No table shrinks to less than that; of a little, how often does not count."""
_JSON = ".json"
_JSON_HEAD = 4096
_ROW_KEYS = (b'"time', b'"timestamp', b'"seconds_elapsed', b'"sensor"')
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)


class ArchiveError(Exception):
    """An archive cannot be read; the text says why."""


def is_archive(name: str) -> bool:
    """Whether tables in it are read."""
    return name.casefold().endswith(_ZIP)


def split_member(name: str) -> tuple[str, str | None]:
    """The file that a table lies in, and which of its members it is; None if it is the file."""
    at = name.casefold().find(f"{_ZIP}/")
    return (name, None) if at < 0 else (name[: at + len(_ZIP)], name[at + len(_ZIP) + 1 :])


@dataclass(frozen=True, slots=True)
class Listing:
    """The tables in an archive, and what of it is not read, if anything."""

    tables: tuple[str, ...]
    unread: NoTable | None = None


def list_members(path: Path, limits: Limits = LIMITS) -> Listing:
    """What is in an archive. Raises ``ArchiveError``."""
    with _opened(path) as archive:
        everything = archive.infolist()
        found = [info for info in everything if _is_member(info.filename)]
        unread = _not_looked_into([info.filename for info in everything])
        if not found:
            raise ArchiveError(unread.text if unread else "There is no table in it.")
        size, packed = sum(info.file_size for info in found), path.stat().st_size
        if len(found) > MOST_MEMBERS or size > limits.file_bytes:
            raise ArchiveError("There is more in it than is looked at, so none of it was.")
        if size > _ALWAYS_BYTES and size > _MOST_TIMES_AS_MUCH * packed:
            raise ArchiveError(
                f"It claims {size >> 20} MiB of tables in {packed >> 10} KiB, which no table does, so "
                "none of it was looked at."
            )
        names = sorted({info.filename for info in found})
        if len(names) < len(found):
            unread = NoTable(
                "same_name",
                f"{len(found) - len(names)} of its tables have a name that another has too; of each "
                "name the last one was read.",
            )
        return Listing(tuple(names), unread)


def find_anchors(path: Path, member: str | None) -> Anchors:
    """Of a member of an archive, or of a file beside which they lie; none where nothing tells."""
    if member is not None:
        return read_anchors(path)
    try:
        with open(path.parent / EVENTS, "rb") as file:
            return parse_events(file.read(MOST_EVENT_BYTES))
    except OSError:
        return ()


def read_anchors(path: Path) -> Anchors:
    """When the experiment of an archive was, where that is told. Raises nothing: else it is not."""
    try:
        with _opened(path) as archive, archive.open(EVENTS) as file:
            return parse_events(file.read(MOST_EVENT_BYTES))
    except (KeyError, ArchiveError):
        return ()


def read_member(
    path: Path, member: str | None, find_quantity: FindQuantity, limits: Limits = LIMITS
) -> TableFacts:
    """A table that is a file, or a member of one."""
    if member is None:
        return read_table(path, find_quantity, limits)
    try:
        with _opened(path) as archive, archive.open(member) as file:
            return read_open_table(file, member, find_quantity, limits)
    except KeyError:
        return TableFacts(no_table=NoTable("unreadable", "It is not in the archive any more."))
    except ArchiveError as error:
        return TableFacts(no_table=NoTable("unreadable", str(error)))


def why_unread(name: str, path: Path) -> NoTable | None:
    """What is said of a file that may hold tables in a form that is not read; None of others."""
    lower = name.casefold()
    if not lower.endswith(_UNREAD) and not (lower.endswith(_JSON) and _holds_rows(path)):
        return None
    kind = PurePosixPath(lower).suffix.removeprefix(".")
    text = (
        "It was not looked into: tables are read as CSV or GPX, alone or in a zip, and not as "
        f"{kind}."
    )
    return NoTable("not_looked_into", text)


@contextmanager
def open_member(path: Path, member: str | None) -> Iterator[IO[bytes]]:
    """A table that is a file, or a member of one. Raises ``OSError``, ``ArchiveError``, and
    ``KeyError`` where an archive has no such member."""
    if member is None:
        with open(path, "rb") as file:
            yield file
    else:
        with _opened(path) as archive, archive.open(member) as inside:
            yield inside


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except KeyError:
        raise
    except _BROKEN as error:
        raise ArchiveError(f"The archive cannot be read ({error}).") from error
    except OSError as error:
        raise ArchiveError(f"The archive could not be read ({error.strerror}).") from error


def _is_member(name: str) -> bool:
    return is_table(name) and not _is_hidden(name) and name not in OF_PHYPHOX


def _is_hidden(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return not name.isprintable() or any(
        part.startswith(".") or part == "__MACOSX" for part in parts
    )


def _not_looked_into(names: list[str]) -> NoTable | None:
    """What of an archive may hold tables in a form that is not read."""
    found = [n for n in names if n.casefold().endswith((*_UNREAD, _ZIP)) and not _is_hidden(n)]
    if not found:
        return None
    named = ", ".join(sorted(found)[:_MOST_NAMED])
    more = f" and {len(found) - _MOST_NAMED} more" if found[_MOST_NAMED:] else ""
    return NoTable(
        "not_looked_into", f"{named}{more} in it were not looked into: send them as they are."
    )


def _holds_rows(path: Path) -> bool:
    try:
        with open(path, "rb") as file:
            head = file.read(_JSON_HEAD).lstrip()
    except OSError:
        return False
    a_row_a_line = head.startswith(b"{") and b"\n{" in head
    return (head.startswith(b"[") or a_row_a_line) and any(key in head for key in _ROW_KEYS)
