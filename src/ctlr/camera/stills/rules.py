"""Whether a still may be made now. Pure.

A picture for somebody who looks is worth less than any frame: there is none while the machine is
slowed down, has lost frames lately, or lags behind with writing or sending what it records.
"""

from dataclasses import dataclass

QUIET_S = 10.0
"""So long after a frame was lost nobody looks."""
MOST_QUEUED_S = 1.0
MOST_UNSENT = 3


@dataclass(frozen=True)
class Strain:
    """How a recording fares. ``queued_s``: how long a time the frames cover that wait to be written;
    ``unsent``: finished segments that wait to be sent."""

    throttled: str | None = None
    is_dropping: bool = False
    queued_s: float = 0.0
    unsent: int = 0


def why_no_still(strain: Strain) -> str | None:
    """A reason in a few words; None where a still does no harm."""
    words = strain.throttled.split(", ") if strain.throttled else []
    now = [word for word in words if not word.endswith("since boot")]
    if now:
        return f"the camera's machine is slowed down ({', '.join(now)})"
    if strain.is_dropping:
        return "the camera has just lost frames"
    if strain.queued_s > MOST_QUEUED_S:
        return "the camera's card is slow"
    if strain.unsent > MOST_UNSENT:
        return "the camera lags behind with sending"
    return None


class DropWatch:
    """Tells from looks at a recording's count of lost frames whether some were lost lately."""

    def __init__(self) -> None:
        self._dropped = 0
        self._since_s = -QUIET_S

    def check(self, dropped: int, now_s: float) -> bool:
        if dropped > self._dropped:
            self._since_s = now_s
        self._dropped = dropped  # lower: another recording
        return now_s - self._since_s < QUIET_S
