"""An earlier run's video that cannot be made again. Pure.

Where raw segments of it are gone (by retention, or by hand) it holds more than could be made of
what is left. What has arrived too late for it cannot be added either: it stays among the raw data,
and the manifest names it, which also keeps retention away from it. Where they are there, but cannot
be read any more, it is the only copy. So it is where another file came in the place of one while
nobody was there to keep that.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from ctlr.layout.raw import held_name
from ctlr.postprocess.manifest.shapes import FailedSource, ProblemEntry, VideoSource

LEFT_OUT = "segment_left_out"
NOT_MADE_AGAIN = "not_made_again"


def gone(video: VideoSource, names: AbstractSet[str]) -> set[str]:
    """The segments that a video was made of and that are not among ``names``, those that lie there."""
    return _segments(video) - names


def unjoined(video: VideoSource, names: AbstractSet[str]) -> list[str]:
    """Those of ``names`` that a video does not hold, for whatever reason."""
    return sorted(names - _segments(video))


def worse(video: VideoSource, harmed: Mapping[str, int]) -> set[str]:
    """The segments of which a video holds more than can be read now.

    ``harmed`` has how many bytes at most are left of those that are not whole. Of a remuxed video
    nobody knows how many it took: there, only those count of which nothing is left.
    """
    chunks = (chunk for file in video.videos for chunk in file.chunks)
    shorter = {c.segment for c in chunks if harmed.get(c.segment, c.length) < c.length}
    remuxed = {name for file in video.videos for name in file.made_of}
    return shorter | {name for name in remuxed if harmed.get(name) == 0}


def replaced(video: VideoSource, sizes: Mapping[str, AbstractSet[int]]) -> set[str]:
    """The segments that a video holds whole and whose files are not there any more, though others
    of their names are.

    ``sizes`` has those of all files that lie there, by the name that each came under. A file of
    that size is taken for the one of then: its time is lost where a drive was copied. One that was
    cut may have been completed since.
    """
    cut = {gap.after_segment for gap in video.gaps if "cut" in gap.reason}
    chunks = (chunk for file in video.videos for chunk in file.chunks)
    return {
        chunk.segment
        for chunk in chunks
        if chunk.source_bytes is not None
        and chunk.segment not in cut
        and (there := sizes.get(held_name(chunk.segment) or chunk.segment))
        and chunk.source_bytes not in there
    }


def late(video: VideoSource, names: AbstractSet[str]) -> list[str]:
    """Those of ``names`` that a video neither holds nor says anything of."""
    told = {problem.segment for problem in video.problems if problem.segment}
    return sorted(names - _segments(video) - told - set(video.after_stop))


def keep(video: VideoSource, names: AbstractSet[str]) -> VideoSource:
    """The video as it is, with a problem for each segment that came too late for it."""
    added = tuple(_left_out(name) for name in late(video, names))
    return video.model_copy(update={"problems": (*video.problems, *added)}) if added else video


def keep_instead(video: VideoSource, failed: FailedSource) -> VideoSource:
    """The video as it is, in place of ``failed``, which is all that what lies there now makes."""
    text = (
        f"The video of an earlier run was kept as it is: of what lies on the logging drive now it "
        f"could not be made again ({failed.error})."
    )
    others = (problem for problem in video.problems if problem.code != NOT_MADE_AGAIN)
    problems = (*others, ProblemEntry(code=NOT_MADE_AGAIN, text=text))
    update = {"problems": problems, "inputs": failed.inputs or "", "told": failed.told}
    return video.model_copy(update=update)


def can_be_made_again(video: VideoSource, names: AbstractSet[str]) -> bool:
    """Whether a run that finds segments of these ``names`` might make the video again."""
    failed = any(problem.code == NOT_MADE_AGAIN for problem in video.problems)
    return not failed and not gone(video, names)


def _segments(video: VideoSource) -> set[str]:
    spliced = {chunk.segment for file in video.videos for chunk in file.chunks}
    return spliced.union(*(file.made_of for file in video.videos))


def _left_out(name: str) -> ProblemEntry:
    text = (
        f"{name} arrived when others of the video's segments were gone from the logging drive, or "
        "could not be read any more: it is not in the video, which could not be made again without "
        "them, and stays on that drive."
    )
    return ProblemEntry(code=LEFT_OUT, text=text, segment=name)
