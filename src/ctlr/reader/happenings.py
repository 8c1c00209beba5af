"""What happened at an instant of a session: gaps and marks."""

from collections.abc import Mapping
from dataclasses import dataclass

from ctlr.postprocess.manifest.shapes import VideoSource
from ctlr.postprocess.manifest.sync import MarkEntry
from ctlr.reader.cameras import Camera
from ctlr.reader.tables import Table


@dataclass(frozen=True, slots=True)
class Gap:
    """Time that a source should have covered and did not. ``t_s`` is when it begins, None where
    nothing tells."""

    source: str
    t_s: float | None
    length_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class Mark:
    """``offset_s`` is its time in each camera's video, None where that does not reach to it."""

    t_s: float
    label: str | None
    offset_s: Mapping[str, float | None]


def find_gaps(
    videos: Mapping[str, VideoSource], cameras: Mapping[str, Camera], tables: Mapping[str, Table]
) -> tuple[Gap, ...]:
    """Of all sources, in the order of time; those of which nobody knows the time come last."""
    found = [
        Gap(name, cameras[name].gap_begins_s(gap), gap.expected_ms / 1000, gap.reason)
        for name, video in videos.items()
        for gap in video.gaps
    ]
    for path, table in tables.items():
        begins = table.times_of([gap.after_at for gap in table.told.gaps])
        found += [
            Gap(path, at_s, gap.expected_ms / 1000, "no rows")
            for at_s, gap in zip(begins, table.told.gaps, strict=True)
        ]
    return tuple(sorted(found, key=lambda gap: (gap.t_s is None, gap.t_s or 0.0)))


def find_marks(entries: tuple[MarkEntry, ...], started_ms: int) -> tuple[Mark, ...]:
    return tuple(
        Mark((entry.at_ms - started_ms) / 1000, entry.label, entry.offset_s) for entry in entries
    )
