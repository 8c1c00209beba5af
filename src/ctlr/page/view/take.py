"""The truth of a take: whole, worst gap, step, drops, clocks; what the manifest proves. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from ctlr.api import shapes
from ctlr.page.view import words
from ctlr.page.view.cameras import Figure
from ctlr.postprocess.manifest.shapes import FailedSource, GapEntry, Manifest, VideoSource

REASONS = {
    "missing": "the segment never arrived",
    "empty": "the segment has no bytes",
    "damaged": "the segment cannot be read",
    "cut": "the segment ends early",
    "pause": "the camera did not record for a while",
    "joined late": "the camera was told to start late",
    "began late": "its first frame came late",
    "ended early": "its last frame came before the stop",
    "restarted": "the camera began again",
    "short": "it began late or ended early, nothing tells which",
}


@dataclass(frozen=True)
class Take:
    """The card. ``level``: ok, warn, bad, or "" while nobody can say."""

    uuid: str
    level: str
    verdict: str
    figures: tuple[Figure, ...]
    lacks: tuple[str, ...]


@dataclass(frozen=True)
class Hole:
    """A gap of one camera, in words."""

    camera: str
    text: str


def take(session: shapes.SessionDetail, manifest: Manifest | None) -> Take:
    """What is proved of a session; little before it is made."""
    level, verdict = _verdict(session)
    return Take(
        uuid=session.uuid,
        level=level,
        verdict=verdict,
        figures=tuple(_figures(session, manifest)),
        lacks=tuple(words.sentence(lack.text) for lack in session.lacks),
    )


def holes(manifest: Manifest | None) -> list[Hole]:
    """All gaps of all cameras, the longest first."""
    found = [(gap.expected_ms, name, gap) for name, gap in _gaps(manifest)]
    found.sort(key=lambda item: -item[0])
    return [Hole(name, hole_text(gap)) for _, name, gap in found]


def hole_text(gap: GapEntry) -> str:
    """Its length, where it is, and why, as far as the reasons are known here."""
    where = "at the start" if gap.after_segment is None else f"after {gap.after_segment}"
    about = "about " if gap.estimated else ""
    why = ", ".join(REASONS.get(reason, reason) for reason in gap.reason.split(", "))
    return f"{about}{gap.expected_ms / 1000:,.1f} s {where}: {why}"


def _verdict(session: shapes.SessionDetail) -> tuple[str, str]:
    if session.complete:
        return ("ok", "Complete" if session.verified_at is None else "Complete and verified")
    if session.complete is False:
        return ("warn", "Not complete")
    return ("", words.sentence(session.why or "It is not joined yet")[:-1])


def _figures(session: shapes.SessionDetail, manifest: Manifest | None) -> Iterator[Figure]:
    if session.started_at and session.stopped_at:
        yield Figure("Length", words.stopwatch((session.stopped_at - session.started_at) / 1000))
    if manifest is None:
        return
    yield _worst_gap(manifest)
    yield _step(manifest)
    yield _dropped(manifest)
    yield from _clocks(manifest)


def _gaps(manifest: Manifest | None) -> Iterator[tuple[str, GapEntry]]:
    for name, source in (manifest.sources if manifest else {}).items():
        if isinstance(source, VideoSource | FailedSource):
            yield from ((name, gap) for gap in source.gaps)


def _worst_gap(manifest: Manifest) -> Figure:
    worst = max(_gaps(manifest), key=lambda item: item[1].expected_ms, default=None)
    if worst is None:
        return Figure("Worst gap", "none")
    name, gap = worst
    return Figure("Worst gap", f"{name}: {hole_text(gap)}", "warn")


def _step(manifest: Manifest) -> Figure:
    levels = {"pass": "", "fail": "bad", "unknown": "warn"}
    return Figure("Step", manifest.sync.text, levels[manifest.sync.verdict])


def _dropped(manifest: Manifest) -> Figure:
    said = {
        name: sum(video.dropped or 0 for video in source.videos)
        for name, source in manifest.sources.items()
        if isinstance(source, VideoSource)
    }
    dropping = [f"{name} {number:,}" for name, number in said.items() if number]
    if not dropping:
        return Figure("Dropped frames", "none")
    return Figure("Dropped frames", words.listed(dropping), "warn")


def _clocks(manifest: Manifest) -> Iterator[Figure]:
    worst = max(
        ((abs(e.end.offset_ms), name, e) for name, e in manifest.clock.items()),
        default=None,
        key=lambda item: item[0],
    )
    if worst is not None:
        reading = words.clock(worst[2].end.offset_ms, worst[2].end.uncertainty_ms)
        yield Figure("Clocks", f"furthest off: {worst[1]}, {reading}, which is taken into account")
    for entry in manifest.truth:
        level = "" if entry.confidence == "high" else "warn"
        yield Figure(f"{entry.clock} against {entry.against}", entry.text, level)
