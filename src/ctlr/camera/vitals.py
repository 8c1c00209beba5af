"""How the machine under the camera is: load, memory, card, temperature, clock.

The clock is what chrony says about itself, asked in the background; a node without chrony
says ``none`` and leaves the judgement to the controller, which measures every node's clock.
``chronyc -c tracking`` prints one line of comma-separated values; field 5 is how far the
system clock is *behind* true time in seconds, fields 11 and 12 are root delay and root
dispersion (chronyc(1), "tracking"). True time lies within half the delay plus the dispersion.
"""

import asyncio
from pathlib import Path
from typing import Any

import psutil

from ctlr.kernel.process import ProcessTimeoutError, run
from ctlr.nodes.messages import NodeSystem

CLOCK_EVERY_S = 15.0
CHRONYC_DEADLINE_S = 2.0
NO_CLOCK: dict[str, Any] = {"source": "none"}

_GIB = 1 << 30
_UNSYNCHRONISED = "Not synchronised"


def parse_chrony_tracking(line: str) -> dict[str, Any]:
    """``{"source", "offset_ms", "uncertainty_ms"}``; the offset is positive for a fast clock."""
    fields = line.strip().split(",")
    try:
        behind_s, delay_s, dispersion_s = (float(fields[index]) for index in (4, 10, 11))
    except (IndexError, ValueError):
        return NO_CLOCK
    if fields[-1] == _UNSYNCHRONISED:
        return {"source": "chrony", "synchronised": False}
    return {
        "source": "chrony",
        "synchronised": True,
        "offset_ms": round(-behind_s * 1000, 6),
        "uncertainty_ms": round((delay_s / 2 + dispersion_s) * 1000, 6),
    }


class NodeClock:
    """The latest word on the clock; ``run`` keeps it fresh."""

    def __init__(self) -> None:
        self._latest = NO_CLOCK

    def latest(self) -> dict[str, Any]:
        return self._latest

    async def run(self) -> None:
        while True:
            self._latest = await _ask_chrony()
            await asyncio.sleep(CLOCK_EVERY_S)


async def _ask_chrony() -> dict[str, Any]:
    try:
        answer = await run(["chronyc", "-c", "tracking"], CHRONYC_DEADLINE_S)
    except (OSError, ProcessTimeoutError):
        return NO_CLOCK
    return parse_chrony_tracking(answer.stdout.decode("ascii", "replace"))


def free_gib(path: Path) -> float | None:
    """Free space of the file system under ``path``; None when it cannot be asked."""
    try:
        return psutil.disk_usage(str(path)).free / _GIB
    except OSError:
        return None


def measure_system(spool: Path) -> NodeSystem:
    """Load since the last call, memory, free space of the card, temperature."""
    free = free_gib(spool)
    return NodeSystem(
        cpu=psutil.cpu_percent(),
        ram=psutil.virtual_memory().percent,
        disk_free_gb=None if free is None else round(free, 2),
        temp=_temperature(),
    )


def _temperature() -> float | None:
    for readings in psutil.sensors_temperatures().values():
        if readings:
            return round(readings[0].current, 1)
    return None
