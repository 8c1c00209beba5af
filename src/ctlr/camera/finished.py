"""Finished files on the card: what identifies one, their order, and their hashes.

A file is hashed from the card, not from the cache: what could not be written may look well there.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from ctlr.camera.segments import parse_unfinished_name
from ctlr.kernel.hashing import flush_and_hash
from ctlr.layout.raw import parse_frames_name, parse_segment_name


@dataclass(frozen=True)
class FinishedFile:
    """A file that waits to be delivered."""

    name: str
    size: int
    xxh128: str


def segment_of(name: str) -> int | None:
    """The number of the segment that a finished file belongs to; None for other sidecars."""
    number = parse_segment_name(name)
    return parse_frames_name(name) if number is None else number


def delivery_order(name: str) -> tuple[int, bool, str]:
    """Sort key of a finished file: segment number, frame times first, then other files."""
    number = segment_of(name)
    return (-1 if number is None else number, parse_segment_name(name) is not None, name)


def unfinished_numbers(path: Path) -> list[int]:
    """The segments of a session's folder that are there under their hidden names."""
    numbers = (parse_unfinished_name(name) for name in os.listdir(path))
    return [number for number in numbers if number is not None]


def hash_from_card(path: Path) -> str:
    """Flush a file and hash what the card gives back. Raises ``OSError``."""
    with open(path, "rb", buffering=0) as file:
        return flush_and_hash(file.fileno())[1]
