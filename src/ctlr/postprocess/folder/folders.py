"""Session folders on the sync disk: which one is ours, and how a new state appears in it.

A first run is built in ``.tmp-{uuid}/out`` and appears whole by one rename. A later run changes
a folder that people may be looking at: its manifest is set aside first (a folder without a
manifest is not finished), the changed files are renamed into place, and the new manifest comes
last. Killed anywhere in between, the next run finds the manifest that was set aside and does it
again. A folder that another session or another program made is never touched: ours gets the next
free name.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from ctlr.config import Settings
from ctlr.kernel.atomic import fsync_directory, write_atomic
from ctlr.kernel.hashing import hash_bytes
from ctlr.kernel.untrusted import is_file, is_folder, read_file, refuse_links
from ctlr.layout.session import CHECKSUMS_NAME, MANIFEST_NAME, session_folder_pattern
from ctlr.postprocess.manifest import document
from ctlr.postprocess.manifest.shapes import Manifest
from ctlr.postprocess.manifest.standing import Standing, file_names
from ctlr.postprocess.manifest.workspace import Workspace

SET_ASIDE_NAME = ".manifest.json.previous"
_MAX_NAMES = 100


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a folder, or the one that was set aside; None when there is neither."""
    for name in (MANIFEST_NAME, SET_ASIDE_NAME):
        try:
            return document.read(read_file(folder / name, document.MOST_BYTES))
        except FileNotFoundError:
            continue
        except (OSError, ValueError):
            return None  # unreadable: not provably ours
    return None


def session_folders(drive: Path) -> list[Path]:
    """The folders of a drive that a session was made in, finished or not. Raises ``OSError``."""
    return [
        folder
        for folder in sorted(drive.iterdir())
        if not folder.name.startswith(".")
        and is_folder(folder)
        and any(is_file(folder / name) for name in (MANIFEST_NAME, SET_ASIDE_NAME))
    ]


def is_finished(folder: Path) -> bool:
    return is_file(folder / MANIFEST_NAME)


def look_at_files(folder: Path, manifest: Manifest | None) -> Standing:
    """What stands in a folder of the files that its manifest speaks of."""
    sizes: dict[str, int | None] = {}
    for name in file_names(manifest):
        try:
            sizes[name] = os.lstat(folder / name).st_size
        except FileNotFoundError:
            sizes[name] = None
        except OSError:  # a disk that refuses to tell does not say that the file is gone
            continue
    return Standing(manifest, sizes)


def candidates(name: str) -> list[str]:
    return [name, *(f"{name}-{number}" for number in range(2, _MAX_NAMES))]


def choose_folder(sync: Path, name: str, uuid: str) -> str:
    """The session's folder name: its own if there is one, else the first that is free.

    Raises ``FileExistsError`` when a hundred names are taken.
    """
    for candidate in candidates(name):
        folder = sync / candidate
        if not os.path.lexists(folder):
            return candidate
        if not is_folder(folder):
            continue
        found = read_manifest(folder)
        if found is not None and found.uuid == uuid:
            return candidate
        if found is None and not any(folder.iterdir()):
            return candidate
    raise FileExistsError(f"{sync / name} and the names after it are taken by other sessions")


def publish(workspace: Workspace, folder: Path, manifest: Manifest, dropped: Iterable[str]) -> None:
    """Let the workspace's files and the manifest appear in ``folder``. Raises ``OSError``.

    Every file of the workspace has been flushed. ``dropped`` are files of the revision before
    that this one does not have. Nothing is written or deleted through a link.
    """
    refuse_links(workspace.root)
    refuse_links(folder)
    data = document.write(manifest.model_copy(update={"replaces": _hash_of_manifest(folder)}))
    _fsync_tree(workspace.out)
    if not folder.exists() or not any(folder.iterdir()):
        write_atomic(workspace.out / MANIFEST_NAME, data)
        if folder.exists():
            folder.rmdir()
        os.rename(workspace.out, folder)
        fsync_directory(folder.parent)
    else:
        _update(workspace.out, folder, data, dropped)
    workspace.remove()


def _update(out: Path, folder: Path, data: bytes, dropped: Iterable[str]) -> None:
    if is_finished(folder):
        os.replace(folder / MANIFEST_NAME, folder / SET_ASIDE_NAME)
        fsync_directory(folder)
    (folder / CHECKSUMS_NAME).unlink(missing_ok=True)  # of the files as they were
    for path in sorted(out.rglob("*")):
        target = folder / path.relative_to(out)
        if path.is_dir():
            target.mkdir(exist_ok=True)
        else:
            os.replace(path, target)
    for name in dropped:
        (folder / name).unlink(missing_ok=True)
    _fsync_tree(folder)
    write_atomic(folder / MANIFEST_NAME, data)
    (folder / SET_ASIDE_NAME).unlink(missing_ok=True)


def _hash_of_manifest(folder: Path) -> str | None:
    """Of the manifest that is there, or was set aside."""
    for name in (MANIFEST_NAME, SET_ASIDE_NAME):
        with suppress(FileNotFoundError):
            return hash_bytes(read_file(folder / name, document.MOST_BYTES))
    return None


def _fsync_tree(root: Path) -> None:
    for folder in (p for p in root.rglob("*") if p.is_dir()):
        fsync_directory(folder)
    fsync_directory(root)


def find_folder(settings: Settings, uuid: str) -> Path | None:
    """The session's folder on the sync disk, whatever its template makes of day and label; None if
    absent."""
    pattern = session_folder_pattern(settings.storage.session_folder, uuid)
    try:
        names = sorted(p for p in settings.storage.sync.glob(pattern) if _may_be_one(p))
    except OSError:
        return None
    return next((folder for folder in names if _uuid_of(folder) == uuid), None)


def _may_be_one(path: Path) -> bool:
    return not path.name.startswith(".") and is_folder(path)


def _uuid_of(folder: Path) -> str | None:
    """Whose folder it is. A manifest that has not changed is not read again: where nothing of the
    id stands in the names, each search looks into many folders."""
    for name in (MANIFEST_NAME, SET_ASIDE_NAME):
        try:
            status = os.lstat(folder / name)
        except OSError:
            continue
        return _uuid_in(folder, (status.st_ino, status.st_mtime_ns, status.st_size))
    return None


@lru_cache(maxsize=4096)
def _uuid_in(folder: Path, _state: tuple[int, int, int]) -> str | None:
    found = read_manifest(folder)
    return found.uuid if found else None
