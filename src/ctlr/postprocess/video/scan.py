"""What lies on the logging disk, by name and size only: nothing is opened here.

A camera's folder is found by looking, so a session that no database knows is found too. Names
that mean "not there yet" are passed over; whatever else is no segment, sidecar or upload is
reported as a stray, never guessed at. Links are not followed.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ctlr.kernel.atomic import is_temporary
from ctlr.kernel.ids import RESERVED_NODE_NAMES, is_node_name, is_session_id
from ctlr.kernel.names import is_readable, readable_name
from ctlr.kernel.untrusted import is_folder
from ctlr.layout.raw import (
    LoggingLayout,
    is_delivered_name,
    parse_segment_name,
    parse_stray_segment,
    plain_name,
)
from ctlr.postprocess.video.facts import FoundFile, NodeFiles, SessionFiles
from ctlr.postprocess.video.ledger import in_takes

MOST_STRAYS = 100


def scan_session(layout: LoggingLayout, uuid: str) -> SessionFiles:
    """All files of one session. A folder that is not there is empty. Raises ``OSError``."""
    names = _owners(layout, uuid)
    nodes = [scan_node(layout, name, uuid) for name in names if is_node_name(name)]
    others = [name for name in names if not is_node_name(name)]
    foreign = [name for name in others if name not in RESERVED_NODE_NAMES]
    strays = _shown([f"{readable_name(name)}/{uuid}" for name in foreign])
    return replace(
        scan_uploads(layout, uuid),
        nodes=tuple(nodes),
        can=_one_file(layout.can_raw()),
        strays=tuple(strays),
    )


def scan_uploads(layout: LoggingLayout, uuid: str) -> SessionFiles:
    """What phone and watch sent, and nothing else. Raises ``OSError``."""
    folder = layout.phone_session(uuid)
    uploads = list(_walk(folder)) if is_folder(folder.parent, folder) else []
    return SessionFiles(
        uuid=uuid,
        phone=tuple(f for f in uploads if not f.path.startswith("watch/")),
        watch=tuple(f for f in uploads if f.path.startswith("watch/")),
    )


def node_names(layout: LoggingLayout, uuid: str) -> list[str]:
    """The cameras that have a folder for a session, in order. Raises ``OSError``."""
    return [name for name in _owners(layout, uuid) if is_node_name(name)]


def _owners(layout: LoggingLayout, uuid: str) -> list[str]:
    folders = _folders(layout.root)
    return [f.name for f in folders if is_folder(Path(f.path, uuid))]


def scan_node(layout: LoggingLayout, node: str, uuid: str) -> NodeFiles:
    """One camera's files of a session. Raises ``OSError``."""
    segments, frame_files, sidecars, strays = [], [], [], []
    stray_segments = []
    try:
        with os.scandir(layout.node_session(node, uuid)) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        found = []
    for entry in found:
        if is_temporary(entry.name):
            continue
        plain = plain_name(entry.name)
        if not entry.is_file(follow_symlinks=False):
            strays.append(readable_name(entry.name))
        elif plain and parse_segment_name(plain) is not None:
            segments.append(_found(entry, entry.name))
        elif plain:
            frame_files.append(_found(entry, entry.name))
        elif is_delivered_name(entry.name):
            sidecars.append(_found(entry, entry.name))
        elif parse_stray_segment(entry.name) is not None and is_readable(entry.name):
            stray_segments.append(_found(entry, entry.name))
        else:
            strays.append(readable_name(entry.name))
    placed = in_takes(layout.node_session(node, uuid), [*segments, *stray_segments])
    return NodeFiles(
        node,
        tuple(placed[: len(segments)]),
        tuple(frame_files),
        tuple(sidecars),
        tuple(_shown(strays)),
        tuple(placed[len(segments) :]),
    )


def _shown(strays: list[str]) -> list[str]:
    """As many as a person looks at, and how many more there are."""
    more = len(strays) - MOST_STRAYS
    return strays if more <= 0 else [*strays[:MOST_STRAYS], f"{more} more"]


def session_ids(layout: LoggingLayout) -> list[str]:
    """Every session that has a folder below any camera or the phone. Raises ``OSError``."""
    found: set[str] = set()
    for entry in _folders(layout.root):
        if is_node_name(entry.name) or entry.name == "phone":
            found.update(child.name for child in _folders(Path(entry.path)))
    return sorted(name for name in found if is_session_id(name))


def _folders(root: Path) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(root) as entries:
            found = [e for e in entries if e.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []
    return sorted((e for e in found if not is_temporary(e.name)), key=lambda e: e.name)


def _walk(root: Path, below: str = "") -> Iterator[FoundFile]:
    """Regular files of a folder and of its folders (one level), by path."""
    try:
        with os.scandir(root) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    for entry in found:
        if is_temporary(entry.name):
            continue
        if entry.is_file(follow_symlinks=False):
            yield _found(entry, below + entry.name)
        elif entry.is_dir(follow_symlinks=False) and not below:
            yield from _walk(root / entry.name, f"{entry.name}/")


def _found(entry: "os.DirEntry[str]", path: str) -> FoundFile:
    stat = entry.stat(follow_symlinks=False)
    return FoundFile(path, stat.st_size, stat.st_mtime_ns)


def _one_file(path: Path) -> FoundFile | None:
    """What lies there, whatever it is: what can't be read is named when it is opened."""
    if not (is_folder(path.parent) and os.path.lexists(path)):
        return None
    stat = os.lstat(path)
    return FoundFile(path.name, stat.st_size, stat.st_mtime_ns)
