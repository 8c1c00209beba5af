"""Exports of a session of real videos, each beside ``cat`` of the same videos.

Three cameras of a minute at 720p (one of the segments of ``bench.join_segments`` after the other),
with frame times, and a table of 100 rows a second.
"""

import argparse
import subprocess
import tempfile
import time
from pathlib import Path

from bench.join_finish import CAMERAS, START_MS, UUID, arrive
from bench.join_segments import make_distinct
from bench.paired import machine

from ctlr.config import Settings
from ctlr.export.jobs import export_session
from ctlr.export.kinds import KINDS
from ctlr.postprocess.run.session import process
from ctlr.sessions.model import ClockSample, Session, SessionState

SEGMENT_S = 10


def make_session(root: Path, segments: int) -> Path:
    logging, sync = root / "logging", root / "sync"
    sync.mkdir()
    distinct = root / "distinct"
    make_distinct(distinct, seconds=SEGMENT_S, kbps=6000, size="1280x720", fragmented=True)
    arrive(distinct, logging, range(segments))
    phone = logging / "phone" / UUID
    phone.mkdir(parents=True)
    rows = (f"{(START_MS + n * 10) * 10**6},{n},{-n},9.81\n" for n in range(segments * 1000))
    (phone / "Accelerometer.csv").write_text("time,x,y,z\n" + "".join(rows))
    storage = {"logging": logging, "sync": sync, "require_mounts": False}
    settings = Settings.model_validate(
        {"storage": storage, "database": {"path": root / "db" / "c"}}
    )
    end_ms = START_MS + segments * SEGMENT_S * 1000
    clocks = {n: tuple(ClockSample(at, 0.0, 0.4) for at in (START_MS, end_ms)) for n in CAMERAS}
    facts = Session(
        UUID, SessionState.PROCESSING, start_at_ms=START_MS, stopped_at_ms=end_ms, clocks=clocks
    )
    made = process(settings, UUID, facts, lambda _: None)
    assert made.manifest is not None, made.summary
    return made.manifest.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segments", type=int, default=6, help="of 10 s, for each camera")
    print(machine())
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        folder = make_session(root, parser.parse_args().segments)
        videos = sorted(folder.glob("*.mp4"))
        size = sum(video.stat().st_size for video in videos)
        print(f"{len(videos)} videos, {size / 2**20:.0f} MiB")
        for kind in KINDS.values():
            times = []
            for turn in range(3):
                copied = root / "copied"
                begun = time.perf_counter()
                with open(copied, "wb") as out:
                    subprocess.run(["cat", *videos], stdout=out, check=True)
                cat_s = time.perf_counter() - begun
                begun = time.perf_counter()
                exported = export_session(folder, kind, root / f"to-{turn}", lambda _: None)
                assert exported.made
                times.append((time.perf_counter() - begun, cat_s))
            export_s, cat_s = sorted(times)[1]
            print(f"{kind.name}: {export_s:.2f} s, {export_s / cat_s:.1f}x cat ({cat_s:.2f} s)")


if __name__ == "__main__":
    main()
