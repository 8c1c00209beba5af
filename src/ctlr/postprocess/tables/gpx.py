"""A GPX track as a table: time, latitude, longitude, height and, where it is told, speed.

The points of all tracks and segments in the order of the file (GPX 1.0 and 1.1 alike; namespaces don't
count). What it says is read a point at a time; a document type of its own is refused, since nothing
that writes tracks has one, and it can make a small file endless.
"""

import io
from collections.abc import Iterator
from typing import IO, Any
from xml.etree import ElementTree as ET
from xml.parsers import expat

from ctlr.postprocess.tables.header import NoTable

SUFFIX = ".gpx"
MOST_POINTS = 1_000_000
COLUMNS = ("time", "latitude", "longitude", "altitude", "speed")
_TAGS = {"time": "time", "ele": "altitude", "speed": "speed"}
_BLOCK_BYTES = 1 << 16
_MOST_CHARS = 64


def is_gpx(name: str) -> bool:
    return name.casefold().endswith(SUFFIX)


def read_gpx(file: IO[bytes]) -> io.BytesIO | NoTable:
    """The track as a CSV file. Raises ``OSError``."""
    table, points = io.BytesIO(), 0
    table.write(",".join(COLUMNS).encode() + b"\n")
    try:
        for point in _points(file):
            if points == MOST_POINTS:
                break
            row = (point.get(column, "") for column in COLUMNS)
            table.write(",".join(row).encode() + b"\n")
            points += 1
    except (ET.ParseError, expat.ExpatError, ValueError, LookupError) as error:
        if not points:
            return NoTable("not_gpx", f"It is no GPX track that can be read ({error}).")
    if not points:
        return NoTable("empty", "There is no point of a track in it.")
    table.seek(0)
    return table


def _points(file: IO[bytes]) -> Iterator[dict[str, str]]:
    """Attributes and texts of each track point."""
    parser: Any = ET.XMLPullParser(("start", "end"))
    inside: dict[str, str] | None = None
    while block := file.read(_BLOCK_BYTES):
        if b"<!DOCTYPE" in block or b"<!ENTITY" in block:
            raise ValueError("it declares a document type of its own")
        parser.feed(block)
        for event, element in parser.read_events():
            name = element.tag.rpartition("}")[2]
            if event == "start":
                if name == "trkpt":
                    inside = {
                        "latitude": element.get("lat", ""),
                        "longitude": element.get("lon", ""),
                    }
            elif inside is not None and name in _TAGS:
                inside.setdefault(_TAGS[name], element.text or "")
            elif inside is not None and name == "trkpt":
                yield {column: _clean(text) for column, text in inside.items()}
                inside = None
                element.clear()
            elif name == "trkseg":
                element.clear()
    parser.close()


def _clean(text: str) -> str:
    bare = text.strip()
    return "" if len(bare) > _MOST_CHARS or any(mark in bare for mark in ',"\n') else bare
