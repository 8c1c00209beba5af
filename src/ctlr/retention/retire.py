"""Deletes the raw data of sessions as ``retention`` has planned it.

Each session is looked at once more behind its lock, right before: what has changed since the plan
stays. The manifest says when the raw data went, before its first file does. A deletion that is cut
short is hidden from everybody (``removal``) and ended, or taken back, by the next run.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import structlog

from ctlr.config import Settings
from ctlr.kernel.atomic import make_durable_directories, write_atomic
from ctlr.kernel.errors import Refusal
from ctlr.kernel.untrusted import is_file, is_folder
from ctlr.layout.raw import PRESERVED_FOLDER, LoggingLayout
from ctlr.postprocess.folder.folders import find_folder, read_manifest
from ctlr.postprocess.folder.lock import session_lock
from ctlr.postprocess.folder.manifest_file import write_manifest
from ctlr.postprocess.folder.superseded import unjoined
from ctlr.postprocess.manifest.shapes import Manifest, VideoSource
from ctlr.postprocess.run.changes import needs_processing
from ctlr.postprocess.video.scan import node_names, scan_session, session_ids
from ctlr.retention import removal
from ctlr.retention.lines import Deleted
from ctlr.retention.plan import RawSession, RetentionPlan, plan_retention
from ctlr.sessions.model import Session, SessionState
from ctlr.sessions.reading import read_session

_FINAL = (SessionState.DONE, SessionState.FAILED)
_log = structlog.get_logger("retention")


def plan(settings: Settings, now_ms: int) -> RetentionPlan:
    """What would go now. Raises ``OSError``, ``sqlite3.Error``."""
    space = os.statvfs(settings.storage.logging)
    layout = LoggingLayout(settings.storage.logging)
    return plan_retention(
        [find_raw_session(settings, uuid) for uuid in session_ids(layout)],
        space.f_bavail * space.f_frsize,
        round(settings.retention.free_gb * 2**30),
        now_ms,
        settings.retention.min_age_h,
    )


def find_raw_session(settings: Settings, uuid: str) -> RawSession:
    """One session's raw data, and whether its copy can stand for it."""
    facts = read_session(settings.database.path, uuid)
    folder = find_folder(settings, uuid)
    manifest = read_manifest(folder) if folder else None
    stopped_at = manifest.stopped_at if manifest else None
    return RawSession(
        uuid=uuid,
        size_bytes=_size(settings, uuid),
        ended_at_ms=(facts.stopped_at_ms if facts else None) or stopped_at,
        is_active=facts is not None and facts.state not in _FINAL,
        is_preserved=(settings.storage.logging / PRESERVED_FOLDER / uuid).exists(),
        copy_problem=_find_copy_problem(settings, uuid, facts, folder, manifest),
    )


def make_room(settings: Settings, now_ms: int) -> Iterator[Deleted]:
    """End what an earlier run could not, then delete what may go until there is room enough;
    yields each session as its raw data is gone. Raises ``OSError``, ``sqlite3.Error``."""
    yield from finish_earlier(settings, now_ms)
    yield from retire(settings, plan(settings, now_ms).delete, now_ms)


def retire(settings: Settings, sessions: Iterable[RawSession], now_ms: int) -> Iterator[Deleted]:
    """Delete the raw data of planned sessions; yields each as it is gone.

    Raises ``OSError``, ``sqlite3.Error``.
    """
    for session in sessions:
        try:
            with session_lock(settings, session.uuid):
                size = _retire(settings, session, now_ms)
        except Refusal as refusal:
            _log.info("raw data kept", uuid=session.uuid, reason=refusal.detail)
            continue
        if size is not None:
            yield Deleted(session.uuid, size)


def finish_earlier(settings: Settings, now_ms: int) -> Iterator[Deleted]:
    """Take up what a run that was cut short has left: what it had not yet compared is put back,
    the rest deleted. Yields as ``retire``, and raises the same."""
    root = settings.storage.logging
    for uuid, folders in removal.find_hidden(root, removal.RETIRING).items():
        with suppress(Refusal), session_lock(settings, uuid):
            for folder in folders:
                removal.put_back(folder)
    for uuid, folders in removal.find_hidden(root, removal.RETIRED).items():
        size = None
        with suppress(Refusal), session_lock(settings, uuid):
            seen = {hidden: removal.listing(hidden) for hidden in folders}
            size = _delete(settings, uuid, seen, now_ms)
        if size is not None:
            yield Deleted(uuid, size)


