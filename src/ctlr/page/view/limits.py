"""Until when can be recorded, and what ends it. Pure.

"14 h left on the drive" helps nobody whose second camera's card is full in an hour: the least of all
counts, and it is named.
"""

from dataclasses import dataclass

from ctlr.api.overview import Facts
from ctlr.page.view import words


@dataclass(frozen=True)
class Limit:
    """What ends a recording after ``minutes``."""

    minutes: float
    text: str


def limits(facts: Facts) -> list[Limit]:
    """All that is known to end one, the first to come first."""
    found = [
        Limit(view.status.minutes_left, f"{view.name}'s card is full")
        for view in facts.views
        if view.status and view.status.minutes_left is not None
    ]
    if facts.minutes_left is not None and facts.logging.healthy:
        text = "the logging drive is full and the cameras keep their files"
        found.append(Limit(facts.minutes_left, text))
    left_h = (facts.longest_s - facts.recorded_s) / 60
    found.append(Limit(left_h, f"it ends by itself after {facts.longest_s / 3600:g} h"))
    return sorted(found, key=lambda limit: limit.minutes)


def until(facts: Facts) -> str:
    """``Records until 16:40, then cam-02's card is full.``"""
    first = limits(facts)[0]
    if first.minutes <= 0:
        return f"{words.sentence(first.text)}"
    ends_ms = facts.now_ms + first.minutes * 60_000
    # To the minute: a figure that changes with each look would be read each time.
    ends_ms -= ends_ms % 60_000
    return f"Records until {words.at(ends_ms)}, then {first.text}."


def room(facts: Facts) -> str:
    """Before a take: how long one may last."""
    first = limits(facts)[0]
    return f"Room for {words.lasting(max(0.0, first.minutes) * 60)}, then {first.text}."
