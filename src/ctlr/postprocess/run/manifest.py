"""A session's manifest from its plan and the files that were made of it. Pure."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from ctlr.kernel.clock import iso_from_ms
from ctlr.postprocess.manifest.problem import Problem
from ctlr.postprocess.manifest.shapes import (
    FailedSource,
    FileEntry,
    GapEntry,
    Manifest,
    ProblemEntry,
    Source,
    VideoFile,
    VideoPart,
    VideoSource,
)
from ctlr.postprocess.run.plan import Plan
from ctlr.postprocess.video.planned import PlannedVideo
from ctlr.postprocess.video.timeline import Gap, length_of


def video_source(planned: PlannedVideo, files: list[VideoFile]) -> VideoSource | FailedSource:
    """A camera's entry from its plan and the files that were made of it."""
    gaps = tuple(
        GapEntry(
            after_segment=g.after_segment,
            expected_ms=g.expected_ms,
            reason=g.reason,
            segments=g.segments,
            estimated=g.estimated,
            **_place_of(g, planned),
        )
        for g in planned.gaps
    )
    problems = tuple(problem_entry(p) for p in planned.problems)
    if not files:
        return FailedSource(
            error=_why_nothing(planned),
            gaps=gaps,
            problems=problems,
            after_stop=planned.after_stop,
            inputs=planned.raw.inputs,
            told=planned.raw.told,
        )
    parts = tuple(
        VideoPart(**dict(file), starts_at_s=round(float(part.starts_at), 6))
        for file, part in zip(files[1:], planned.parts[1:], strict=True)
    )
    return VideoSource(
        **dict(files[0]),
        gaps=gaps,
        problems=problems,
        parts=parts,
        after_stop=planned.after_stop,
        inputs=planned.raw.inputs,
        told=planned.raw.told,
    )


def _why_nothing(planned: PlannedVideo) -> str:
    if planned.after_stop:
        return "all that it sent was recorded after the stop"
    return planned.error or "not one frame of its segments is readable"


def _place_of(gap: Gap, planned: PlannedVideo) -> dict[str, Any]:
    """In which file a gap begins, counted from 1, and where in it."""
    if gap.after_segment is None:
        return {"part": 1, "offset_s": 0.0} if planned.parts else {}
    for number, part in enumerate(planned.parts, 1):
        for placed in part.segments:
            if placed.facts.name == gap.after_segment:
                at = Fraction(placed.at_ticks, placed.facts.timescale) + length_of(placed.facts)
                return {"part": number, "offset_s": round(float(at), 6)}
    return {}


def problem_entry(problem: Problem) -> ProblemEntry:
    return ProblemEntry(
        code=problem.code, text=problem.text, segment=problem.segment, harms=problem.harms
    )


def _unread_entry(path: str) -> ProblemEntry:
    text = f"{path} could not be read on the logging drive, and was left out."
    return ProblemEntry(code="file_unread", text=text, segment=path, harms=True)


def _is_complete(plan: Plan, sources: Mapping[str, Source]) -> bool:
    """No source failed, no video has a hole, and no problem stands for lost data."""
    if any(problem.harms for problem in plan.problems):
        return False
    for source in sources.values():
        if isinstance(source, FailedSource):
            return False
        if isinstance(source, VideoSource) and source.gaps:
            return False
        if isinstance(source, VideoSource) and any(p.harms for p in source.problems):
            return False
    return True


def make_manifest(
    plan: Plan,
    sources: dict[str, Source],
    files: tuple[FileEntry, ...],
    *,
    revision: int,
    now_ms: int,
    damaged: tuple[str, ...],
    raw_deleted_at: int | None,
    proof: Mapping[str, Any],
    unread: Mapping[str, str],
) -> Manifest:
    """The manifest of a finished run.

    ``unread`` are files that were sent and could not be read, with their inputs; ``damaged`` are files of an earlier run that are known to be and could not be made again,
    ``raw_deleted_at`` is what an earlier one says;
    ``proof`` holds the keys from ``sync`` to ``measured``, and what people say of it.
    """
    missing = {node: FailedSource(error=why) for node, why in plan.missing if node not in sources}
    everything: dict[str, Source] = {**missing, **sources}
    return Manifest(
        uuid=plan.uuid,
        folder=plan.folder,
        revision=revision,
        started_at=plan.started_at,
        stopped_at=plan.stopped_at,
        processed_at=iso_from_ms(now_ms),
        damaged=damaged,
        raw_deleted_at=raw_deleted_at,
        complete=_is_complete(plan, everything) and not unread,
        missing=tuple(missing),
        sources=everything,
        problems=(*map(problem_entry, plan.problems), *map(_unread_entry, unread)),
        unread=dict(unread),
        files=files,
        **proof,
    )
