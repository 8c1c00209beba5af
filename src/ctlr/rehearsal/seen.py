"""What was seen in pictures, as numbers. Pure."""

from dataclasses import dataclass
from typing import Literal

ViewState = Literal["same", "moved", "unlike", "unknown"]


@dataclass(frozen=True)
class Look:
    """A picture in numbers: mean brightness and shares of all but black and all but white, 0 to 1;
    ``sharpness`` grows with the finest contrast and has no unit."""

    brightness: float
    dark: float
    bright: float
    sharpness: float


@dataclass(frozen=True)
class View:
    """How a picture lies to another: shifted by shares of its width and height, to the right and
    down, at which their edges agree by ``likeness`` (1: the same)."""

    state: ViewState
    right: float = 0.0
    down: float = 0.0
    likeness: float = 0.0


@dataclass(frozen=True)
class Seen:
    """What was seen of a camera, and of it in the earlier session. ``error``: why nothing was."""

    look: Look | None = None
    earlier: Look | None = None
    view: View | None = None
    error: str | None = None
