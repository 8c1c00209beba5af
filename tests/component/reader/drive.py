"""A finished session as it lies on a drive: real pictures, and every clock off by something else."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.unit.camera.recordings import write_segment, write_session
from tests.unit.can.recording import open_files
from tests.unit.postprocess.rig import START_MS, UUID, Rig, session

from ctlr.can.frame import make_batch
from ctlr.config import Settings
from ctlr.sessions.model import ClockSample, Mark, Session, SessionNode
from ctlr.simulator.can import DATABASE, VehicleBus
from ctlr.simulator.can_senders import line_of

SECONDS, FPS = 6, 10
AHEAD_MS = {"cam-a": 0.0, "cam-b": 2000.0, "phone": 500.0}
CAN_AHEAD_MS = -3000
LOST = 1
"""Segment of ``cam-a`` that never arrived."""


def facts() -> Session:
    stopped_at_ms = START_MS + SECONDS * 1000
    nodes = [
        SessionNode(name, started=True, start_at_ms=START_MS + round(AHEAD_MS[name]), segments_total=3)
        for name in ("cam-a", "cam-b")
    ]  # fmt: skip
    clocks = {
        source: tuple(ClockSample(START_MS + s * 1000, ms, 0.4) for s in (-1, 3, SECONDS + 1))
        for source, ms in AHEAD_MS.items()
    }
    marks = (Mark(START_MS + 2500, "bump"),)
    return session(*nodes, clocks=clocks, marks=marks, stopped_at_ms=stopped_at_ms)


def record(rig: Rig, spool: Path, name: str) -> None:
    """Three segments of 2 s; frames are stamped by the camera's own clock."""
    folder, ahead_us = write_session(spool / name), round(AHEAD_MS[name] * 1000)
    for number in range(3):
        write_segment(folder, number, frames=2 * FPS, from_frame=number * 2 * FPS)
        if (name, number) == ("cam-a", LOST):
            continue
        video = folder.path / f"seg_{number:04d}.mp4"
        shutil.copy(video, rig.node(name) / video.name)
        header, *rows = video.with_suffix(".frames.csv").read_text().splitlines()
        parted = (row.split(",") for row in rows)
        own = "".join(f"{n},{pts},{int(at) + ahead_us}\n" for n, pts, at in parted)
        (rig.node(name) / f"seg_{number:04d}.frames.csv").write_text(f"{header}\n{own}")


def phone_rows() -> Iterator[str]:
    """100 rows a second; ``x`` is the true time since the start."""
    for n in range(SECONDS * 100):
        own_ns = (START_MS * 1000 + round(AHEAD_MS["phone"] * 1000) + n * 10_000) * 1000
        yield f"{own_ns},{n / 100},{n / 100:.2f},{-n},9.81\n"


def fixes() -> Iterator[str]:
    """One a second, going north."""
    for n in range(SECONDS):
        own_ms = START_MS + round(AHEAD_MS["phone"]) + n * 1000
        yield f"{own_ms},{-37.8 + n / 1000:.4f},144.9630,{20 + n}\n"


def listen(rig: Rig) -> None:
    bus, files = VehicleBus(1), open_files(rig.logging / "can")
    for glance in range(SECONDS * 10):
        at_s = START_MS / 1000 + glance / 10
        for frame in bus.frames(at_s, at_s + 0.02):
            row = line_of(frame, CAN_AHEAD_MS / 1000)
            own = int(row.partition(b",")[0])
            files.append([make_batch("car", round(frame.at_s * 1000), row, [own])])
    files.close()


def make_drive(root: Path) -> Rig:
    """The session's folder is ``rig.folder``."""
    rig = Rig(root)
    for name in ("cam-a", "cam-b"):
        record(rig, root / "spool", name)
    rig.upload("Accelerometer.csv", "time,seconds_elapsed,x,y,z\n" + "".join(phone_rows()))
    rig.upload("Location.csv", "ts_ms,latitude,longitude,altitude\n" + "".join(fixes()))
    rig.upload("Notes.csv", "seconds_elapsed,note\n1.0,turned left\n4.0,stopped\n")
    listen(rig)
    can = {"dbc": [str(DATABASE)]}
    rig.settings = Settings.model_validate(rig.settings.model_dump() | {"can": can})
    outcome = rig.process(facts())
    assert outcome.exit_code == 3, outcome.summary  # a segment is gone
    assert (rig.folder / "manifest.json").is_file(), UUID
    return rig
