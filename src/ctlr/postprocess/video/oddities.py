"""What a reader should know of one segment by itself. Pure."""

from collections.abc import Iterator

from ctlr.postprocess.manifest.problem import Problem
from ctlr.postprocess.video.facts import Readability, SegmentFacts


def find_oddities(facts: SegmentFacts) -> Iterator[Problem]:
    if facts.readability is not Readability.WHOLE:
        text = f"{facts.name} is {facts.readability}: {facts.reason}."
        yield Problem(f"segment_{facts.readability}", text, facts.name)
    elif facts.captured and facts.captured.rows != facts.frames:
        text = f"{facts.name} has {facts.frames} frames, its frame times {facts.captured.rows}."
        yield Problem("frame_times_differ", text, facts.name)
    if facts.obstacle and facts.usable:
        text = f"{facts.name} cannot be spliced ({facts.obstacle}); its file was remuxed."
        yield Problem("remuxed", text, facts.name, harms=False)
    if facts.usable and not facts.starts_with_keyframe:
        text = f"{facts.name} does not start with a keyframe; its first frames may not show."
        yield Problem("no_keyframe", text, facts.name)
