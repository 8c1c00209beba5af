"""The sync certificate: how well the cameras were in step, and how well that is known. Pure.

Of every two cameras the distance between nearest frames is measured (``frame_distance``), with
both clocks corrected by their measured offsets. Judged is what held for a second, and what 99 of
100 frames do not exceed, whichever is more: cameras out of step are so for longer than a frame,
and a camera that took single frames late is in step, which ``share_beyond`` and ``worst_ms`` say
beside it. The true offsets lie within their uncertainties, so the true distance lies within the
sum of both of the measured one. Two cameras

- **pass** if that distance plus its uncertainty is within the tolerance,
- **fail** if that distance minus its uncertainty is beyond it,
- are **unknown** otherwise.

The session fails if any two do, passes if every two of its cameras do, and is unknown otherwise:
also where a camera could not be compared with any (no frame times, clock never measured or set
during the recording), and where there is only one. The tolerance, if none is configured, is half
a frame of the slowest camera: then each frame has its right partner.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ctlr.postprocess.clocks.clock_track import ClockTrack
from ctlr.postprocess.clocks.distance import Distance
from ctlr.postprocess.manifest.sync import (
    OF_THE_PAIR,
    CameraSync,
    ClockEntry,
    ClockReading,
    Judgement,
    PairSync,
    SyncSection,
)
from ctlr.sessions.model import ClockSample


@dataclass(frozen=True, slots=True)
class CameraFacts:
    """What is known of one camera that recorded. Times in microseconds, its own clock;
    ``told_start_us`` too. ``last_us`` is its last frame, ``late`` counts those that came late or
    after a dropped one; ``problem`` says why its frame times
    cannot be used."""

    clock: ClockTrack | None = None
    first_us: int | None = None
    last_us: int | None = None
    told_start_us: int | None = None
    period_us: float | None = None
    late: int = 0
    problem: str | None = None

    @property
    def unknown_because(self) -> str | None:
        """Why it cannot be compared; None if it can."""
        if self.problem:
            return self.problem
        if self.first_us is None:
            return "it left no frame times"
        if self.clock is None:
            return "its clock was never measured"
        if self.clock.set_at_ms is not None:
            return "its clock was set during the recording"
        return None

    @property
    def worst_uncertainty_us(self) -> float:
        assert self.clock is not None
        assert self.first_us is not None
        assert self.last_us is not None
        return self.clock.worst_uncertainty(self.first_us, self.last_us)


def clock_section(clocks: Mapping[str, Sequence[ClockSample]]) -> dict[str, ClockEntry]:
    """The manifest's ``clock``: every source with at least one sample."""
    return {source: _clock_entry(samples) for source, samples in clocks.items() if samples}


def _clock_entry(samples: Sequence[ClockSample]) -> ClockEntry:
    track = ClockTrack(samples)
    drift = track.drift
    return ClockEntry(
        start=_reading(samples[0]),
        end=_reading(samples[-1]),
        drift_ppm=round(drift.ppm, 3) if drift else None,
        drift_uncertainty_ppm=round(drift.uncertainty_ppm, 3) if drift else None,
        samples=len(samples),
        set_at=track.set_at_ms,
    )


def _reading(sample: ClockSample) -> ClockReading:
    return ClockReading(
        offset_ms=round(sample.offset_ms, 3),
        uncertainty_ms=round(sample.uncertainty_ms, 3),
        source=sample.method,
        measured_at=sample.at_ms,
    )


def sync_section(
    start_at_ms: int | None,
    cameras: Mapping[str, CameraFacts],
    distances: Mapping[tuple[str, str], Distance],
    tolerance_ms: float | None = None,
) -> SyncSection:
    """The manifest's ``sync``. ``distances`` are of the cameras that could be compared."""
    shapes = {name: _camera_sync(start_at_ms, facts) for name, facts in cameras.items()}
    tolerance = tolerance_ms if tolerance_ms is not None else _half_a_frame_ms(cameras)
    if tolerance is None or not distances:
        return SyncSection(text=_nothing_compared(cameras), cameras=shapes)
    pairs = tuple(_pair_sync(pair, found, cameras, tolerance) for pair, found in distances.items())
    measured = [pair for pair in pairs if pair.worst_ms is not None]
    named = max(measured, key=_severity, default=None)
    return SyncSection(
        verdict=_verdict(cameras, pairs),
        text=_text(cameras, pairs, named, tolerance, start_at_ms),
        tolerance_ms=round(tolerance, 3),
        cameras=shapes,
        pairs=pairs,
        **{key: getattr(named, key) for key in OF_THE_PAIR} if named else {},
    )


