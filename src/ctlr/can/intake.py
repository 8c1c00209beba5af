"""What comes in on one bus on its way to the recorder, counted.

Each bus has one ``Intake``; whoever reads the bus (a thread of its own, or the bridge) is the
only one that changes it, the status only looks.
"""

from collections import Counter
from collections.abc import Callable

import structlog

from ctlr.can.frame import ADAPTER, Batch, Taken, make_batch
from ctlr.kernel.clock import Clock

_EXAMPLE_BYTES = 80

_log = structlog.get_logger("can")


class Intake:
    """``put`` takes a batch to the recorder; it never waits. Counts are since the start."""

    def __init__(self, name: str, put: Callable[[Batch], None], clock: Clock) -> None:
        self.name = name
        self._put = put
        self._clock = clock
        self.connected = False
        self.problem: str | None = "not connected yet"
        self.frames = 0
        self.refused: Counter[str] = Counter()
        """What came in and was no frame, by reason."""
        self.lost = 0
        self.off_times = 0
        self.last_frame_at: int | None = None
        self.clock_off_ms: int | None = None
        """The newest frame's own time minus its arrival."""

    def take(self, taken: Taken) -> None:
        """Count what was read, and pass its rows on with their arrival."""
        for reason, count in taken.refused.items():
            self._refuse(reason, count, taken.examples.get(reason, b""))
        if taken.lost:
            self.lost += taken.lost
            _log.error(
                "frames were lost before they could be read", bus=self.name, frames=taken.lost
            )
        if not taken.times_ms:
            return
        batch = make_batch(self.name, self._clock.now_ms(), taken.data, taken.times_ms)
        self._put(batch)
        self.frames += batch.rows
        self.off_times += batch.off_times
        self.last_frame_at = batch.arrived_ms
        self.clock_off_ms = taken.times_ms[-1] - batch.arrived_ms

    def now_ms(self) -> int:
        """When what is read now arrived."""
        return self._clock.now_ms()

    @property
    def errors(self) -> int:
        return sum(dict(self.refused).values())  # a copy: the reader's thread may add a reason

    def _refuse(self, reason: str, count: int, example: bytes) -> None:
        """Said when it begins, and again each time that ten times as many have come in."""
        before, self.refused[reason] = self.refused[reason], self.refused[reason] + count
        if len(str(before)) < len(str(self.refused[reason])) or not before:
            _log.warning(
                "what came in on a bus was no frame and is not recorded",
                bus=self.name,
                reason=reason,
                count=self.refused[reason],
                example=example[:_EXAMPLE_BYTES].decode("ascii", "backslashreplace"),
            )

    def connect(self) -> None:
        if not self.connected:
            _log.info("bus connected", bus=self.name)
        self.connected, self.problem = True, None

    def fail(self, problem: str) -> None:
        """The bus cannot be read; said once for as long as the reason is the same."""
        self.refused[ADAPTER] += 1
        if problem != self.problem:
            _log.error("bus not connected; it is tried again", bus=self.name, reason=problem)
        self.connected, self.problem = False, problem

    def disconnect(self, reason: str) -> None:
        """Nobody is connected, which is no error by itself."""
        if self.connected:
            _log.warning("bus not connected", bus=self.name, reason=reason)
        self.connected, self.problem = False, reason
