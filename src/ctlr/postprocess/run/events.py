"""``events.csv``: the marks of a session, one ``at_ms,label`` row each, quoted as RFC 4180 says."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from ctlr.kernel.atomic import write_atomic
from ctlr.kernel.hashing import hash_bytes
from ctlr.postprocess.manifest.shapes import FileEntry
from ctlr.postprocess.video.marks import EVENTS_FILE
from ctlr.sessions.model import Mark


def write_events(folder: Path, marks: Sequence[Mark]) -> FileEntry:
    """Write the file into a folder; returns its entry for the manifest. Raises ``OSError``."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["at_ms", "label"])
    writer.writerows([mark.at_ms, mark.label or ""] for mark in marks)
    data = text.getvalue().encode()
    write_atomic(folder / EVENTS_FILE, data)
    digest = hash_bytes(data)
    return FileEntry(path=EVENTS_FILE, bytes=len(data), xxh128=digest, inputs=digest)
