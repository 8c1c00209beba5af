"""``[can]``: the buses, what is written of them, and how sessions make sense of it."""

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, IPvAnyNetwork, model_validator

_SECTION = ConfigDict(frozen=True, extra="forbid")

TCP = "tcp"
OWN_NETWORKS = tuple(
    ip_network(text)
    for text in (
        *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"),
        *("::1/128", "fe80::/10", "fc00::/7"),
    )
)
"""The ranges that private networks have."""


class CanBus(BaseModel):
    """One bus. ``interface`` is ``tcp`` for a bridge that connects to ``host`` and ``port`` and
    sends lines, from an address or network of ``allow``, else one of python-can's, which gets
    ``channel``, ``bitrate`` and ``options``."""

    model_config = _SECTION
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
    interface: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,32}$")] = "socketcan"
    channel: str = ""
    bitrate: Annotated[int, Field(ge=1000)] | None = None
    listen_only: bool = True
    fd: bool = False
    options: dict[str, bool | int | float | str] = {}
    host: str = "0.0.0.0"  # noqa: S104 - the bridge reaches the controller over the rig's network
    port: Annotated[int, Field(ge=1, le=65535)] = 9101
    allow: Annotated[tuple[IPvAnyNetwork, ...], Field(min_length=1)] = OWN_NETWORKS

    @model_validator(mode="after")
    def _check(self) -> "CanBus":
        if self.interface in {"socketcan", "slcan"} and not self.channel:
            raise ValueError(f"bus {self.name} needs channel, such as can0 or /dev/ttyACM0")
        return self


class CanSettings(BaseModel):
    model_config = _SECTION
    status_file: Path = Path("/tmp/can_status.json")  # noqa: S108 - the installed listener writes there
    buses: tuple[CanBus, ...] = (CanBus(name="bridge", interface=TCP),)
    rotate_mb: Annotated[int, Field(ge=1)] = 4000
    memory_mb: Annotated[int, Field(ge=1)] = 64
    blf: bool = False
    dbc: tuple[Path, ...] = ()
    speed_signal: str | None = None

    @model_validator(mode="after")
    def _check(self) -> "CanSettings":
        names = [bus.name for bus in self.buses]
        ports = [bus.port for bus in self.buses if bus.interface == TCP]
        if len(set(names)) < len(names) or len(set(ports)) < len(ports):
            raise ValueError("buses: names and ports must differ from each other")
        return self
