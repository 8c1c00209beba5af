"""Whether and how often a camera is asked for a still. Pure.

Looking must never cost a frame, so a camera that has trouble is left alone; it says so itself too,
but what is not asked costs nothing at all.
"""

from ctlr.nodes.fleet import NodeView

USUAL_S = 1.0
RECORDING_S = 2.0
AIMING_S = 0.1
MOST_QUEUED = 3
"""Segments that wait to be sent while it records."""


def how_often_s(*, is_recording: bool, aim: bool) -> float:
    if is_recording:
        return RECORDING_S
    return AIMING_S if aim else USUAL_S


def why_not(view: NodeView) -> str | None:
    """Why a camera is not asked, in a few words; None where it may be."""
    status = view.status
    if not view.connected or status is None:
        return "the camera does not answer"
    words = status.throttled.split(", ") if status.throttled else []
    now = [word for word in words if not word.endswith("since boot")]
    if now:
        return f"the camera's machine is slowed down ({', '.join(now)})"
    if status.state == "recording" and status.sync.segments_queued > MOST_QUEUED:
        return "the camera lags behind with sending"
    return None
