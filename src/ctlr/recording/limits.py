"""When a recording that nobody stops ends by itself, and the warnings before it. Pure.

Two rules end one: it has lasted as long as is configured, or no camera has room left for more.
Everything else goes on for as long as there is anything to record with.
"""

from collections.abc import Iterable

from ctlr.nodes.fleet import NodeView
from ctlr.recording.outcome import StartWarning

WARN_BEFORE_S = 15 * 60
CARD_WARN_MINUTES = 15.0


def reason_to_end(
    recorded_s: float, longest_s: float, views: Iterable[NodeView], started: Iterable[str]
) -> str | None:
    """Why a recording ends now, in one sentence; None while it goes on.

    ``started`` are the nodes that take part in it.
    """
    if recorded_s >= longest_s:
        return f"The recording ended by itself after {longest_s / 3600:g} h, as configured."
    taking_part = set(started)
    cameras = [view for view in views if view.name in taking_part]
    if cameras and len(cameras) == len(taking_part) and all(map(_is_full, cameras)):
        return "The recording ended by itself: no camera has room left on its card."
    return None


def warn_before_end(
    recorded_s: float, longest_s: float, views: Iterable[NodeView]
) -> list[StartWarning]:
    """What to say while there is still time to act."""
    warnings = []
    left_s = longest_s - recorded_s
    if left_s <= WARN_BEFORE_S:
        text = f"The recording ends by itself in {max(0, left_s) / 60:.0f} minutes."
        warnings.append(StartWarning("recording_ends_soon", text))
    for view in views:
        minutes = view.status.minutes_left if view.status else None
        if minutes is not None and minutes <= CARD_WARN_MINUTES:
            text = f"{view.name} has room for {minutes:.0f} minutes on its card."
            warnings.append(StartWarning("camera_space_low", text))
    return warnings


def _is_full(view: NodeView) -> bool:
    status = view.status
    if not (view.connected and view.current and status) or status.state == "recording":
        return False
    return status.minutes_left is not None and status.minutes_left <= 0
