"""Runs inside a camera: a link to every finished segment, made the moment it appears.

So a segment cannot disappear unseen, whatever becomes of the spool. A link counts once its folder
is flushed: what a power cut takes before that nobody has seen finished. Standard library only.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

EVERY_S = 0.1


def segments(spool: Path) -> Iterator[Path]:
    """All finished segments, ``{node}/{uuid}/seg_*.mp4``; a session's folder may go while they are
    listed."""
    for folder in list(spool.glob("*/*")):
        with suppress(FileNotFoundError):
            yield from list(folder.glob("seg_*.mp4"))


def look(spool: Path, seen: Path) -> None:
    """Link what is new: ``{uuid}.{segment}.{inode}`` below ``seen``."""
    new = False
    for segment in segments(spool):
        try:
            link = seen / f"{segment.parent.name}.{segment.name}.{segment.stat().st_ino}"
            if not link.exists():
                os.link(segment, link)
                new = True
        except FileNotFoundError:  # delivered and gone meanwhile
            continue
    if new:
        folder = os.open(seen, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


if __name__ == "__main__":
    spool, seen = map(Path, sys.argv[1:])
    seen.mkdir(parents=True, exist_ok=True)
    while True:
        look(spool, seen)
        time.sleep(EVERY_S)
