"""What people say of a session, in its manifest: kept up to date without making anything again."""

from pathlib import Path
from typing import Any

from ctlr.config import Settings
from ctlr.postprocess.folder.folders import find_folder, is_finished, read_manifest
from ctlr.postprocess.folder.manifest_file import write_manifest
from ctlr.postprocess.manifest.shapes import Manifest
from ctlr.sessions.model import Session
from ctlr.sessions.reading import read_session


def remarks(facts: Session | None) -> dict[str, Any]:
    """The manifest's keys of that kind."""
    if facts is None:
        return {"label": None, "notes": None, "verdict": None}
    return {"label": facts.label, "notes": facts.notes, "verdict": facts.verdict}


def differ(manifest: Manifest, facts: Session | None) -> bool:
    """Whether a manifest says otherwise than the record; where there is none, it stays."""
    if facts is None:
        return False
    return any(getattr(manifest, name) != text for name, text in remarks(facts).items())


def update(folder: Path, manifest: Manifest, facts: Session | None) -> Manifest:
    """The manifest of a finished folder as it is to be, written if it was not. Raises ``OSError``."""
    if not differ(manifest, facts):
        return manifest
    return write_manifest(folder, manifest.model_copy(update=remarks(facts)))


def are_news(settings: Settings, uuid: str) -> bool:
    """Whether a finished folder's manifest is to be updated. Raises ``OSError``, ``sqlite3.Error``."""
    folder = find_folder(settings, uuid)
    manifest = read_manifest(folder) if folder else None
    if folder is None or manifest is None or not is_finished(folder):
        return False
    return differ(manifest, read_session(settings.database.path, uuid))
