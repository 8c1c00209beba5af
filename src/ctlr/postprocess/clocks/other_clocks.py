"""The clocks of watch and CAN bus, which nobody asks for the time. Pure.

**CAN.** A bridge stamps a frame, and it arrives later, never earlier: so the bus's clock minus the
controller's is at least the frame's time minus its arrival, and what is on top of that is the
time that the fastest frames take. Of each minute the ninth decile of those differences is taken,
as a single row with a wrong time must not decide, and the fastest frames are taken to need no
more than ``FASTEST_MS``: that is an assumption, and stands in the uncertainty.

**Watch.** It is compared with the phone by what both saw (the manifest's ``truth``), and the
phone measures its own clock. Where that comparison is one of high confidence, both together are
the watch's clock, once for the whole session.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

from ctlr.layout.can_files import Run
from ctlr.postprocess.clocks.clock_track import ClockTrack
from ctlr.postprocess.manifest.alignment import TruthEntry
from ctlr.sessions.model import ClockSample

FASTEST_MS = 20.0
STAMP_MS = 1.0
"""Times of rows are whole milliseconds, cut off; arrivals likewise."""
BY_ARRIVAL, BY_MOTION = "arrival", "motion"
_MINUTE_MS = 60_000
_DECILE = 0.9


def can_clocks(
    runs: Iterable[Run], started_ms: int, stopped_ms: int
) -> dict[str, tuple[ClockSample, ...]]:
    """The clock of each bus, from when its rows arrived in the session: ``can``, or ``can/{bus}``
    of several."""
    minutes: dict[str, dict[int, list[Run]]] = {}
    for run in runs:
        if run.rows and started_ms <= run.arrived_ms <= stopped_ms:
            of_bus = minutes.setdefault(run.bus, {})
            of_bus.setdefault((run.arrived_ms - started_ms) // _MINUTE_MS, []).append(run)
    names = {bus: "can" if len(minutes) == 1 else f"can/{bus}" for bus in sorted(minutes)}
    return {
        name: tuple(_of_minute(minutes[bus][number]) for number in sorted(minutes[bus]))
        for bus, name in names.items()
    }


def _of_minute(runs: Sequence[Run]) -> ClockSample:
    ahead = sorted(run.high_ms - run.arrived_ms for run in runs)
    offset_ms = float(ahead[min(int(_DECILE * len(ahead)), len(ahead) - 1)])
    at_ms = runs[len(runs) // 2].arrived_ms
    return ClockSample(at_ms, offset_ms, FASTEST_MS + STAMP_MS, BY_ARRIVAL)


def watch_clock(
    truth: Iterable[TruthEntry],
    phone: Sequence[ClockSample],
    assumed: AbstractSet[str],
    middle_ms: int,
) -> tuple[ClockSample, ...]:
    """The watch's clock; empty where it is not known. ``assumed`` are the files whose times were
    counted from the session's start: they say nothing of a clock. ``middle_ms`` is the middle of
    the session."""
    known = (entry for entry in truth if assumed.isdisjoint(entry.files))
    found = next((entry for entry in known if _tells(entry)), None)
    if not phone or found is None or found.lag_ms is None or found.uncertainty_ms is None:
        return ()
    track = ClockTrack(phone)
    own_us = track.own_time_of(middle_ms * 1000)
    phone_ms = own_us / 1000 - middle_ms
    uncertainty_ms = found.uncertainty_ms + track.uncertainty_at(own_us) / 1000
    return (ClockSample(middle_ms, phone_ms - found.lag_ms, uncertainty_ms, BY_MOTION),)


def _tells(entry: TruthEntry) -> bool:
    pair = (entry.clock, entry.against)
    return pair == ("watch", "phone") and entry.confidence == "high" and not entry.corrected_ms
