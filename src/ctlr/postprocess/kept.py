"""An earlier run's video of which raw segments are gone: by retention, or by hand. Pure.

It holds more than could be made of what is left, so it is never made again. What has arrived too
late for it cannot be added either: it stays among the raw data, and the manifest names it, which
also keeps retention away from it.
"""

from collections.abc import Set as AbstractSet

from ctlr.postprocess.manifest import ProblemEntry, VideoSource

LEFT_OUT = "segment_left_out"


def gone(video: VideoSource, names: AbstractSet[str]) -> set[str]:
    """The segments that a video was made of and that are not among ``names``, those that lie there."""
    return _segments(video) - names


def late(video: VideoSource, names: AbstractSet[str]) -> list[str]:
    """Those of ``names`` that a video neither holds nor says anything of."""
    told = {problem.segment for problem in video.problems if problem.segment}
    return sorted(names - _segments(video) - told)


def keep(video: VideoSource, names: AbstractSet[str]) -> VideoSource:
    """The video as it is, with a problem for each segment that came too late for it."""
    added = tuple(_left_out(name) for name in late(video, names))
    return video.model_copy(update={"problems": (*video.problems, *added)}) if added else video


def _segments(video: VideoSource) -> set[str]:
    spliced = {chunk.segment for file in video.videos for chunk in file.chunks}
    return spliced.union(*(file.made_of for file in video.videos))


def _left_out(name: str) -> ProblemEntry:
    text = (
        f"{name} arrived when others of the video's segments were gone from the logging drive: it is "
        "not in the video, which could not be made again without them, and stays on that drive."
    )
    return ProblemEntry(code=LEFT_OUT, text=text, segment=name)
