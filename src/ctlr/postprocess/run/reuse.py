"""What of an earlier run is kept, and what is made (again). Pure.

A wrong answer here replaces a good recording by a lesser one, so each is given from facts alone.
Of a camera's video, the first rule that fits decides:

1. None of its files is left: it is made of what lies there.
2. Segments that it was made of are gone: it is kept, for it holds more than could be made now.
3. Other files have come in the place of segments that it was made of, which are nowhere any more:
   kept likewise, and the manifest says so.
4. Segments that it was made of cannot be read any more, or were cut short: kept likewise, and the
   manifest says so. (Where nothing at all can be read, the attempt says why, and then it is kept.)
5. It proved damaged, or is not there with its size: it is made again.
6. Segments, the session's record or the chapters are others: it is made again.
7. It is kept as it is.

``is_news`` asks the rules of names, sizes and record alone, for whoever wants to know whether a run
would find anything to do.

An upload or sidecar is kept while it is as large and as old as what it was copied of. What was
made of raw data that has been cleared away since is carried over.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ctlr.layout.clock_rows import CLOCK_FILE
from ctlr.postprocess.folder.superseded import gone, keep, keep_instead, late, replaced, worse
from ctlr.postprocess.manifest.can import CanSource
from ctlr.postprocess.manifest.shapes import FailedSource, Source, VideoSource
from ctlr.postprocess.manifest.standing import Standing
from ctlr.postprocess.run.plan import Plan, PlannedCopy
from ctlr.postprocess.video.marks import EVENTS_FILE
from ctlr.postprocess.video.planned import PlannedVideo, RawState


class Why(StrEnum):
    """The rule that has decided about a video."""

    NEW = "there is none"
    RAW_GONE = "segments of it are gone from the logging drive"
    RAW_REPLACED = "other files are in the place of segments of it"
    RAW_WORSE = "segments of it cannot be read any more"
    DAMAGED = "it is not as it was written"
    OTHER_FILES = "other segments lie there"
    OTHER_RECORD = "the session's record says something else"
    OTHER_CHAPTERS = "its chapters are others"
    SAME = "nothing has changed"


@dataclass(frozen=True, slots=True)
class VideoChoice:
    """``kept`` is what the manifest says of a video that stays; None: it is made. ``before`` is the
    earlier one, which stays where nothing can be made."""

    why: Why
    kept: VideoSource | None = None
    before: VideoSource | None = None

    def outcome(self, made: Source) -> Source:
        """What holds after ``made`` is all that could be made."""
        if isinstance(made, FailedSource) and self.before is not None:
            return keep_instead(self.before, made)
        return made


@dataclass(frozen=True, slots=True)
class Reuse:
    """Of a whole session: what holds for each camera's video, what is copied, and the sources of
    which nothing lies on the logging disk any more."""

    videos: Mapping[str, VideoChoice]
    copies: tuple[PlannedCopy, ...]
    carried: Mapping[str, Source]

    def kept(self, node: str) -> VideoSource | None:
        return self.videos[node].kept


def plan_reuse(plan: Plan, standing: Standing) -> Reuse:
    """Decide about everything of a session but its CAN bus."""
    return Reuse(
        videos={video.node: choose_video(video, standing) for video in plan.videos},
        copies=tuple(copy for copy in plan.copies if not is_copied(copy, standing)),
        carried=_carried(plan, standing),
    )


def choose_video(video: PlannedVideo, standing: Standing) -> VideoChoice:
    """Keep or make one camera's video."""
    before = standing.video(video.node)
    if before is None:
        return VideoChoice(Why.NEW)
    why = _why_by_names(before, video.raw)
    if why is Why.RAW_GONE:
        return VideoChoice(why, keep(before, video.raw.names))
    if why is Why.RAW_REPLACED:
        unreadable = {name for name, left in video.harmed.items() if not left}
        if names := replaced(before, video.raw.sizes) - unreadable:
            named = ", ".join(sorted(names))
            error = f"another file is in the place of {named}, which is nowhere on it any more"
            return VideoChoice(why, _keep_better(before, video.raw, error))
        why = _is_other(before, video.raw)
    if video.parts and (harmed := worse(before, video.harmed)):
        error = f"{', '.join(sorted(harmed))} cannot be read any more as it was then"
        return VideoChoice(Why.RAW_WORSE, _keep_better(before, video.raw, error))
    if not standing.holds(before):
        why = Why.DAMAGED
    elif why is Why.SAME and video.raw.told and not _has_these_chapters(video, standing):
        why = Why.OTHER_CHAPTERS
    return VideoChoice(why, before if why is Why.SAME else None, before)


