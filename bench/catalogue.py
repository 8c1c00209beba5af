"""A catalogue of 10,000 manifests: the first time, and when nothing has changed.

Each manifest is that of a session of an hour with three cameras in segments of 10 s. The
reference reads the same files and parses them as JSON, and does nothing else.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.paired import machine

from ctlr.export.catalog import update_catalog

CAMERAS, SEGMENTS = 3, 360


def manifest(number: int) -> bytes:
    def video(node: str) -> dict[str, object]:
        chunks = [
            {"segment": f"seg_{n:04d}.mp4", "offset": n * 7_500_000, "length": 7_500_000, "xxh128": f"{n:032x}"}
            for n in range(SEGMENTS)
        ]  # fmt: skip
        return {"file": f"{node}.mp4", "segments": SEGMENTS, "frames": 108_000, "chunks": chunks}

    sources = {f"cam-{n}": video(f"cam-{n}") for n in range(CAMERAS)}
    told = {"uuid": f"{number:032x}", "started_at": 1_776_313_714_000 + number, "sources": sources}
    return json.dumps(told, indent=1).encode()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=10_000)
    count = parser.parse_args().sessions
    print(machine())
    with tempfile.TemporaryDirectory() as root:
        drives, target = Path(root) / "drives", Path(root) / "catalog.parquet"
        for number in range(count):
            folder = drives / f"{number // 1000:03d}" / f"{number:06d}"
            folder.mkdir(parents=True)
            (folder / "manifest.json").write_bytes(manifest(number))
        size = sum(path.stat().st_size for path in drives.rglob("manifest.json"))
        reference_s = timed(lambda: [json.loads(p.read_bytes()) for p in drives.rglob("manifest.json")] and None)  # fmt: skip
        first_s = timed(lambda: check(update_catalog(drives, target), (count, count)))
        again_s = timed(lambda: check(update_catalog(drives, target), (count, 0)))
        print(
            f"{count} manifests, {size / 2**20:.0f} MiB; parsed and nothing else: {reference_s:.2f} s"
        )
        print(f"first catalogue {first_s:.2f} s, {first_s / reference_s:.2f}x")
        print(f"nothing changed {again_s:.2f} s, {again_s / reference_s:.2f}x")


def check(found: tuple[int, int], wanted: tuple[int, int]) -> None:
    assert found == wanted, found


def timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
