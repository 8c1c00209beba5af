"""What a join costs beside copying the bytes: paired runs, medians, ratios to ``cat``.

600 MB in 60 segments on one file system, each engine in a process of its own, in turn, the
result removed before each. ``--target`` puts the results elsewhere (an exFAT mount, say).
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import xxhash
from bench.join_segments import make_distinct, repeat

SEGMENTS = 60
Cost = tuple[float, float]  # wall and CPU seconds


def run(command: Sequence[str]) -> tuple[Cost, str]:
    """Run a command to its end; its wall and CPU time, and what it printed."""
    before = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    printed = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{command[0]} failed with {child.returncode}")
    return (time.perf_counter() - before, usage.ru_utime + usage.ru_stime), printed


def engines(segments: Path, out: Path) -> dict[str, list[str]]:
    """Commands by name; those with ``+ fsync`` end with the result on the disk."""
    listing = segments.parent / "list.txt"
    names = sorted(segments.iterdir())
    listing.write_text("".join(f"file '{name}'\n" for name in names))
    concat = ["ffmpeg", "-nostdin", "-y", "-v", "error", "-f", "concat", "-safe", "0"]
    concat += ["-i", str(listing), "-c", "copy"]
    join = [sys.executable, "-m", "bench.join_once", str(segments), str(out)]
    shell = ["sh", "-c"]
    cat = f"cat {segments}/seg_* > {out}"
    return {
        "cat": [*shell, cat],
        "ctlr": [*join, "no-fsync"],
        "ffmpeg concat": [*concat, str(out)],
        "ffmpeg concat, faststart": [*concat, "-movflags", "+faststart", str(out)],
        "cat + fsync": [*shell, f"{cat} && sync {out}"],
        "ctlr + fsync": join,
        "ffmpeg concat + fsync": [*shell, f"{' '.join(concat)} {out} && sync {out}"],
    }


def measure(commands: dict[str, list[str]], out: Path, rounds: int) -> dict[str, list[Cost]]:
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            out.unlink(missing_ok=True)
            out.with_suffix(".journal").unlink(missing_ok=True)
            os.sync()
            cost, _ = run(command)
            if number:  # the first round warms the page cache
                costs[name].append(cost)
    return costs


def hashing_s(segments: Path) -> float:
    """CPU time of xxh128 alone over the same bytes, from memory."""
    total = 0.0
    for path in segments.iterdir():
        data = path.read_bytes()
        before = time.process_time()
        xxhash.xxh3_128(data).digest()
        total += time.process_time() - before
    return total


def print_table(costs: dict[str, list[Cost]]) -> None:
    print(f"{'engine':28}{'wall s':>8}{'CPU s':>8}{'wall/cat':>10}{'CPU/cat':>10}")
    for name, found in costs.items():
        reference = costs["cat + fsync" if "fsync" in name else "cat"]
        wall, cpu = (statistics.median(values) for values in zip(*found, strict=True))
        ratios = [
            statistics.median(
                mine[i] / theirs[i] for mine, theirs in zip(found, reference, strict=True)
            )
            for i in (0, 1)
        ]
        print(f"{name:28}{wall:8.3f}{cpu:8.3f}{ratios[0]:10.2f}{ratios[1]:10.2f}")


def peak_mb(root: Path, count: int) -> str:
    make_distinct(root / "small", seconds=1, kbps=200, size="160x90", fragmented=True)
    repeat(root / "small", root / "many", range(count))
    out = root / "many.mp4"
    _, printed = run([sys.executable, "-m", "bench.join_once", str(root / "many"), str(out)])
    return printed.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", type=Path, help="folder for the results")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--many", type=int, default=10_000, help="segments of the memory run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        root = Path(name)
        make_distinct(root / "distinct", seconds=10, kbps=8000, size="640x360", fragmented=False)
        repeat(root / "distinct", root / "segments", range(SEGMENTS), link=False)
        out = (options.target or root) / "joined.mp4"
        size = sum(path.stat().st_size for path in (root / "segments").iterdir())
        print(f"{size / 1e6:.0f} MB in {SEGMENTS} segments, medians of {options.rounds}")
        print_table(measure(engines(root / "segments", out), out, options.rounds))
        print(f"hashing is {hashing_s(root / 'segments'):.3f} s of ctlr's CPU time")
        out.unlink(missing_ok=True)
        out.with_suffix(".journal").unlink(missing_ok=True)
        print(f"peak memory of a join of {options.many} segments: {peak_mb(root, options.many)} MB")


if __name__ == "__main__":
    main()
