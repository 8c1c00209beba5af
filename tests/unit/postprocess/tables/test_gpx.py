"""GPX tracks as tables of the phone."""

import io
from pathlib import Path

import pytest
from tests.unit.postprocess.tables.test_strangers import SPAN, START_MS, codes, entry

from ctlr.postprocess.tables.gpx import read_gpx
from ctlr.postprocess.tables.header import NoTable
from ctlr.postprocess.tables.quantities import find_quantity
from ctlr.postprocess.tables.table import read_table

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<gpx version="1.1" creator="a phone" xmlns="http://www.topografix.com/GPX/1/1"
 xmlns:g="http://www.garmin.com/xmlschemas/TrackPointExtension/v2">
<metadata><time>2020-01-01T00:00:00Z</time></metadata>
<wpt lat="1" lon="2"><time>2021-01-01T00:00:00Z</time></wpt><trk><name>a, b</name><trkseg>
"""


def point(second: int, more: str = "") -> str:
    return (
        f'<trkpt lat="52.5{second:03d}" lon="13.4"><ele>35.{second}</ele>'
        f"<time>2026-04-14T10:28:{34 + second:02d}Z</time>{more}</trkpt>\n"
    )


def track(points: int = 11, more: str = "") -> str:
    return HEAD + "".join(point(n, more) for n in range(points)) + "</trkseg></trk></gpx>\n"


SPEED = (
    "<extensions><g:TrackPointExtension><g:speed>1.5</g:speed></g:TrackPointExtension></extensions>"
)


def test_a_track_is_a_table(tmp_path: Path) -> None:
    found = entry(tmp_path / "track.gpx", track())
    assert (found.rows, found.clock, found.unit, found.rate_hz) == (11, "time", "iso", 1.0)
    assert (found.first_at, found.last_at) == (START_MS, START_MS + 10_000)
    assert codes(found) == []


def test_its_columns(tmp_path: Path) -> None:
    table = read_gpx(io.BytesIO(track(1, SPEED).encode()))
    assert isinstance(table, io.BytesIO)
    assert table.read().decode() == (
        "time,latitude,longitude,altitude,speed\n2026-04-14T10:28:34Z,52.5000,13.4,35.0,1.5\n"
    )
    path = tmp_path / "T.GPX"
    path.write_text(track(11, SPEED))
    facts = read_table(path, lambda header: find_quantity(header, path.name))
    assert facts.measured is not None
    assert facts.measured.values.tolist() == [1.5] * 11


def test_one_that_was_cut_off_gives_what_it_has(tmp_path: Path) -> None:
    whole = track()
    found = entry(tmp_path / "track.gpx", whole[: whole.rindex("<ele>")])
    assert found.rows == 10


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<gpx></gpx>",
        b"time,x\n1,2\n",
        b"\x00\x01" * 50,
        ('<!DOCTYPE g [<!ENTITY a "b">]>' + track()).encode(),
        ("<a>" * 5000 + "</a>" * 5000).encode(),
        HEAD.encode() + b"</trkseg></trk></gpx>",
    ],
)
def test_what_is_none_is_said(content: bytes) -> None:
    assert isinstance(read_gpx(io.BytesIO(content)), NoTable)


def test_the_session_does_not_fail(tmp_path: Path) -> None:
    found = entry(tmp_path / "x.gpx", b"<gpx", SPAN)
    assert codes(found) == ["not_gpx"]
