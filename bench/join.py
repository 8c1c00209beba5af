"""What joining a recording costs beside copying its bytes.

600 MB in 60 segments of 10 s. The reference is ``cat seg_* > out``: nothing that makes one file
of sixty can do with less. Beside it the join as the product does it (examine, place, splice,
hash; without the session around it), and what people do today, ``ffmpeg -f concat -c copy``.
Runs with fsync are compared with ``cat`` and fsync. The join is a process of its own, so Python's
start is in its time, and it hashes what it copies; since neither ``cat`` nor ffmpeg does, it is
also run without. ffmpeg is then compared with the join itself.

``--target`` puts the results on another file system. For exFAT through FUSE, as root::

    truncate -s 2G /var/tmp/drive.img && mkfs.exfat /var/tmp/drive.img
    mount.exfat-fuse $(losetup -f --show /var/tmp/drive.img) /mnt
    .venv/bin/python -m bench.join --target /mnt --only join
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import xxhash
from bench.join_segments import make_distinct, repeat
from bench.paired import ROUNDS, Pair, Sample, compare, run_command, run_here, show

SEGMENTS = 60
MANY = 10_000


def engines(segments: Path, out: Path) -> dict[str, list[str]]:
    """Commands that make ``out`` of the files in ``segments``, by name."""
    listing = segments.parent / "list.txt"
    names = sorted(segments.iterdir())
    listing.write_text("".join(f"file '{name}'\n" for name in names))
    concat = ["ffmpeg", "-nostdin", "-y", "-v", "error", "-f", "concat", "-safe", "0"]
    concat += ["-i", str(listing), "-c", "copy"]
    join = [sys.executable, "-m", "bench.join_once", str(segments), str(out)]
    return {
        "cat": ["sh", "-c", f"cat {segments}/seg_* > {out}"],
        "cat, fsync": ["sh", "-c", f"cat {segments}/seg_* > {out} && sync {out}"],
        "join": [*join, "no-fsync"],
        "join, no hash": [*join, "no-fsync", "no-hash"],
        "join, fsync": join,
        "join, no hash, fsync": [*join, "no-hash"],
        "ffmpeg": [*concat, str(out)],
        "ffmpeg, faststart": [*concat, "-movflags", "+faststart", str(out)],
        "ffmpeg, fsync": ["sh", "-c", f"{' '.join(concat)} {out} && sync {out}"],
    }


def clean_run(command: list[str], out: Path) -> Sample:
    """Run a command that makes ``out``, with nothing left of the run before."""
    out.unlink(missing_ok=True)
    out.with_suffix(".journal").unlink(missing_ok=True)
    os.sync()
    return run_command(command)


def compare_all(segments: Path, out: Path, rounds: int, only: str) -> dict[str, Pair]:
    commands = engines(segments, out)
    runs: dict[str, Callable[[], Sample]] = {
        name: partial(clean_run, command, out) for name, command in commands.items()
    }
    return {
        name: compare(runs["cat, fsync" if "fsync" in name else "cat"], run, rounds)
        for name, run in runs.items()
        if not name.startswith("cat") and name.startswith(only)
    }


def compare_with_ffmpeg(segments: Path, out: Path, rounds: int) -> dict[str, Pair]:
    """What the join does, by ffmpeg; the join is the reference."""
    commands = engines(segments, out)
    ffmpeg = partial(clean_run, commands["ffmpeg"], out)
    return {
        f"ffmpeg beside: {name}": compare(partial(clean_run, commands[name], out), ffmpeg, rounds)
        for name in ("join", "join, no hash")
    }


def hash_all(segments: Path) -> Sample:
    """xxh128 alone over the same bytes, held in memory a segment at a time."""
    total = Sample(0, 0)
    for path in segments.iterdir():
        data = path.read_bytes()
        sample = run_here(partial(_hash, data))
        total = Sample(total.wall_s + sample.wall_s, total.cpu_s + sample.cpu_s)
    return total


def _hash(data: bytes) -> bytes:
    return xxhash.xxh3_128(data).digest()


def peak_mib(root: Path, count: int) -> str:
    """Peak memory of a join of many small segments, Python included, as it says itself."""
    make_distinct(root / "small", seconds=1, kbps=200, size="160x90", fragmented=True)
    repeat(root / "small", root / "many", range(count))
    command = [sys.executable, "-m", "bench.join_once", str(root / "many"), str(root / "many.mp4")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return f"{float(done.stdout):.0f} MiB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", type=Path, help="folder for the results, e.g. an exFAT mount")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", default="", help="how the names of what is run begin")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        root = Path(name)
        segments = root / "segments"
        make_distinct(root / "distinct", seconds=10, kbps=8000, size="640x360", fragmented=False)
        repeat(root / "distinct", segments, range(SEGMENTS), link=False)
        out = (options.target or root) / "joined.mp4"
        size_mb = sum(path.stat().st_size for path in segments.iterdir()) // 10**6
        title = f"{size_mb} MB in {SEGMENTS} segments; reference: cat"
        show(title, compare_all(segments, out, options.rounds, options.only))
        if not options.only:
            show("reference: our join", compare_with_ffmpeg(segments, out, options.rounds))
        out.unlink(missing_ok=True)
        out.with_suffix(".journal").unlink(missing_ok=True)
        start = run_command([sys.executable, "-c", "import bench.join_once"])
        print(f"of the join's CPU time, starting Python is {start.cpu_s:.3f} s")
        print(f"of the join's CPU time, hashing is {hash_all(segments).cpu_s:.3f} s")
        print(f"peak memory of a join of {MANY} segments: {peak_mib(root, MANY)}")


if __name__ == "__main__":
    main()