def preserve(settings: Settings, uuid: str, *, keep: bool) -> None:
    """Ask for a session's raw data to be kept for good, or no longer. Raises ``OSError``."""
    folder = settings.storage.logging / PRESERVED_FOLDER
    if keep:
        make_durable_directories(folder)
        write_atomic(folder / uuid, b"")
    else:
        (folder / uuid).unlink(missing_ok=True)


def _retire(settings: Settings, planned: RawSession, now_ms: int) -> int | None:
    seen = {raw: removal.listing(raw) for raw in raw_folders(settings, planned.uuid)}
    now = find_raw_session(settings, planned.uuid)
    if now != planned or now.is_active or now.is_preserved or now.copy_problem:
        _log.info("raw data kept: it has changed since the plan", uuid=planned.uuid)
        return None
    hidden = removal.set_aside(seen)
    if not hidden:
        _log.info("raw data kept: more of it has just arrived", uuid=planned.uuid)
        return None
    return _delete(settings, planned.uuid, hidden, now_ms)


def _delete(
    settings: Settings, uuid: str, folders: Mapping[Path, removal.Listing], now_ms: int
) -> int | None:
    """Delete folders that were set aside; not where their copy is not at hand to say so."""
    folder = find_folder(settings, uuid)
    manifest = read_manifest(folder) if folder else None
    if folder is None or manifest is None:
        _log.warning("raw data kept for now: its copy is not at hand", uuid=uuid)
        return None
    write_manifest(folder, manifest.model_copy(update={"raw_deleted_at": now_ms}))
    size = sum(_bytes_in(raw) for raw in folders)
    for raw, files in folders.items():
        removal.delete(raw, files)
    _log.info("raw data deleted; the copy is verified", uuid=uuid, bytes=size)
    return size


def _find_copy_problem(
    settings: Settings,
    uuid: str,
    facts: Session | None,
    folder: Path | None,
    manifest: Manifest | None,
) -> str | None:
    if folder is None or manifest is None:
        return "it has no copy on the sync drive"
    return _find_doubt(manifest) or _find_difference(settings, uuid, facts, folder, manifest)


def _find_doubt(manifest: Manifest) -> str | None:
    if manifest.verified_at is None:
        return "its copy has not been read back"
    return "its copy is not complete" if manifest.damaged or not manifest.complete else None


def _find_difference(
    settings: Settings, uuid: str, facts: Session | None, folder: Path, manifest: Manifest
) -> str | None:
    nodes = scan_session(_layout(settings), uuid).nodes
    if any(node.strays for node in nodes):
        return "files that nobody knows lie beside it"
    if needs_processing(settings, uuid, facts):
        return "its copy was made of other files than lie here"
    for node in nodes:
        source, names = manifest.sources.get(node.node), {file.path for file in node.segments}
        if isinstance(source, VideoSource) and (left := unjoined(source, names)):
            return f"{left[0]} of {node.node} is in no copy"
    for entry in manifest.files:
        path = folder / entry.path
        if not is_file(path) or path.stat().st_size != entry.bytes:
            return f"its copy lacks {entry.path}"
    return None


def raw_folders(settings: Settings, uuid: str) -> list[Path]:
    """The folders of a session on the logging drive; no link leads to one."""
    layout = _layout(settings)
    cameras = [layout.node_session(node, uuid) for node in node_names(layout, uuid)]
    phone = layout.phone_session(uuid)
    return [*cameras, *([phone] if is_folder(phone.parent, phone) else [])]


def _size(settings: Settings, uuid: str) -> int:
    return sum(map(_bytes_in, raw_folders(settings, uuid)))


def _bytes_in(folder: Path) -> int:
    """Bytes that a folder takes; a file with two names takes its own only once."""
    found = (path.lstat() for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum({(file.st_dev, file.st_ino): file.st_size for file in found}.values())


def _layout(settings: Settings) -> LoggingLayout:
    return LoggingLayout(settings.storage.logging)
