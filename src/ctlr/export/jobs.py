"""Which exports of which sessions are made, and how each appears.

An export of a session is made under a hidden name and appears by one rename. Beside it a hidden
note says what it was made of, the manifest's hash: so a run that was stopped goes on with what is
missing, one that is started again has nothing to do, and a session that was made again since is
exported again. A run never touches what it did not make.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ctlr.kernel.atomic import TEMPORARY_PREFIX, write_atomic
from ctlr.kernel.hashing import hash_bytes
from ctlr.layout.session import MANIFEST_NAME
from ctlr.postprocess.manifest.progress import Report
from ctlr.reader import Session, load

DEEPEST = 3
"""A folder of drives holds drives, and a drive sessions."""
Notes = list[str]
"""What whoever uses an export should know: what was left out, and why."""
Make = Callable[[Session, Path, Report], Notes]
"""Makes a session's export at a path that is not there yet. Raises ``OSError`` and
``ExportError``."""


class ExportError(Exception):
    """A session cannot be exported so; the text says why."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A form. ``version`` is one higher whenever it makes something else of the same session."""

    name: str
    suffix: str
    make: Make
    version: int = 1


@dataclass(frozen=True, slots=True)
class Exported:
    """``made`` is false where it was there already."""

    path: Path
    made: bool
    notes: tuple[str, ...] = ()


def find_sessions(
    paths: Sequence[Path], names: Sequence[str] = (MANIFEST_NAME,), deepest: int = DEEPEST
) -> Iterator[Path]:
    """The sessions' folders at and below some paths, in order: those that hold a file of one of
    the ``names``. What lies below and may not be read is passed over, as a drive's ``lost+found``.
    Raises ``OSError`` where one of the paths cannot be read."""
    for path in paths:
        if any((path / name).is_file() for name in names):
            yield path
        elif deepest:
            below = [p for p in sorted(path.iterdir()) if p.is_dir()]
            shown = [p for p in below if not p.name.startswith(".") and os.access(p, os.R_OK)]
            yield from find_sessions(shown, names, deepest - 1)


def export_session(folder: Path, kind: Kind, to: Path, report: Report) -> Exported:
    """Export one session, unless that was done. Raises ``OSError``, ``ExportError`` and
    ``NotASessionError``."""
    session = load(folder)
    target = to / f"{folder.name}{kind.suffix}"
    note, made_of = target.with_name(f".{target.name}.made-of"), _made_of(folder, kind)
    if target.exists() and _read(note) == made_of:
        return Exported(target, made=False)
    if target.exists() and not note.exists():
        raise ExportError(f"{target} is not of this program; it was left as it is.")
    to.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f"{TEMPORARY_PREFIX}{target.name}")
    _remove(unfinished)
    notes = kind.make(session, unfinished, report)
    write_atomic(note, b"being replaced")
    _remove(target)
    os.rename(unfinished, target)
    write_atomic(note, made_of)
    return Exported(target, made=True, notes=tuple(notes))


def _made_of(folder: Path, kind: Kind) -> bytes:
    manifest = hash_bytes((folder / MANIFEST_NAME).read_bytes())
    return f"{kind.name} {kind.version} of {manifest}\n".encode()


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