def is_news(before: Source | None, raw: RawState) -> bool:
    """Whether what lies there of a camera is anything else than what ``before`` speaks of."""
    if not isinstance(before, VideoSource | FailedSource):
        return True
    match _why_by_names(before, raw):
        case Why.RAW_GONE if isinstance(before, VideoSource):
            return bool(late(before, raw.names))
        case Why.RAW_REPLACED:
            return _is_other(before, raw) is not Why.SAME
        case why:
            return why is not Why.SAME


def _why_by_names(before: VideoSource | FailedSource, raw: RawState) -> Why:
    """The first rule that decides without opening a file."""
    if isinstance(before, VideoSource):
        if gone(before, raw.names):
            return Why.RAW_GONE
        if replaced(before, raw.sizes):
            return Why.RAW_REPLACED
    return _is_other(before, raw)


def _is_other(before: VideoSource | FailedSource, raw: RawState) -> Why:
    if before.inputs != raw.inputs:
        return Why.OTHER_FILES
    # Without the record nothing else of it can be known to be wrong.
    return Why.OTHER_RECORD if raw.told and before.told != raw.told else Why.SAME


def _has_these_chapters(video: PlannedVideo, standing: Standing) -> bool:
    marks = standing.manifest.marks if standing.manifest else ()
    before = [(m.at_ms, m.label, m.offset_s.get(video.node)) for m in marks]
    return before == [(m.mark.at_ms, m.mark.label, m.offset_s) for m in video.marks]


def _keep_better(before: VideoSource, raw: RawState, error: str) -> VideoSource:
    """The earlier video in place of a lesser one. It counts as made of what lies there now, so
    that the same question is not asked again."""
    if before.inputs == raw.inputs and before.told == raw.told:
        return before
    lesser = FailedSource(error=error, inputs=raw.inputs, told=raw.told)
    return keep_instead(keep(before, raw.names), lesser)


def is_copied(copy: PlannedCopy, standing: Standing) -> bool:
    """Whether an upload or sidecar stands in the folder as it is to be."""
    entry = standing.entry(copy.target)
    return entry is not None and entry.inputs == copy.inputs and standing.is_sound(copy.target)


def _carried(plan: Plan, standing: Standing) -> dict[str, Source]:
    planned = {video.node for video in plan.videos}
    before = standing.manifest.sources if standing.manifest else {}
    return {
        node: source
        for node, source in before.items()
        if node not in planned and isinstance(source, VideoSource | CanSource)
    }


def is_up_to_date(plan: Plan, reuse: Reuse, standing: Standing, measured: str) -> bool:
    """Whether the manifest that is there says all that this run would say, but for the CAN bus.

    ``measured`` is the fingerprint of what the record says of clocks and marks, if there is one.
    """
    before = standing.manifest
    if before is None or reuse.copies:
        return False
    for node, choice in reuse.videos.items():
        if choice.kept is None or choice.kept is not before.sources[node]:
            return False
    if plan.marks and standing.is_damaged(EVENTS_FILE):
        return False
    if measured and standing.is_damaged(CLOCK_FILE):
        return False
    missing = {node for node, _ in plan.missing if node not in reuse.carried}
    return (
        measured in {"", before.measured}
        and missing == set(before.missing)
        and (plan.started_at, plan.stopped_at) == (before.started_at, before.stopped_at)
    )


def outdated_videos(before: Mapping[str, Source], sources: Mapping[str, Source]) -> set[str]:
    """Files of earlier videos that those of this run don't have; everything else of a session
    stays."""
    return _video_names(before) - _video_names(sources)


def _video_names(sources: Mapping[str, Source]) -> set[str]:
    videos = (source for source in sources.values() if isinstance(source, VideoSource))
    return {name for video in videos for name in video.file_names}
