"""Exports that are no plain table: what is in a zip is read, the rest is said not to be.

Sensor Logger and phyphox export a zip with a table for each sensor; each of those is read like a
file of its own, called ``export.zip/Gyroscope.csv``. Of other forms (JSON, spreadsheets, other
archives) nothing is read, and the entry says so: an upload must not look as if it had been
checked.
"""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

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
_ZIP = ".zip"
_UNREAD = (".xlsx", ".xls", ".ods", ".gz", ".7z", ".rar", ".tar", ".sqlite", ".db", ".mat")
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


def list_members(path: Path, limits: Limits = LIMITS) -> tuple[str, ...]:
    """The tables in an archive. Raises ``ArchiveError``."""
    with _opened(path) as archive:
        found = [info for info in archive.infolist() if _is_member(info.filename)]
        if not found:
            raise ArchiveError("There is no table in it.")
        if len(found) > MOST_MEMBERS or sum(info.file_size for info in found) > limits.file_bytes:
            raise ArchiveError("There is more in it than is looked at, so none of it was.")
        return tuple(sorted({info.filename for info in found}))


def read_member(
    path: Path, member: str | None, find_quantity: FindQuantity, limits: Limits = LIMITS
) -> TableFacts:
    """A table that is a file, or a member of one."""
    if member is None:
        return read_table(path, find_quantity, limits)
    try:
        with _opened(path) as archive, archive.open(member) as file:
            return read_open_table(file, find_quantity, limits)
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
    text = f"It was not looked into: tables are read as CSV, alone or in a zip, and not as {kind}."
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
    parts = PurePosixPath(name).parts
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
    return is_table(name) and not hidden and name.isprintable()


def _holds_rows(path: Path) -> bool:
    try:
        with open(path, "rb") as file:
            head = file.read(_JSON_HEAD).lstrip()
    except OSError:
        return False
    a_row_a_line = head.startswith(b"{") and b"\n{" in head
    return (head.startswith(b"[") or a_row_a_line) and any(key in head for key in _ROW_KEYS)
