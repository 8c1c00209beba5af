"""Whether a session has to be made (again): what lies there against what its manifest was made of.

Reads names, sizes and times only, and of the CAN recording what has arrived since, so a controller
can ask often.
"""

from ctlr.config import Settings
from ctlr.kernel.clock import Clock, SystemClock
from ctlr.layout.raw import LoggingLayout
from ctlr.postprocess.can.news import has_news
from ctlr.postprocess.folder.folders import find_folder, is_finished, read_manifest
from ctlr.postprocess.folder.superseded import can_be_made_again
from ctlr.postprocess.manifest.can import CanSource
from ctlr.postprocess.manifest.shapes import FailedSource, Manifest, VideoSource
from ctlr.postprocess.run.plan import missing_nodes, plan_can, plan_copies
from ctlr.postprocess.run.reuse import is_news
from ctlr.postprocess.video.facts import SessionFiles
from ctlr.postprocess.video.planned import raw_state
from ctlr.postprocess.video.scan import scan_session
from ctlr.sessions.model import Session

CAN_SETTLED_MS = 5_000
"""So long after a session's time its frames are surely written down."""


def needs_processing(
    settings: Settings, uuid: str, facts: Session | None = None, clock: Clock | None = None
) -> bool:
    """Whether what lies on the logging disk differs from what the manifest was made of.

    ``facts`` given, a change of what the record says counts too.
    """
    layout = LoggingLayout(settings.storage.logging)
    files = scan_session(layout, uuid)
    if not (files.nodes or files.phone or files.watch):
        return False
    folder = find_folder(settings, uuid)
    manifest = read_manifest(folder) if folder else None
    if folder is None or manifest is None or not is_finished(folder):
        return True
    now_ms = (clock or SystemClock()).now_ms()
    return _inputs_differ(files, manifest, facts) or _can_differs(layout, files, manifest, now_ms)


def _can_differs(
    layout: LoggingLayout, files: SessionFiles, manifest: Manifest, now_ms: int
) -> bool:
    """Whether other rows of the CAN recording belong than were cut: never before the session's
    time is over, so that all that is still to come makes one revision."""
    wanted = plan_can(files, manifest.started_at, manifest.stopped_at)
    if wanted is None or now_ms < wanted.last_ms + CAN_SETTLED_MS:
        return False
    source = manifest.sources.get("can")
    unreadable = any(problem.code == "can_unreadable" for problem in manifest.problems)
    if unreadable or isinstance(source, FailedSource):  # it would be found so for ever
        return False
    until_ms = source.until_ms if isinstance(source, CanSource) else None
    try:
        return has_news(layout.can_folder(), wanted.first_ms, wanted.last_ms, until_ms)
    except OSError:
        return False  # a run could not read it either


def _inputs_differ(files: SessionFiles, manifest: Manifest, facts: Session | None) -> bool:
    for node in files.nodes:
        source = manifest.sources.get(node.node)
        if source is not None and not node.names:
            continue
        if is_news(source, raw_state(node, facts)):
            return True
    for copy in plan_copies(files):
        entry = manifest.file(copy.target)
        inputs = entry.inputs if entry else manifest.unread.get(copy.target)
        if inputs != copy.inputs:
            return True
    missing = {name for name, _ in missing_nodes(files, facts) if name not in manifest.sources}
    return bool(missing) or _can_be_repaired(files, manifest)


def _can_be_repaired(files: SessionFiles, manifest: Manifest) -> bool:
    """Whether any file that proved damaged can be made again of what lies there."""
    remade = {copy.target for copy in plan_copies(files)}
    for node in files.nodes:
        source, names = manifest.sources.get(node.node), node.names
        if isinstance(source, VideoSource) and can_be_made_again(source, names):
            remade |= source.file_names
    return not remade.isdisjoint(manifest.damaged)
