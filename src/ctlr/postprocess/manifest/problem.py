"""What is odd about a session or one of its sources, as every room finds and tells it. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that a reader should know; ``harms`` says that data may be lost or misplaced."""

    code: str
    text: str
    segment: str | None = None
    harms: bool = True
