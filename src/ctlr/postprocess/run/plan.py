"""What a run will do, decided from facts alone. Pure: ``--dry-run`` prints exactly this.

A plan names every output file with its inputs, everything that is missing or odd, and whether
the session will be complete. ``inputs`` is a fingerprint of what was found: a later run compares
it to tell what has changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ctlr.layout.clock_rows import CLOCK_FILE
from ctlr.layout.session import CAN_FILE, CHECKSUMS_NAME, MANIFEST_NAME, frames_file, video_file
from ctlr.postprocess.can.windows import Window, windows_of
from ctlr.postprocess.manifest.portable import portable_paths
from ctlr.postprocess.manifest.problem import Problem
from ctlr.postprocess.video.facts import SessionFiles
from ctlr.postprocess.video.planned import PlannedVideo
from ctlr.postprocess.video.twins import Twins
from ctlr.sessions.clock_steps import say_step
from ctlr.sessions.model import ClockStep, Mark, Session, SessionNode

if TYPE_CHECKING:  # a controller plans nothing, and does without numpy
    from ctlr.postprocess.can.runs import CanRows

CAN_MARGIN_MS = 120_000
MAX_PARTS = 100


@dataclass(frozen=True, slots=True)
class PlannedCopy:
    """A file carried over as it is: ``source`` below the logging disk, ``target`` in the folder."""

    source: str
    target: str
    size: int
    mtime_ns: int

    @property
    def inputs(self) -> str:
        return f"{self.size}-{self.mtime_ns}"


@dataclass(frozen=True, slots=True)
class CanCut:
    """Rows of the CAN recording between two instants (Unix milliseconds, inclusive).

    ``windows`` are the same time as the clock showed it: several where that was set meanwhile.
    ``found`` is where they are; None where that has not been looked for, or nothing can be read.
    """

    first_ms: int
    last_ms: int
    windows: tuple[Window, ...]
    found: "CanRows | None" = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a run will do, and what it will have to say."""

    uuid: str
    folder: str
    started_at: int | None
    stopped_at: int | None
    videos: tuple[PlannedVideo, ...]
    copies: tuple[PlannedCopy, ...]
    can: CanCut | None
    missing: tuple[tuple[str, str], ...]  # node, why
    problems: tuple[Problem, ...]
    marks: tuple[Mark, ...] = ()
    twins: tuple[Twins, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether everything that was meant to be recorded is in the result."""
        harmed = any(p.harms for v in self.videos for p in v.problems)
        gaps = any(v.gaps for v in self.videos)
        return not (self.missing or gaps or harmed or any(p.harms for p in self.problems))

    @property
    def bytes(self) -> int:
        return sum(v.bytes for v in self.videos) + sum(c.size for c in self.copies)


def make_plan(
    files: SessionFiles, videos: Sequence[PlannedVideo], folder: str, facts: Session | None
) -> Plan:
    """Decide what to do with what was found.

    ``videos`` are what is planned of each camera; ``facts`` is what the session record says, None
    for a session that only the disk knows.
    """
    started, stopped = _instants(facts, videos)
    return Plan(
        uuid=files.uuid,
        folder=folder,
        started_at=started,
        stopped_at=stopped,
        videos=tuple(videos),
        copies=tuple(plan_copies(files)),
        can=plan_can(files, started, stopped, facts.clock_steps if facts else ()),
        missing=tuple(missing_nodes(files, facts)),
        problems=tuple(_session_problems(files, videos, facts)),
        marks=facts.marks if facts else (),
    )


def _instants(
    facts: Session | None, videos: Sequence[PlannedVideo]
) -> tuple[int | None, int | None]:
    """Start and stop: of the record, else of the first and last captured frame."""
    captured = [
        placed.facts.captured
        for video in videos
        for part in video.parts
        for placed in part.segments
        if placed.facts.captured
    ]
    first = min((c.first_us // 1000 for c in captured), default=None)
    last = max((c.last_us // 1000 for c in captured), default=None)
    started = facts.start_at_ms if facts and facts.start_at_ms is not None else first
    stopped = facts.stopped_at_ms if facts and facts.stopped_at_ms is not None else last
    return started, stopped


def plan_copies(files: SessionFiles) -> list[PlannedCopy]:
    """Uploads and sidecars with the names that they get, legal on any file system."""
    found = [(f"phone/{files.uuid}/{f.path}", f, f"phone/{f.path}") for f in files.phone]
    found += [(f"phone/{files.uuid}/{f.path}", f, f.path) for f in files.watch]
    for node in files.nodes:
        folder = f"{node.node}/{files.uuid}"
        found += [(f"{folder}/{f.path}", f, f"{node.node}.{f.path}") for f in node.sidecars]
    names = portable_paths((target for _, _, target in found), _own_names(files))
    return [PlannedCopy(source, names[to], f.size, f.mtime_ns) for source, f, to in found]


def _own_names(files: SessionFiles) -> list[str]:
    """What the session's own files may be called; nothing that was sent may take these names."""
    names = [MANIFEST_NAME, CAN_FILE, "can_arrival.csv", "can.parquet", "can"]
    names += [CHECKSUMS_NAME, "ascmhl", CLOCK_FILE]
    for node in files.nodes:
        for part in range(MAX_PARTS):
            names += [video_file(node.node, part), frames_file(node.node, part)]
    return names


def plan_can(
    files: SessionFiles,
    started: int | None,
    stopped: int | None,
    steps: Sequence[ClockStep] = (),
) -> CanCut | None:
    """The time of the session and two minutes more on either side, if there is a CAN recording."""
    if files.can is None or started is None or stopped is None:
        return None
    first_ms, last_ms = started - CAN_MARGIN_MS, stopped + CAN_MARGIN_MS
    return CanCut(first_ms, last_ms, windows_of(first_ms, last_ms, steps))


def missing_nodes(files: SessionFiles, facts: Session | None) -> list[tuple[str, str]]:
    """Expected cameras that delivered nothing, and why as far as it is known; none is expected
    of a session that was stopped before it began."""
    if facts is not None and facts.never_began:
        return []
    delivered = {node.node for node in files.nodes if node.names}
    expected = facts.nodes if facts else ()
    known = [
        (node.name, node.error or _silence(node)) for node in expected if node.name not in delivered
    ]
    names = {name for name, _ in known}
    empty = {node.node for node in files.nodes if not node.names} - names
    return sorted(known + [(name, "its folder holds no segment") for name in empty])


def _silence(node: SessionNode) -> str:
    if node.started:
        return "it recorded, but no segment has arrived"
    return "it did not start"


def _session_problems(
    files: SessionFiles, videos: Sequence[PlannedVideo], facts: Session | None
) -> list[Problem]:
    problems = [
        Problem("stray_folder", f"{path} belongs to no camera name; its files were left out.", path)
        for path in files.strays
    ]
    if not videos and not (files.phone or files.watch):
        problems.append(Problem("nothing_recorded", "No camera and no phone delivered anything."))
    problems += [
        Problem("clock_set", say_step(step.step_ms), harms=False)
        for step in (facts.clock_steps if facts else ())
    ]
    return problems
