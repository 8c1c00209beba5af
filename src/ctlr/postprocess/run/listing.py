"""The sessions on the logging disk, and finding one by the beginning of its id."""

from dataclasses import dataclass
from pathlib import Path

from ctlr.config import Settings
from ctlr.kernel.ids import parse_session_prefix, the_only_one
from ctlr.layout.raw import LoggingLayout
from ctlr.postprocess.folder.folders import find_folder, read_manifest, session_folders
from ctlr.postprocess.run.changes import needs_processing
from ctlr.postprocess.video.scan import scan_session, session_ids


@dataclass(frozen=True, slots=True)
class ListedSession:
    """A session on the logging disk, as ``--list`` shows it."""

    uuid: str
    nodes: tuple[str, ...]
    segments: int
    bytes: int
    folder: str | None
    revision: int | None
    up_to_date: bool


def list_sessions(settings: Settings) -> list[ListedSession]:
    """Every session that has left something on the logging disk. Raises ``OSError``."""
    layout = LoggingLayout(settings.storage.logging)
    return [_listed(settings, layout, uuid) for uuid in session_ids(layout)]


def _listed(settings: Settings, layout: LoggingLayout, uuid: str) -> ListedSession:
    files = scan_session(layout, uuid)
    folder = find_folder(settings, uuid)
    manifest = read_manifest(folder) if folder else None
    everything = [f for n in files.nodes for f in (*n.segments, *n.stray_segments)] + [
        *files.phone,
        *files.watch,
    ]
    return ListedSession(
        uuid=uuid,
        nodes=tuple(node.node for node in files.nodes),
        segments=sum(len(node.names) for node in files.nodes),
        bytes=sum(f.size for f in everything),
        folder=folder.name if folder else None,
        revision=manifest.revision if manifest else None,
        up_to_date=not needs_processing(settings, uuid),
    )


def resolve_prefix(settings: Settings, prefix: str) -> str:
    """The one session whose uuid begins with ``prefix``: of those on the logging disk, else of those
    on the sync disk, where one stays whose raw data made room.

    Raises ``Refusal``: ``invalid_uuid``, ``unknown_session``, ``ambiguous_session``; ``OSError``.
    """
    begins, storage = parse_session_prefix(prefix), settings.storage
    raw = [u for u in session_ids(LoggingLayout(storage.logging)) if u.startswith(begins)]
    found = raw or [u for u in _made(storage.sync) if u.startswith(begins)]
    return the_only_one(begins, found, f"below {storage.logging} or {storage.sync}")


def _made(sync: Path) -> list[str]:
    """The sessions whose folders lie on the sync disk."""
    manifests = (read_manifest(folder) for folder in session_folders(sync))
    return sorted(manifest.uuid for manifest in manifests if manifest is not None)
