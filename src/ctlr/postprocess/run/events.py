"""``events.csv``: the marks of a session, one ``at_ms,label`` row each, quoted as RFC 4180 says."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import xxhash

from ctlr.kernel.atomic import write_atomic
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
    digest = xxhash.xxh3_128_hexdigest(data)
    return FileEntry(path=EVENTS_FILE, bytes=len(data), xxh128=digest, inputs=digest)
