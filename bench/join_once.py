"""One join in a process of its own: ``join_once.py SEGMENTS OUT [no-fsync] [no-hash]``.

To be timed from outside. Examines, places, splices and hashes as the product does, without the session around it. Prints
the peak of its resident memory in MiB.
"""

import os
import sys
from pathlib import Path

import xxhash

from ctlr.mp4.merge import MergedMovie
from ctlr.postprocess.video.examine import Examiner
from ctlr.postprocess.video.facts import FoundFile, NodeFiles
from ctlr.postprocess.video.placing import place
from ctlr.postprocess.video.splice import GrowingVideo


def join(folder: Path, out: Path) -> None:
    names = sorted(os.listdir(folder))
    files = tuple(_found(folder / name) for name in names)
    examiner, movie = Examiner(), MergedMovie()
    (part,) = place(examiner.examine_node(folder, NodeFiles("bench", files))).parts
    with GrowingVideo(out, out.with_suffix(".journal")) as video:
        for placed in part.segments:
            path = folder / placed.facts.name
            tables = examiner.tables(path)
            seen = placed.facts.size, placed.facts.mtime_ns
            chunk = video.append(path, tables.media, seen)
            assert not examiner.look_closer(path, chunk.blank)
            movie.append(tables, placed.at_ticks, chunk.offset)
        video.finish(movie.moov())


class NoHash:
    """Stands for a hash, to tell what hashing costs: the product always hashes."""

    def __init__(self, data: object = b"") -> None:
        """Nothing is taken in."""

    def update(self, data: object) -> None:
        """Nor here."""

    def hexdigest(self) -> str:
        return ""


def _found(path: Path) -> FoundFile:
    stat = path.stat()
    return FoundFile(path.name, stat.st_size, stat.st_mtime_ns)


def peak_mib() -> float:
    """Of this program alone; ``getrusage`` would count that of the one that started it."""
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    if "no-fsync" in sys.argv:
        os.fsync = lambda _: None  # type: ignore[assignment] # the product always flushes
    if "no-hash" in sys.argv:
        xxhash.xxh3_128 = NoHash  # type: ignore[assignment, misc] # as it says
    join(Path(sys.argv[1]), Path(sys.argv[2]))
    print(peak_mib())
