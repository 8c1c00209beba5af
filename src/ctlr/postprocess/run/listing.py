"""The sessions on the logging disk, and finding one by the beginning of its id."""

from dataclasses import dataclass

from ctlr.config import Settings
from ctlr.kernel.errors import Refusal
from ctlr.layout.raw import LoggingLayout
from ctlr.postprocess.folder.folders import find_folder, read_manifest
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
    """The one session on the logging disk whose uuid begins with ``prefix``.

    Raises ``Refusal`` with code ``unknown_session`` or ``ambiguous_session``.
    """
    wanted = prefix.lower()
    found = [
        u for u in session_ids(LoggingLayout(settings.storage.logging)) if u.startswith(wanted)
    ]
    if wanted in found:
        return wanted
    if not found:
        raise Refusal(
            "unknown_session",
            f"No session below {settings.storage.logging} has an id that begins with {prefix!r}.",
        )
    if len(found) > 1:
        raise Refusal(
            "ambiguous_session",
            f"{prefix!r} fits {len(found)} sessions; give more of the id: {', '.join(found[:5])}.",
        )
    return found[0]