def _camera_sync(start_at_ms: int | None, facts: CameraFacts) -> CameraSync:
    period = None if facts.period_us is None else round(facts.period_us / 1000, 3)
    if facts.clock is None or facts.first_us is None:
        return CameraSync(
            frame_period_ms=period,
            frames_late=None if period is None else facts.late,
            unknown_because=facts.unknown_because,
        )
    first_ms = (facts.first_us - facts.clock.offset_at(facts.first_us)) / 1000
    own_ms = None
    if facts.told_start_us is not None:
        own_ms = (facts.first_us - facts.told_start_us) / 1000
    return CameraSync(
        first_frame_from_start_ms=None if start_at_ms is None else round(first_ms - start_at_ms, 3),
        first_frame_from_own_start_ms=None if own_ms is None else round(own_ms, 3),
        uncertainty_ms=round(facts.clock.uncertainty_at(facts.first_us) / 1000, 3),
        frame_period_ms=period,
        frames_late=None if period is None else facts.late,
        unknown_because=facts.unknown_because,
    )


def _half_a_frame_ms(cameras: Mapping[str, CameraFacts]) -> float | None:
    periods = [c.period_us for c in cameras.values() if c.period_us is not None]
    return max(periods) / 2000 if periods else None


def _pair_sync(
    pair: tuple[str, str],
    found: Distance,
    cameras: Mapping[str, CameraFacts],
    tolerance_ms: float,
) -> PairSync:
    uncertainty_ms = sum(cameras[name].worst_uncertainty_us for name in pair) / 1000
    if not found.frames:
        uncertainty_ms = round(uncertainty_ms, 3)
        return PairSync(cameras=pair, verdict="unknown", uncertainty_ms=uncertainty_ms, frames=0)
    p99_us, beyond = found.within_us(0.99), found.count_beyond(tolerance_ms * 1000)
    return PairSync(
        cameras=pair,
        verdict=_judge(max(found.steady_us, p99_us) / 1000, uncertainty_ms, tolerance_ms),
        worst_ms=round(found.worst_us / 1000, 3),
        uncertainty_ms=round(uncertainty_ms, 3),
        worst_at=round(found.at_us / 1000),
        p50_ms=round(found.within_us(0.5) / 1000, 3),
        p99_ms=round(p99_us / 1000, 3),
        steady_ms=round(found.steady_us / 1000, 3),
        steady_at=round(found.steady_at_us / 1000),
        frames=found.frames,
        frames_beyond=beyond,
        share_beyond=round(beyond / found.frames, 6),
    )


def _judge(held_ms: float, uncertainty_ms: float, tolerance_ms: float) -> Judgement:
    if held_ms + uncertainty_ms <= tolerance_ms:
        return "pass"
    return "fail" if held_ms - uncertainty_ms > tolerance_ms else "unknown"


def _verdict(cameras: Mapping[str, CameraFacts], pairs: Sequence[PairSync]) -> Judgement:
    verdicts = {pair.verdict for pair in pairs}
    if "fail" in verdicts:
        return "fail"
    compared = {name for pair in pairs for name in pair.cameras}
    return "pass" if verdicts == {"pass"} and compared == set(cameras) else "unknown"


def _severity(pair: PairSync) -> tuple[bool, float]:
    """The pair to name: one that fails, else the one whose true distance may be the largest."""
    return pair.verdict == "fail", _held_ms(pair) + pair.uncertainty_ms


def _held_ms(pair: PairSync) -> float:
    """What the pair is judged by."""
    return max(pair.steady_ms or 0.0, pair.p99_ms or 0.0)


# --- one sentence for a person


def _nothing_compared(cameras: Mapping[str, CameraFacts]) -> str:
    if not cameras:
        return "No camera recorded, so there is nothing to compare."
    if len(cameras) == 1:
        return f"Only {next(iter(cameras))} recorded, so there is nothing to compare it with."
    return f"Whether the cameras were in step is not known: {_reasons(cameras)}."


def _reasons(cameras: Mapping[str, CameraFacts]) -> str:
    because = {name: facts.unknown_because for name, facts in cameras.items()}
    return "; ".join(f"{name}: {reason}" for name, reason in because.items() if reason)


def _text(
    cameras: Mapping[str, CameraFacts],
    pairs: Sequence[PairSync],
    named: PairSync | None,
    tolerance_ms: float,
    start_at_ms: int | None,
) -> str:
    if named is None:
        return "The cameras never recorded at the same time, so there is nothing to compare."
    apart = f"{_ms(_held_ms(named))} apart (± {_ms(named.uncertainty_ms)})"
    allowed = f"the {_ms(tolerance_ms)} allowed"
    between = " and ".join(named.cameras)
    match _verdict(cameras, pairs):
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
    return pair.steady_ms == _held_ms(pair)


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
