"""The certificate's one sentence for a person, and the verdict that it explains. Pure."""

from collections.abc import Mapping, Sequence

from ctlr.postprocess.clocks.camera_facts import CameraFacts
from ctlr.postprocess.manifest.sync import Judgement, PairSync


def verdict_of(cameras: Mapping[str, CameraFacts], pairs: Sequence[PairSync]) -> Judgement:
    verdicts = {pair.verdict for pair in pairs}
    if "fail" in verdicts:
        return "fail"
    compared = {name for pair in pairs for name in pair.cameras}
    return "pass" if verdicts == {"pass"} and compared == set(cameras) else "unknown"


def held_ms(pair: PairSync) -> float:
    """What the pair is judged by."""
    return max(pair.steady_ms or 0.0, pair.p99_ms or 0.0)


def say_nothing_compared(cameras: Mapping[str, CameraFacts]) -> str:
    if not cameras:
        return "No camera recorded, so there is nothing to compare."
    if len(cameras) == 1:
        return f"Only {next(iter(cameras))} recorded, so there is nothing to compare it with."
    return f"Whether the cameras were in step is not known: {_reasons(cameras)}."


def _reasons(cameras: Mapping[str, CameraFacts]) -> str:
    because = {name: facts.unknown_because for name, facts in cameras.items()}
    return "; ".join(f"{name}: {reason}" for name, reason in because.items() if reason)


def say(
    cameras: Mapping[str, CameraFacts],
    pairs: Sequence[PairSync],
    named: PairSync | None,
    tolerance_ms: float,
    start_at_ms: int | None,
) -> str:
    if named is None:
        return "The cameras never recorded at the same time, so there is nothing to compare."
    apart = f"{_ms(held_ms(named))} apart (± {_ms(named.uncertainty_ms)})"
    allowed = f"the {_ms(tolerance_ms)} allowed"
    between = " and ".join(named.cameras)
    match verdict_of(cameras, pairs):
        case "pass":
            return (
                f"All {len(cameras)} cameras were in step: "
                f"nearest frames are at most {apart}, within {allowed}."
                + _single_frames(cameras, pairs, tolerance_ms, start_at_ms)
            )
        case "fail":
            return _not_in_step(named, cameras, apart, allowed, start_at_ms)
    if reasons := _reasons(cameras):
        return (
            f"Not all cameras could be compared ({reasons}). "
            f"Nearest frames of the others are at most {apart}."
        )
    if any(not pair.frames for pair in pairs):
        return (
            "Not all cameras recorded at the same time. "
            f"Nearest frames of those that did are at most {apart}."
        )
    return (
        f"Nearest frames of {between} are up to {apart}{_held_when(named, start_at_ms)}: "
        f"too uncertain to tell whether that is within {allowed}."
    )


def _not_in_step(
    pair: PairSync,
    cameras: Mapping[str, CameraFacts],
    apart: str,
    allowed: str,
    start_at_ms: int | None,
) -> str:
    """Cameras that went apart for a second and more, or those that took too many frames late."""
    between = " and ".join(pair.cameras)
    if _held_long(pair):
        return (
            f"{between} were not in step: their nearest frames are up to {apart}"
            f"{_held_when(pair, start_at_ms)}, more than {allowed}."
        )
    return (
        f"{between} took too many frames late: {100 * (pair.share_beyond or 0.0):.1f} % of their "
        f"nearest frames are beyond {allowed}, one of a hundred is {apart} or more."
        f"{_late_frames({name: cameras[name] for name in pair.cameras})}"
    )


def _single_frames(
    cameras: Mapping[str, CameraFacts],
    pairs: Sequence[PairSync],
    tolerance_ms: float,
    start_at_ms: int | None,
) -> str:
    """What stands beside a good verdict: frames that came late, and whose they were."""
    worst = max(pairs, key=lambda pair: (pair.worst_ms or 0.0) + pair.uncertainty_ms)
    if worst.worst_ms is None or worst.worst_ms + worst.uncertainty_ms <= tolerance_ms:
        return ""
    return (
        f" Single frames are up to {_ms(worst.worst_ms)} apart,"
        f"{_when(worst.worst_at, start_at_ms)}: {worst.frames_beyond} of {worst.frames} are beyond"
        f" that.{_late_frames(cameras)}"
    )


def _held_long(pair: PairSync) -> bool:
    """Whether what the pair is judged by held for a second; else it is frames late now and then."""
    return pair.steady_ms == held_ms(pair)


def _held_when(pair: PairSync, start_at_ms: int | None) -> str:
    return _when(pair.steady_at, start_at_ms) if _held_long(pair) else ""


def _late_frames(cameras: Mapping[str, CameraFacts]) -> str:
    found = [f"{name} took {facts.late} frames" for name, facts in cameras.items() if facts.late]
    return f" {', '.join(found)} late or after a dropped one." if found else ""


def _when(at_ms: int | None, start_at_ms: int | None) -> str:
    if at_ms is None or start_at_ms is None:
        return ""
    return f" {(at_ms - start_at_ms) / 1000:.1f} s after the start"


def _ms(value: float | None) -> str:
    return f"{value or 0.0:.1f} ms"
