"""After a crash: what was being written becomes a segment, what was running gets an ending.

Run before anything is recorded or delivered, and once more at the end of a recording that
failed. For every segment under a hidden name: the video is cut after its last whole fragment,
its frame times are made to fit the video exactly, and it is finished like any other. One
without a whole fragment holds no picture and is removed. Whatever cannot be repaired keeps
its hidden name and is reported, so nothing is lost to a bug or a card that is full.

A recording that was not told to stop is not over: the one that the node is to go on with keeps
no ending, so nothing reports it complete meanwhile.
"""

import os
from pathlib import Path

import structlog

from ctlr.camera.finished import unfinished_numbers
from ctlr.camera.fragments import whole_length
from ctlr.camera.record import NodeEvent, SessionRecord
from ctlr.camera.resume import choose_session
from ctlr.camera.segments import (
    estimate_frame_number,
    rows_for_video,
    unfinished_frames_name,
    unfinished_name,
)
from ctlr.camera.spool import SessionFolder, Spool
from ctlr.kernel.atomic import drop_cache, write_atomic
from ctlr.kernel.ids import is_session_id
from ctlr.layout.frame_times import FrameRow, format_rows, parse_rows
from ctlr.layout.raw import frames_name, segment_name

_log = structlog.get_logger("camera")


def recover_spool(spool: Spool, now_ms: int, longest_h: float) -> SessionRecord | None:
    """Bring every session on the card into a state from which it can be delivered.

    Returns the record of the session that the node is to take up again, if there is one that is
    younger than ``longest_h`` hours.
    Raises ``OSError`` only when the spool itself cannot be read.
    """
    paths = sorted(Path(entry.path) for entry in os.scandir(spool.root) if _is_session(entry))
    folders = [SessionFolder(path) for path in paths]
    resumed = choose_session(
        [record for folder in folders if (record := _peek(folder))], now_ms, longest_h
    )
    left = None
    for folder in folders:
        goes_on = resumed is not None and folder.uuid == resumed.uuid
        record = _recover_session(folder, now_ms, goes_on=goes_on)
        left = record if goes_on else left
    return left


def _is_session(entry: os.DirEntry[str]) -> bool:
    return is_session_id(entry.name) and entry.is_dir(follow_symlinks=False)


def _peek(folder: SessionFolder) -> SessionRecord | None:
    try:
        return folder.read_record()
    except OSError:
        return None  # said by the recovery of this session


def _recover_session(folder: SessionFolder, now_ms: int, *, goes_on: bool) -> SessionRecord | None:
    """Finish what is unfinished in one session and, unless it goes on, give it an ending."""
    try:
        record = folder.read_record() or _rebuild_record(folder)
        folder.write_record(record)
        for name in recover_segments(folder):
            text = f"The node went down; {name} holds what had reached the card."
            record = record.with_event(NodeEvent(at_ms=now_ms, kind="recovered", text=text))
        until_us = folder.recorded_until_us() or record.recorded_until_us
        news = {"segments": folder.segments_made(), "recorded_until_us": until_us}
        record = record.model_copy(update=news)
        if record.ended is None and not goes_on:
            ended = "interrupted" if record.stopped_at is None else "stopped"
            _log.warning("a recording had no ending", uuid=record.uuid, ended=ended)
            folder.publish_events(record.events)
            record = record.model_copy(update={"ended": ended})
        folder.write_record(record)
    except OSError:
        _log.exception("a session on the card cannot be recovered", folder=str(folder.path))
        return None
    return record


def recover_segments(folder: SessionFolder) -> list[str]:
    """Finish the unfinished segments of one session; one that cannot be is logged and kept.

    Returns the names of those that hold pictures.
    """
    record = folder.read_record()
    start_at_us = record.start_at * 1000 if record else 0
    recovered = []
    for number in sorted(unfinished_numbers(folder.path)):
        try:
            if _recover_segment(folder, start_at_us, number):
                recovered.append(segment_name(number))
        except Exception:
            _log.exception(
                "an unfinished segment cannot be recovered; its hidden file is kept",
                file=str(folder.path / unfinished_name(number)),
            )
    return recovered


def _recover_segment(folder: SessionFolder, start_at_us: int, number: int) -> bool:
    video = folder.path / unfinished_name(number)
    rows_file = folder.path / unfinished_frames_name(number)
    with open(video, "rb") as file:
        drop_cache(file.fileno())  # after a flush that failed, only the card tells what is there
    known = _read_rows(rows_file) or _read_rows(folder.path / frames_name(number))
    length = whole_length(video)
    if length == 0:
        video.unlink()
        rows_file.unlink(missing_ok=True)
        _log.warning("an unfinished segment held no picture", uuid=folder.uuid, segment=number)
        return False
    os.truncate(video, length)
    pts_us = _read_video_pts_us(video)
    next_frame = _frame_after(folder, number)
    if next_frame is None:
        next_frame = estimate_frame_number(pts_us)
    rows = rows_for_video(pts_us, known, start_at_us, next_frame)
    write_atomic(rows_file, format_rows(rows).encode("ascii"))
    folder.finish_segment(number)
    _log.warning(
        "an unfinished segment was recovered",
        uuid=folder.uuid,
        segment=segment_name(number),
        frames=len(rows),
    )
    return True


def _read_rows(path: Path) -> list[FrameRow]:
    try:
        return parse_rows(path.read_text(encoding="ascii", errors="replace"))
    except FileNotFoundError:
        return []


def _frame_after(folder: SessionFolder, number: int) -> int | None:
    """The number after the last frame of the segment before; None when that one has left."""
    before = _read_rows(folder.path / frames_name(number - 1)) if number else []
    return before[-1].frame + 1 if before else None


def _read_video_pts_us(path: Path) -> list[int]:
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        return [
            round(packet.pts * stream.time_base * 1_000_000)
            for packet in container.demux(stream)
            if packet.pts is not None
        ]


def _rebuild_record(folder: SessionFolder) -> SessionRecord:
    """The record of a session whose own is unreadable, from the frame times that are there."""
    for path in sorted(folder.path.glob("*.frames.csv")) + sorted(folder.path.glob(".seg_*.part")):
        rows = _read_rows(path)
        if rows:
            start_at_us = rows[0].captured_at_us - rows[0].pts_us
            return SessionRecord(uuid=folder.uuid, start_at=start_at_us // 1000)
    return SessionRecord(uuid=folder.uuid, start_at=0)
