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
    if facts.usable and facts.frames > 1 and not facts.duration_ticks + facts.after_stop_ticks:
        text = (
            f"{facts.name} gives all its {facts.frames} frames one time: how long it was is not known, "
            "and what follows is too early by that."
        )
        yield Problem("no_times", text, facts.name)
    if facts.usable:
        yield from _find_in_contents(facts)


def _find_in_contents(facts: SegmentFacts) -> Iterator[Problem]:
    """What of a usable segment is lost, or not as it is in the segment."""
    if facts.lost:
        text = f"{facts.name}: {'; '.join(facts.lost)}. It was left out, the rest was joined."
        yield Problem("track_lost", text, facts.name, facts.lost_samples)
    if facts.obstacle and facts.sides:
        text = f"{facts.name} has data tracks ({', '.join(facts.sides)}) that its remux loses."
        yield Problem("track_lost", text, facts.name)
    if facts.blank:
        text = (
            f"{facts.name}: {facts.blank} were never written (zeros or noise, as after a power "
            "cut). They stand in the video, and no player shows them."
        )
        yield Problem("blank_frames", text, facts.name)
    if facts.sizes:
        sizes = ", then ".join(f"{width} x {height}" for width, height in facts.sizes)
        text = f"The picture of {facts.name} changes within it ({sizes}); so it does in the video."
        yield Problem("picture_changes", text, facts.name, harms=False)
    if facts.hidden_ticks:
        hidden_s = facts.hidden_ticks / facts.timescale
        text = f"{facts.name} hides its first {hidden_s:.3f} s; the video shows them."
        yield Problem("hidden_frames", text, facts.name, harms=False)
