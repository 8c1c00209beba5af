"""What a reader should know of one segment by itself, or beside the others of its camera. Pure."""

from collections.abc import Iterator, Sequence
from fractions import Fraction

from ctlr.postprocess.manifest.problem import Problem
from ctlr.postprocess.video.facts import Readability, SegmentFacts
from ctlr.postprocess.video.timeline import length_of

LONGEST_FRAME_S = 60
"""No camera of a rig shows one picture for longer: it has lost others, or its times are wrong."""
_MANY_TIMES, _APART_S = 4, 2
"""So many times as long, and by so much, is another length."""
_OTHER_RATE = 8


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
        yield from _find_in_times(facts)


def find_odd_rates(segments: Sequence[SegmentFacts]) -> Iterator[Problem]:
    """Segments with so many more or fewer frames a second than the others of their kind that their
    times, or the unit of these, cannot be right."""
    for kind in dict.fromkeys(facts.signature for facts in segments):
        yield from _find_odd_rates([facts for facts in segments if facts.signature == kind])


def _find_odd_rates(segments: Sequence[SegmentFacts]) -> Iterator[Problem]:
    rates = {f.name: f.frames / length_of(f) for f in segments if f.frames > 1 and length_of(f)}
    usual = sorted(rates.values())[len(rates) // 2] if rates else Fraction(0)
    for name, rate in rates.items():
        if not usual <= rate * _OTHER_RATE <= usual * _OTHER_RATE**2:
            text = (
                f"{name} has {float(rate):.3g} frames a second by its times, the others have "
                f"{float(usual):.3g}: its times are wrong, and what follows is misplaced by that."
            )
            yield Problem("times_doubtful", text, name)


def _find_in_times(facts: SegmentFacts) -> Iterator[Problem]:
    """Times that cannot be right, or that something else in the file contradicts."""
    longest = Fraction(facts.longest_ticks, facts.timescale)
    if longest > LONGEST_FRAME_S:
        text = (
            f"{facts.name} shows one frame for {float(longest):.0f} s: others are missing there, or "
            "its times are wrong and what follows is misplaced by that."
        )
        yield Problem("times_doubtful", text, facts.name)
        return
    length = length_of(facts) + Fraction(facts.after_stop_ticks, facts.timescale)
    for said in facts.otherwise_s if facts.readability is Readability.WHOLE else ():
        shorter, longer = sorted((length, said))
        if longer > _MANY_TIMES * shorter and longer - shorter > _APART_S:
            text = (
                f"{facts.name} lasts {float(length):.1f} s by the times of its frames, and "
                f"{float(said):.1f} s by its header or its sound: one of them is wrong."
            )
            yield Problem("times_doubtful", text, facts.name)
            return


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
            f"{facts.name}: {facts.blank} are none (zeros or noise, as after a power cut or of a bad "
            "card, or wrong sizes in the index). They stand in the video, and no player shows them."
        )
        yield Problem("blank_frames", text, facts.name)
    if facts.doubt:
        yield Problem("index_doubtful", f"{facts.name}: {facts.doubt}.", facts.name)
    if facts.sizes:
        sizes = ", then ".join(f"{width} x {height}" for width, height in facts.sizes)
        text = f"The picture of {facts.name} changes within it ({sizes}); so it does in the video."
        yield Problem("picture_changes", text, facts.name, harms=False)
    if facts.hidden_ticks:
        hidden_s = facts.hidden_ticks / facts.timescale
        text = f"{facts.name} hides its first {hidden_s:.3f} s; the video shows them."
        yield Problem("hidden_frames", text, facts.name, harms=False)
