"""From the last segment's arrival to ``manifest.json``: the whole product path.

Three cameras at 6 Mbit/s in segments of 10 s, with frame times; a follower has joined all but the
last segment of each. Then those arrive, and the clock runs until the session's folder is there.
The same for a short and a long recording: the ratio says whether the length matters. Also shown:
CPU time of the follower per second of recording, and bytes written per byte recorded.
"""

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

from bench.join_segments import make_distinct, repeat

from ctlr.config import Settings
from ctlr.kernel.clock import SystemClock
from ctlr.postprocess.follow import Follower
from ctlr.sessions.model import ClockSample, Session, SessionState

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
CAMERAS = ("cam-01", "cam-02", "cam-03")
SEGMENT_S, KBPS, FPS = 10, 6000, 30
START_US = 1_776_313_714_000_000


def arrive(distinct: Path, logging: Path, numbers: range) -> None:
    for camera in CAMERAS:
        folder = logging / camera / UUID
        repeat(distinct, folder, numbers)
        for number in numbers:
            first = number * SEGMENT_S * FPS
            rows = (
                f"{n},{n * 33333},{START_US + n * 33333}\n"
                for n in range(first, first + SEGMENT_S * FPS)
            )
            text = "frame,pts_us,captured_at_us\n" + "".join(rows)
            (folder / f"seg_{number:04d}.frames.csv").write_text(text)


def record(minutes: int) -> Session:
    """What the controller knows of the session: with clocks, so that it is certified too."""
    start_ms = START_US // 1000
    times = range(start_ms, start_ms + minutes * 60_000 + 1, 10_000)
    samples = tuple(ClockSample(at, 0.1, 0.3) for at in times)
    return Session(
        UUID,
        SessionState.PROCESSING,
        start_at_ms=start_ms,
        stopped_at_ms=times[-1],
        clocks=dict.fromkeys(CAMERAS, samples),
    )


def finish_s(root: Path, distinct: Path, minutes: int) -> float:
    """Seconds from the last segments' arrival to the manifest."""
    rig = root / f"{minutes}"
    (rig / "sync").mkdir(parents=True)
    settings = Settings.model_validate(
        {
            "storage": {"logging": rig / "logging", "sync": rig / "sync", "require_mounts": False},
            "database": {"path": rig / "ctlr.db"},
        }
    )
    count = minutes * 60 // SEGMENT_S
    follower = Follower(settings, UUID, lambda _: None)
    before, wall = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    for number in range(count - 1):
        arrive(distinct, rig / "logging", range(number, number + 1))
        follower.step()
    after, wall = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter() - wall
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    os.sync()
    arrive(distinct, rig / "logging", range(count - 1, count))
    began = time.perf_counter()
    outcome = follower.finish(record(minutes), SystemClock())
    taken = time.perf_counter() - began
    assert outcome.exit_code == 0, outcome.summary
    made = sum(path.stat().st_size for path in (rig / "sync").rglob("*") if path.is_file())
    raw = sum(path.stat().st_size for path in (rig / "logging").rglob("*.mp4"))
    print(
        f"{minutes:4d} min, {made / 1e9:.2f} GB: ready in {taken:.3f} s after the last segment; "
        f"follower {100 * cpu / (minutes * 60):.2f} % of a core, "
        f"{made / raw:.4f} bytes written a byte recorded, {wall:.0f} s in all"
    )
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", type=int, default=10, help="minutes")
    parser.add_argument("--long", type=int, default=60, help="minutes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        root = Path(name)
        make_distinct(
            root / "distinct", seconds=SEGMENT_S, kbps=KBPS, size="640x360", fragmented=True
        )
        short = finish_s(root, root / "distinct", options.short)
        longer = finish_s(root, root / "distinct", options.long)
        print(f"the long one takes {longer / short:.2f} times the short one's time to be ready")
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"peak memory {peak_mb:.0f} MB, settings and bench included")


if __name__ == "__main__":
    main()
