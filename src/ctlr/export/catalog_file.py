"""The catalogue's file: Parquet, or SQLite where its name ends so; replaced whole or not at all."""

import errno
import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from ctlr.kernel.atomic import TEMPORARY_PREFIX, fsync_directory

Row = dict[str, Any]
SQLITE_SUFFIX = ".sqlite"
_SQL = {str: "TEXT", int: "INTEGER", float: "REAL", bool: "INTEGER"}


_OURS = frozenset({"path", "uuid", "manifest_bytes", "manifest_mtime_ns"})


def _not_ours(path: Path) -> OSError:
    return OSError(
        errno.EEXIST, "it is no catalogue of this program and was left as it is", str(path)
    )


def default_file(stem: str = "catalog") -> str:
    """The name of a catalogue in the best form that is to be had here."""
    try:
        import pyarrow as _  # noqa: F401, ICN001 - whether it is there
    except ImportError:
        return f"{stem}{SQLITE_SUFFIX}"
    return f"{stem}.parquet"


def read_rows(path: Path) -> list[Row]:
    """All rows; none where there is no file. Raises ``OSError``, also where it is no catalogue."""
    if not path.is_file():
        return []
    return _read_sqlite(path) if path.suffix == SQLITE_SUFFIX else _read_parquet(path)


def write_rows(path: Path, columns: Mapping[str, type], rows: Sequence[Row]) -> None:
    """Replace the file. Raises ``OSError``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{TEMPORARY_PREFIX}{path.name}")
    unfinished.unlink(missing_ok=True)
    write = _write_sqlite if path.suffix == SQLITE_SUFFIX else _write_parquet
    write(unfinished, columns, rows)
    with open(unfinished, "rb+") as file:
        os.fsync(file.fileno())
    os.replace(unfinished, path)
    fsync_directory(path.parent)


def _read_parquet(path: Path) -> list[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except pa.ArrowInvalid as error:
        raise _not_ours(path) from error
    if not set(table.schema.names) >= _OURS:
        raise _not_ours(path)
    return list(table.to_pylist())


def _write_parquet(path: Path, columns: Mapping[str, type], rows: Sequence[Row]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    schema = pa.schema([(name, kinds[kind]) for name, kind in columns.items()])
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), path, compression="zstd")


def _read_sqlite(path: Path) -> list[Row]:
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        try:
            rows = database.execute("SELECT * FROM sessions")
            if not {column[0] for column in rows.description} >= _OURS:
                raise _not_ours(path)
            return [dict(row) for row in rows]
        except sqlite3.DatabaseError as error:
            raise _not_ours(path) from error


def _write_sqlite(path: Path, columns: Mapping[str, type], rows: Sequence[Row]) -> None:
    told = ", ".join(f"{name} {_SQL[kind]}" for name, kind in columns.items())
    marks = ", ".join("?" * len(columns))
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(f"CREATE TABLE sessions ({told})")
        values = ([row.get(name) for name in columns] for row in rows)
        database.executemany(f"INSERT INTO sessions VALUES ({marks})", values)  # noqa: S608 - names of our own
