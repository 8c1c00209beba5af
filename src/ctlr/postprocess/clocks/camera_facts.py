"""What the certificate knows of one camera. Pure."""

from dataclasses import dataclass

from ctlr.postprocess.clocks.clock_track import ClockTrack


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
