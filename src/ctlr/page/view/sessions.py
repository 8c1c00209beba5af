"""Sessions as a list and one in detail. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ctlr.api import shapes
from ctlr.page.view import words
from ctlr.page.view.cameras import Figure
from ctlr.page.view.take import Hole, Take, holes, take
from ctlr.postprocess.manifest.shapes import FilesSource, Manifest, VideoSource

VERDICTS = {"good": "good take", "bad": "bad take", None: ""}
_STATES = {
    "arming": "starting",
    "recording": "recording",
    "stopping": "stopping",
    "collecting": "coming in",
    "processing": "being joined",
    "done": "joined",
    "failed": "could not be joined",
}


@dataclass(frozen=True)
class Row:
    """One session in the list. ``at_ms`` is its start, ``before`` what the next page is asked with."""

    uuid: str
    name: str
    at_ms: int
    length: str
    state: str
    level: str
    verdict: str
    notes: str
    cameras: str
    lacks: str
    binned: bool


@dataclass(frozen=True)
class Download:
    """A file of a session. ``size`` is in words."""

    path: str
    size: str


@dataclass(frozen=True)
class JobLine:
    state: str
    text: str
    level: str
    can_retry: bool


@dataclass(frozen=True)
class Detail:
    """Everything of one session."""

    row: Row
    take: Take
    label: str
    notes: str
    verdict: str
    why: str
    sources: tuple[tuple[str, str], ...]
    holes: tuple[Hole, ...]
    problems: tuple[tuple[int | None, str], ...]
    certificate: tuple[Figure, ...]
    clocks: tuple[tuple[str, str, str, str], ...]
    marks: tuple[tuple[int, str], ...]
    jobs: tuple[JobLine, ...]
    files: tuple[Download, ...]
    active: bool


def rows(found: Iterable[shapes.SessionSummary]) -> list[Row]:
    return [row(session) for session in found]


def row(session: shapes.SessionSummary) -> Row:
    state, level = _state(session)
    return Row(
        uuid=session.uuid,
        name=session.label or f"Take {session.uuid[:8]}",
        at_ms=session.started_at or session.created_at,
        length=_length(session),
        state=state,
        level=level,
        verdict=VERDICTS[session.verdict],
        notes=session.notes or "",
        cameras=words.count(len(session.cameras), "camera"),
        lacks=words.sentence("; ".join(lack.text for lack in session.lacks)),
        binned=session.binned_at is not None,
    )


def detail(session: shapes.SessionDetail, manifest: Manifest | None) -> Detail:
    return Detail(
        row=row(session),
        take=take(session, manifest),
        label=session.label or "",
        notes=session.notes or "",
        verdict=session.verdict or "",
        why=session.why or "",
        sources=tuple(_sources(session, manifest)),
        holes=tuple(holes(manifest)),
        problems=tuple(_problems(session, manifest)),
        certificate=tuple(_certificate(manifest)),
        clocks=tuple(_clocks(session)),
        marks=tuple((mark.at_ms, mark.label or "") for mark in session.marks),
        jobs=tuple(_job(job) for job in session.jobs),
        files=tuple(_files(manifest)),
        active=session.state in ("arming", "recording", "stopping"),
    )


def _state(session: shapes.SessionSummary) -> tuple[str, str]:
    said = _STATES[session.state]
    if session.state in ("arming", "recording", "stopping"):
        return said, "rec"
    if session.state == "failed":
        return said, "bad"
    if session.complete:
        return ("complete, verified" if session.verified_at else "complete", "ok")
    if session.complete is False:
        return "not complete", "warn"
    return said, ""


def _length(session: shapes.SessionSummary) -> str:
    if session.started_at is None or session.stopped_at is None:
        return ""
    return words.stopwatch((session.stopped_at - session.started_at) / 1000)


def _sources(session: shapes.SessionDetail, manifest: Manifest | None) -> Iterable[tuple[str, str]]:
    """Every source with what is there of it."""
    made = manifest.sources if manifest else {}
    for name, source in session.sources.items():
        if name not in made:
            yield name, _recorded(source)
    for name, entry in made.items():
        if isinstance(entry, VideoSource):
            size = f"{entry.width}\u00d7{entry.height}, {entry.fps:g} a second"
            frames, files = (
                words.count(entry.frames, "frame"),
                words.count(entry.segments, "segment"),
            )
            yield name, f"{frames} in {files}, {size}, {entry.size_mb:,.1f} MB"
        elif isinstance(entry, FilesSource):
            yield name, words.count(len(entry.files), "file")
        else:
            error = getattr(entry, "error", None)
            yield name, f"nothing: {error}" if error else _can(entry)


def _can(entry: object) -> str:
    frames = getattr(entry, "frames", None)
    return "there" if frames is None else words.count(frames, "CAN frame")


def _recorded(source: shapes.SessionSource) -> str:
    if source.error and not source.started:
        return f"did not start: {source.error}"
    total = source.segments_total
    made = "" if total is None else f"{words.count(total, 'segment')}, "
    left = source.segments_pending
    return made + ("everything here" if source.complete else f"{left or 0} still to come")


def _problems(
    session: shapes.SessionDetail, manifest: Manifest | None
) -> Iterable[tuple[int | None, str]]:
    for problem in session.problems:
        yield problem.at, problem.message
    for name, source in (manifest.sources if manifest else {}).items():
        for entry in getattr(source, "problems", ()):
            yield None, f"{name}: {entry.text}"
    for entry in manifest.problems if manifest else ():
        yield None, entry.text


def _certificate(manifest: Manifest | None) -> Iterable[Figure]:
    if manifest is None:
        return
    sync = manifest.sync
    levels = {"pass": "ok", "fail": "bad", "unknown": "warn"}
    said = {"pass": "in step", "fail": "out of step", "unknown": "not known"}
    yield Figure("Verdict", f"{said[sync.verdict]}. {sync.text}", levels[sync.verdict])
    for pair in sync.pairs:
        if pair.worst_ms is not None:
            text = (
                f"at worst {pair.worst_ms:.1f} \u00b1 {pair.uncertainty_ms:.1f} ms apart, "
                f"99 of 100 within {pair.p99_ms or pair.worst_ms:.1f} ms "
                f"({words.count(pair.frames, 'frame')} compared)"
            )
            yield Figure(" and ".join(pair.cameras), text, levels[pair.verdict])
    for entry in manifest.truth:
        level = "ok" if entry.confidence == "high" else "warn"
        yield Figure(f"{entry.clock} against {entry.against}", entry.text, level)


def _clocks(session: shapes.SessionDetail) -> Iterable[tuple[str, str, str, str]]:
    for name, entry in (session.clock or {}).items():
        drift = "not known" if entry.drift_ppm is None else f"{entry.drift_ppm:+.1f} ppm"
        start = words.clock(entry.start.offset_ms, entry.start.uncertainty_ms)
        yield name, start, words.clock(entry.end.offset_ms, entry.end.uncertainty_ms), drift


def _job(job: shapes.JobStatus) -> JobLine:
    done = f", {100 * job.done_bytes // job.total_bytes} %" if job.total_bytes else ""
    time = "" if job.eta_s is None else f", {words.countdown(job.eta_s)} still"
    waits = f", waits for {words.listed(job.waiting_for)}" if job.waiting_for else ""
    names = {
        "waiting": "waits",
        "following": "joins while it is recorded",
        "running": "is being joined",
        "verifying": "is being read back",
        "done": "joined",
        "failed": "failed",
    }
    level = {"failed": "bad", "done": "ok"}.get(job.state, "")
    return JobLine(
        names[job.state],
        words.sentence(f"{names[job.state]}{done}{time}{waits}")
        + (f" {words.sentence(job.error)}" if job.error else ""),
        level,
        job.state == "failed",
    )


def _files(manifest: Manifest | None) -> Iterable[Download]:
    for entry in manifest.files if manifest else ():
        yield Download(entry.path, size(entry.bytes))
    if manifest is not None:
        yield Download("manifest.json", "")


def size(number: int) -> str:
    """Bytes in words."""
    for unit, power in (("GB", 30), ("MB", 20), ("kB", 10)):
        if number >= 1 << power:
            return f"{number / (1 << power):.1f} {unit}"
    return f"{number} bytes"


def next_page(found: Sequence[Row], limit: int) -> int | None:
    """What the next page is asked with, None on the last one."""
    return found[-1].at_ms if len(found) == limit else None
