"""Names of segments that are being written, and the frame-time rows of recovered ones. Pure.

While a segment is written it and its frame times have hidden names ending in ``.part``; both
become visible by rename when they are flushed to the card, the frame times first. So whatever
name has no leading dot is finished and is meant for the controller.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

from ctlr.layout.frame_times import FrameRow
from ctlr.layout.raw import frames_name, segment_name

_UNFINISHED = re.compile(r"\.seg_(\d{4,9})\.mp4\.part")


def unfinished_name(number: int) -> str:
    return f".{segment_name(number)}.part"


def unfinished_frames_name(number: int) -> str:
    return f".{frames_name(number)}.part"


def parse_unfinished_name(name: str) -> int | None:
    """The number of an unfinished segment's file name, or None."""
    match = _UNFINISHED.fullmatch(name)
    return int(match[1]) if match else None


def estimate_frame_number(video_pts_us: Sequence[int]) -> int:
    """The likely number of a video's first frame, where no frame times are left to tell.

    Frames are counted from ``start_at``, and so are timestamps: at the usual distance between
    two frames, that many have gone before.
    """
    gaps = sorted(after - before for before, after in pairwise(video_pts_us))
    usual_gap = gaps[len(gaps) // 2] if gaps else 0
    return round(video_pts_us[0] / usual_gap) if usual_gap else 0


def rows_for_video(
    video_pts_us: Sequence[int], known: Iterable[FrameRow], start_at_us: int, next_frame: int
) -> list[FrameRow]:
    """One row for every frame that a recovered video holds, no more and no fewer.

    Known rows are used where their timestamp is in the video; a frame without one gets the
    number after its predecessor's, ``next_frame`` if it is the first.
    """
    by_pts = {row.pts_us: row for row in known}
    rows: list[FrameRow] = []
    for pts_us in video_pts_us:
        guessed = FrameRow(next_frame, pts_us, start_at_us + pts_us)
        rows.append(by_pts.get(pts_us, guessed))
        next_frame = rows[-1].frame + 1
    return rows
