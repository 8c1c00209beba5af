"""Takes a session's raw folders away in steps that may be cut short after any of them.

::

    {node}/{uuid}  ->  {node}/.retiring-{uuid}  ->  {node}/.retired-{uuid}  ->  nothing
                       no longer seen                compared: nothing new

A folder is out of everybody's sight before its first file goes: half a folder would be taken for
what there is of the session. A camera may deliver into it until then, so it is compared once more
under its new name and put back if it has news. Only what was in it then is deleted; should a file
come even later, through a transfer that had the folder open, it is kept as ``.late-{uuid}``.
"""

import errno
import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import structlog

from ctlr.kernel.atomic import fsync_directory
from ctlr.kernel.ids import is_session_id

RETIRING = ".retiring-"
RETIRED = ".retired-"
LATE = ".late-"

_log = structlog.get_logger("retention")

Listing = dict[str, tuple[int, int]]
"""Size and mtime in ns of every file by its path below the session's folder."""


def listing(folder: Path) -> Listing:
    """Every file of a folder, hidden ones too. Raises ``OSError``."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_symlink() or not path.is_dir():
            status = path.lstat()
            found[path.relative_to(folder).as_posix()] = (status.st_size, status.st_mtime_ns)
    return found


def set_aside(seen: Mapping[Path, Listing]) -> dict[Path, Listing]:
    """Give a session's folders their last names; nothing where any holds something else by then
    than was ``seen`` in it: all are put back. Raises ``OSError``."""
    hidden = {_hidden(folder, RETIRING): files for folder, files in seen.items()}
    for folder in seen:
        _rename(folder, _hidden(folder, RETIRING))
    if any(listing(folder) != files for folder, files in hidden.items()):
        for folder in hidden:
            put_back(folder)
        return {}
    last = {_hidden(folder, RETIRED): files for folder, files in seen.items()}
    for folder, target in zip(hidden, last, strict=True):
        _rename(folder, target)
    return last


def delete(folder: Path, files: Iterable[str]) -> None:
    """Delete files of a folder that was set aside, and the folder. Raises ``OSError``."""
    for path in files:
        (folder / path).unlink(missing_ok=True)
    folders = [path for path in folder.rglob("*") if path.is_dir() and not path.is_symlink()]
    for empty in [*sorted(folders, reverse=True), folder]:
        with suppress(OSError):  # it is not
            empty.rmdir()
    if folder.exists():
        late = folder.with_name(folder.name.replace(RETIRED, LATE, 1))
        _log.error("a file came for a session whose raw data was being deleted", kept_in=str(late))
        _rename(folder, late)
    fsync_directory(folder.parent)


def put_back(folder: Path) -> None:
    """Give a hidden folder its name again; where one has come into being since, its files go
    there. Raises ``OSError``."""
    target = folder.with_name(folder.name.removeprefix(RETIRING))
    try:
        _rename(folder, target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        _move_files(folder, target)


def _move_files(folder: Path, target: Path) -> None:
    for path in listing(folder):
        if not (target / path).exists():
            (target / path).parent.mkdir(exist_ok=True)
            os.rename(folder / path, target / path)
            fsync_directory((target / path).parent)
    shutil.rmtree(folder)


def find_hidden(root: Path, prefix: str) -> dict[str, list[Path]]:
    """What an earlier run has left under such names below the logging mount, by session."""
    found: dict[str, list[Path]] = {}
    for folder in sorted(root.glob(f"*/{prefix}*")):
        uuid = folder.name.removeprefix(prefix)
        if is_session_id(uuid) and folder.is_dir() and not folder.is_symlink():
            found.setdefault(uuid, []).append(folder)
    return found


def _hidden(folder: Path, prefix: str) -> Path:
    return folder.with_name(f"{prefix}{folder.name}")


def _rename(folder: Path, target: Path) -> None:
    os.rename(folder, target)
    fsync_directory(folder.parent)
