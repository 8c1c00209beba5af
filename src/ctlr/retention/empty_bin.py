"""Empties the bin as ``bin_plan`` has planned it.

Each session is looked at once more behind its lock: one that was taken out meanwhile stays. A folder
is out of sight before its first file goes, and what a run that was cut short has left so is deleted
by the next one. Where everything is to go the raw data goes first: until the copy is gone too, the
record says what is to become of it.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import structlog

from ctlr.config import Settings
from ctlr.kernel.atomic import fsync_directory
from ctlr.kernel.errors import Refusal
from ctlr.kernel.ids import is_session_id
from ctlr.kernel.untrusted import is_folder
from ctlr.layout.raw import PRESERVED_FOLDER
from ctlr.layout.session import MANIFEST_NAME
from ctlr.postprocess.folder.folders import find_folder
from ctlr.postprocess.folder.lock import session_lock
from ctlr.retention import removal
from ctlr.retention.bin_plan import BinnedSession, BinPlan, plan_bin
from ctlr.retention.lines import Emptied
from ctlr.retention.retire import raw_folders
from ctlr.sessions.model import Session, SessionState
from ctlr.sessions.reading import read_binned, read_session

GOING = ".ctlr-binned-"
_FINAL = (SessionState.DONE, SessionState.FAILED)
_log = structlog.get_logger("retention")


def plan(settings: Settings, now_ms: int) -> BinPlan:
    """What would go now. Raises ``OSError``, ``sqlite3.Error``."""
    space = os.statvfs(settings.storage.sync)
    short = (settings.storage.floor_mb << 20) - space.f_bavail * space.f_frsize
    binned = [_look(settings, session) for session in read_binned(settings.database.path)]
    return plan_bin(binned, now_ms, settings.retention.bin_days, short)


def empty(settings: Settings, now_ms: int) -> Iterator[Emptied]:
    """Delete what may go; yields each session as it is gone. Raises ``OSError``, ``sqlite3.Error``."""
    _finish_earlier(settings)
    for planned in plan(settings, now_ms).empty:
        try:
            with session_lock(settings, planned.uuid):
                facts = read_session(settings.database.path, planned.uuid)
                if facts is None or facts.binned_at_ms is None or _look(settings, facts) != planned:
                    _log.info("kept: it has changed since the plan", uuid=planned.uuid)
                    continue
                gone = _empty(settings, planned)
        except Refusal as refusal:
            _log.info("kept in the bin", uuid=planned.uuid, reason=refusal.detail)
            continue
        if gone is not None:
            yield gone


def _look(settings: Settings, session: Session) -> BinnedSession:
    folder = find_folder(settings, session.uuid)
    return BinnedSession(
        uuid=session.uuid,
        binned_at_ms=session.binned_at_ms or 0,
        copy_bytes=_size(folder) if folder else 0,
        raw_bytes=sum(map(_size, raw_folders(settings, session.uuid))),
        everything=session.bin_scope == "everything",
        is_rehearsal=session.is_rehearsal,
        is_active=session.state not in _FINAL,
        is_preserved=(settings.storage.logging / PRESERVED_FOLDER / session.uuid).exists(),
    )


def _empty(settings: Settings, session: BinnedSession) -> Emptied | None:
    """None where more of it has just arrived: then all of it stays."""
    raw = _delete_raw(settings, session.uuid) if session.everything else 0
    if raw is None:
        _log.info("kept in the bin: more of it has just arrived", uuid=session.uuid)
        return None
    folder = find_folder(settings, session.uuid)
    if folder is not None:
        _delete_copy(folder, session.uuid)
    _log.info("deleted from the bin", uuid=session.uuid, raw_bytes=raw)
    return Emptied(session.uuid, session.copy_bytes, raw)


def _delete_raw(settings: Settings, uuid: str) -> int | None:
    seen = {folder: removal.listing(folder) for folder in raw_folders(settings, uuid)}
    hidden = removal.set_aside(seen)
    if seen and not hidden:
        return None
    for folder, files in hidden.items():
        removal.delete(folder, files)
    return sum(size for files in hidden.values() for size, _ in files.values())


def _delete_copy(folder: Path, uuid: str) -> None:
    going = folder.with_name(GOING + uuid)
    os.rename(folder, going)
    fsync_directory(folder.parent)
    _remove(going)


def _remove(going: Path) -> None:
    (going / MANIFEST_NAME).unlink(missing_ok=True)
    shutil.rmtree(going)
    fsync_directory(going.parent)


def _finish_earlier(settings: Settings) -> None:
    """Take up what a run that was cut short has left: raw data that it had not yet compared is put
    back, what it had begun to delete goes."""
    root = settings.storage.logging
    wholly = {s.uuid for s in read_binned(settings.database.path) if s.bin_scope == "everything"}
    for uuid, folders in removal.find_hidden(root, removal.RETIRING).items():
        if uuid in wholly:
            for folder in folders:
                removal.put_back(folder)
    for uuid, folders in removal.find_hidden(root, removal.RETIRED).items():
        if uuid in wholly:
            for folder in folders:
                removal.delete(folder, removal.listing(folder))
    for going in sorted(settings.storage.sync.glob(f"{GOING}*")):
        if is_session_id(going.name.removeprefix(GOING)) and is_folder(going):
            _remove(going)


def _size(folder: Path) -> int:
    files = (p for p in folder.rglob("*") if p.is_file() and not p.is_symlink())
    return sum(path.lstat().st_size for path in files)
