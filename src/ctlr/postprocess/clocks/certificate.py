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

from ctlr.postprocess.clocks.camera_facts import CameraFacts
from ctlr.postprocess.clocks.clock_track import ClockTrack
from ctlr.postprocess.clocks.distance import Distance
from ctlr.postprocess.clocks.sentence import held_ms, say, say_nothing_compared, verdict_of
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
        return SyncSection(text=say_nothing_compared(cameras), cameras=shapes)
    pairs = tuple(_pair_sync(pair, found, cameras, tolerance) for pair, found in distances.items())
    measured = [pair for pair in pairs if pair.worst_ms is not None]
    named = max(measured, key=_severity, default=None)
    return SyncSection(
        verdict=verdict_of(cameras, pairs),
        text=say(cameras, pairs, named, tolerance, start_at_ms),
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


def _severity(pair: PairSync) -> tuple[bool, float]:
    """The pair to name: one that fails, else the one whose true distance may be the largest."""
    return pair.verdict == "fail", held_ms(pair) + pair.uncertainty_ms
