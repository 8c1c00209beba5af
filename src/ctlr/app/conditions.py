"""Under which conditions a session would be recorded now: what the cameras, the drives and the
clocks let one expect."""

from collections.abc import Mapping

from ctlr.kernel.clock import Clock
from ctlr.nodes.fleet import Fleet
from ctlr.recording.clocklog import ClockLog
from ctlr.recording.outcome import StartWarning
from ctlr.recording.preflight import (
    SHOWN_BY_THE_START,
    Finding,
    Space,
    check_rig,
    fleet_kbps,
)
from ctlr.storage.monitor import StorageMonitor


class Conditions:
    """``usual_kbps`` is what a camera makes that does not say so. All from memory, but for
    ``preflight``."""

    def __init__(
        self,
        fleet: Fleet,
        monitor: StorageMonitor,
        clock_log: ClockLog,
        clock: Clock,
        usual_kbps: int,
    ) -> None:
        self._fleet = fleet
        self._monitor = monitor
        self._clock_log = clock_log
        self._clock = clock
        self._usual_kbps = usual_kbps

    def minutes_left(self, name: str) -> float | None:
        """How long a volume still takes what the cameras make."""
        kbps = fleet_kbps(self._fleet.views(), self._usual_kbps)
        return self._monitor.minutes_left(name, kbps * 1000 / 8)

    async def preflight(self, phone_ms: int | None) -> list[Finding]:
        """Everything that would spoil a session now. Asks the cameras, so it may take 1.5 s.

        ``phone_ms`` is what the phone takes for now; None: what it said of its clock before holds.
        """
        ahead_ms = self._clock_log.phone_ahead_ms()
        if phone_ms is not None:
            ahead_ms = phone_ms - self._clock.now_ms()
        return self._find_problems(ahead_ms, await self._fleet.ask_ready())

    def find_start_warnings(self) -> list[StartWarning]:
        """The problems that a start does not find out by itself from the cameras' answers."""
        return [
            StartWarning(found.code, found.message)
            for found in self.known_findings()
            if not found.ok and found.code not in SHOWN_BY_THE_START
        ]

    def known_findings(self) -> list[Finding]:
        """The preflight from memory: what the cameras say only when asked is not in it."""
        return self._find_problems(self._clock_log.phone_ahead_ms())

    def _find_problems(
        self, phone_ahead_ms: int | None, refusals: Mapping[str, str] | None = None
    ) -> list[Finding]:
        spaces = {
            name: Space(state.healthy, state.error, self.minutes_left(name), state.full)
            for name, state in self._monitor.states.items()
        }
        now_ms = self._clock.now_ms()
        return check_rig(self._fleet.views(), spaces, phone_ahead_ms, refusals, now_ms=now_ms)
