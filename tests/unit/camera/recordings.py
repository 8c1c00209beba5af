"""Real segments made in virtual time, for tests of what happens to them afterwards."""

from pathlib import Path

from tests.unit.camera.virtual_time import VirtualClock

from ctlr.camera.record import SessionRecord
from ctlr.camera.segment_file import SegmentFile
from ctlr.camera.sources import PictureSettings, Take
from ctlr.camera.sources.test import open_source
from ctlr.camera.spool import SessionFolder

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
START_MS = 1_776_313_714_000
SMALL = PictureSettings(width=256, height=64, fps=10, bitrate_kbps=500)


def write_session(root: Path, uuid: str = UUID, **record: object) -> SessionFolder:
    folder = SessionFolder(root / uuid)
    folder.write_record(SessionRecord(uuid=uuid, start_at=START_MS, **record))  # type: ignore[arg-type]
    return folder


def write_unfinished(folder: SessionFolder, number: int, frames: int, from_frame: int = 0) -> None:
    """Leave a segment of so many frames as a closed file under its hidden names."""
    keep_from_us = START_MS * 1000 + from_frame * 100_000
    clock = VirtualClock(keep_from_us)
    source = open_source(SMALL, Take(START_MS * 1000, keep_from_us), clock)
    segment = SegmentFile(folder.path, number, source.template, frame_us=100_000)
    for frame in source.frames(lambda _: False):
        segment.add(frame, frame.captured_at_us - START_MS * 1000)
        if segment.frames == frames:
            break
    segment.close()


def write_segment(
    folder: SessionFolder, number: int, frames: int = 10, from_frame: int = 0
) -> None:
    write_unfinished(folder, number, frames, from_frame)
    folder.finish_segment(number)
