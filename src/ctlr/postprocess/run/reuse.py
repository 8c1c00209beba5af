"""What of an earlier run is kept, and what is made (again). Pure.

A wrong answer here replaces a good recording by a lesser one, so each is given from facts alone.
Of a camera's video, the first rule that fits decides:

1. None of its files is left: it is made of what lies there.
2. Segments that it was made of are gone: it is kept, for it holds more than could be made now.
3. Segments that it was made of cannot be read any more, or were cut short: kept likewise, and the
   manifest says so. (Where nothing at all can be read, the attempt says why, and then it is kept.)
4. It proved damaged, or is not there with its size: it is made again.
5. Segments, the session's record or the chapters are others: it is made again.
6. It is kept as it is.

An upload or sidecar is kept while it is as large and as old as what it was copied of. What was
made of raw data that has been cleared away since is carried over.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from ctlr.layout.clock_rows import CLOCK_FILE
from ctlr.postprocess.folder.superseded import gone, keep, keep_instead, worse
from ctlr.postprocess.manifest.can import CanSource
from ctlr.postprocess.manifest.shapes import FailedSource, Source, VideoSource
from ctlr.postprocess.manifest.standing import Standing
from ctlr.postprocess.run.plan import Plan, PlannedCopy
from ctlr.postprocess.video.marks import EVENTS_FILE
from ctlr.postprocess.video.planned import PlannedVideo


class Why(StrEnum):
    """The rule that has decided about a video."""

    NEW = "there is none"
    RAW_GONE = "segments of it are gone from the logging drive"
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
    if gone(before, video.names):
        return VideoChoice(Why.RAW_GONE, keep(before, video.names))
    if video.parts and (harmed := worse(before, video.harmed)):
        return VideoChoice(Why.RAW_WORSE, _keep_better(before, video, harmed))
    why = _why_again(video, before, standing)
    return VideoChoice(why, before if why is Why.SAME else None, before)


def _why_again(video: PlannedVideo, before: VideoSource, standing: Standing) -> Why:
    if not standing.holds(before):
        return Why.DAMAGED
    if before.inputs != video.inputs:
        return Why.OTHER_FILES
    if not video.told:  # without the record nothing else of it can be known to be wrong
        return Why.SAME
    if before.told != video.told:
        return Why.OTHER_RECORD
    return Why.SAME if _has_these_chapters(video, standing) else Why.OTHER_CHAPTERS


def _has_these_chapters(video: PlannedVideo, standing: Standing) -> bool:
    marks = standing.manifest.marks if standing.manifest else ()
    before = [(m.at_ms, m.label, m.offset_s.get(video.node)) for m in marks]
    return before == [(m.mark.at_ms, m.mark.label, m.offset_s) for m in video.marks]


def _keep_better(before: VideoSource, video: PlannedVideo, harmed: Iterable[str]) -> VideoSource:
    """The earlier video in place of a lesser one. It counts as made of what lies there now, so
    that the same question is not asked again."""
    if before.inputs == video.inputs and before.told == video.told:
        return before
    names = ", ".join(sorted(harmed))
    error = f"{names} cannot be read any more as it was then"
    lesser = FailedSource(error=error, inputs=video.inputs, told=video.told)
    return keep_instead(keep(before, video.names), lesser)


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
