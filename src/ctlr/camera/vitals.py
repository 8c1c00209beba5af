"""How the machine under the camera is: load, memory, temperature, power, clock.

The clock is what chrony says about itself, asked in the background; a node without chrony
says ``none`` and leaves the judgement to the controller, which measures every node's clock.
``chronyc -c tracking`` prints one line of comma-separated values; field 5 is how far the
system clock is *behind* true time in seconds, fields 11 and 12 are root delay and root
dispersion (chronyc(1), "tracking"). True time lies within half the delay plus the dispersion.

Power is what a Raspberry Pi's firmware says: ``vcgencmd get_throttled`` prints a bit field, the
low bits for now and the same ones 16 higher for "since boot" (documented with vcgencmd).
"""

import asyncio
from pathlib import Path
from typing import Any

import psutil

from ctlr.camera.card import free_bytes
from ctlr.kernel.process import ProcessTimeoutError, run
from ctlr.nodes.messages import NodeSystem

POLL_INTERVAL_S = 15.0
PROGRAM_DEADLINE_S = 2.0
NO_CLOCK: dict[str, Any] = {"source": "none"}

_GIB = 1 << 30
_THROTTLED = {0: "under-voltage", 1: "slowed down", 2: "throttled", 3: "temperature limit"}
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


def parse_throttled(line: str) -> str | None:
    """What is or was wrong, in words, of a line such as ``throttled=0x50005``; else None."""
    try:
        bits = int(line.strip().removeprefix("throttled="), 16)
    except ValueError:
        return None
    now = [word for bit, word in _THROTTLED.items() if bits >> bit & 1]
    before = [word for bit, word in _THROTTLED.items() if bits >> bit + 16 & 1 and word not in now]
    return ", ".join(now + [f"{word} since boot" for word in before]) or None


class Vitals:
    """The latest word on clock and power; ``run`` keeps it fresh."""

    def __init__(self) -> None:
        self._clock = NO_CLOCK
        self._throttled: str | None = None

    def clock(self) -> dict[str, Any]:
        return self._clock

    def throttled(self) -> str | None:
        """What is wrong with power or cooling, or None; see ``parse_throttled``."""
        return self._throttled

    async def run(self) -> None:
        while True:
            tracking = await _ask("chronyc", "-c", "tracking")
            self._clock = NO_CLOCK if tracking is None else parse_chrony_tracking(tracking)
            throttled = await _ask("vcgencmd", "get_throttled")
            self._throttled = None if throttled is None else parse_throttled(throttled)
            await asyncio.sleep(POLL_INTERVAL_S)


async def _ask(*command: str) -> str | None:
    """What a program says; None where there is no such program or it does not answer."""
    try:
        answer = await run(command, PROGRAM_DEADLINE_S)
    except (OSError, ProcessTimeoutError):
        return None
    return answer.stdout.decode("ascii", "replace")


def measure_system(spool: Path) -> NodeSystem:
    """Load since the last call, memory, free space of the card, temperature."""
    free = free_bytes(spool)
    return NodeSystem(
        cpu=psutil.cpu_percent(),
        ram=psutil.virtual_memory().percent,
        disk_free_gb=None if free is None else round(free / _GIB, 2),
        temp=temperature(),
    )


def temperature() -> float | None:
    """Degrees Celsius of the first sensor; None where there is none."""
    for readings in psutil.sensors_temperatures().values():
        if readings:
            return round(readings[0].current, 1)
    return None
