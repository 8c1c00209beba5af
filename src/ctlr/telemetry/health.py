"""How the machine itself is: processor, memory, temperature, SD card."""

from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

_THERMAL_ZONE = Path("/sys/class/thermal/thermal_zone0/temp")


@dataclass(frozen=True)
class Health:
    """``cpu``, ``mem`` and ``disk`` (of the root file system) in percent, ``temp`` in degrees
    Celsius, None where the machine has no sensor."""

    cpu: float
    mem: float
    temp: float | None
    disk: float

    def fields(self) -> dict[str, float | None]:
        return asdict(self)


class HealthSensor:
    """Reads on demand; ``cpu`` is the load since the previous reading."""

    def __init__(self, thermal_zone: Path = _THERMAL_ZONE) -> None:
        self._thermal_zone = thermal_zone
        psutil.cpu_percent(None)

    def read(self) -> Health:
        return Health(
            cpu=psutil.cpu_percent(None),
            mem=psutil.virtual_memory().percent,
            temp=self._temperature(),
            disk=psutil.disk_usage("/").percent,
        )

    def _temperature(self) -> float | None:
        try:
            return round(int(self._thermal_zone.read_text("ascii")) / 1000, 1)
        except (OSError, ValueError):
            return None
