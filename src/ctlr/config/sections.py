"""The sections of the settings, one per domain; each key's default is what a rig needs."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from ctlr.kernel.ids import is_node_name

_SECTION = ConfigDict(frozen=True, extra="forbid")
_DEVICE_PIN = re.compile(
    r"(?:UUID|PARTUUID)=[0-9A-Fa-f](?:[0-9A-Fa-f-]{2,34})[0-9A-Fa-f]"
    r"|LABEL=[^\x00-\x1f\x7f\"'/\\]{1,16}"
)
_FOLDER_TEMPLATE = re.compile(r"(?:[A-Za-z0-9._-]|\{(?:uuid|short|date|time|label)\})+")
_CONTROLLER_URL = re.compile(r"https?://(?:[^\s/:\[\]]+|\[[^\s/\]]+\])(?::\d{1,5})?(?:/\S*)?")

_HOST_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?")

Port = Annotated[int, Field(ge=1, le=65535)]


def _check_host_name(name: str) -> str:
    if not _HOST_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no host name, such as rig.example.org: no http://, no port")
    return name


HostName = Annotated[str, AfterValidator(_check_host_name)]
"""A name that this machine is called by, which it cannot know by itself."""


class NodeAddress(BaseModel):
    """A camera node: its name in paths and reports, and where its API listens."""

    model_config = _SECTION
    name: str
    address: str

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"name": value.rpartition(":")[0] or value, "address": value}
        return value

    @model_validator(mode="after")
    def _check(self) -> "NodeAddress":
        host, colon, port = self.address.rpartition(":")
        if not (host and colon and port.isdigit() and 0 < int(port) < 65536):
            raise ValueError(f"address {self.address!r} is not host:port")
        if not is_node_name(self.name):
            raise ValueError(
                f"{self.name!r} is not a node name: lower-case letters, digits and inner hyphens, "
                "at most 63, and not phone, watch, can or logs; give name = and address ="
            )
        return self


class ApiSettings(BaseModel):
    model_config = _SECTION
    host: str = "0.0.0.0"  # noqa: S104 - the phone reaches the controller over the rig's Wi-Fi
    port: Port = 8000
    names: tuple[HostName, ...] = ()
    max_upload_mb: Annotated[int, Field(ge=1)] = 1024


def _check_pin(pin: str) -> str:
    if pin and not _DEVICE_PIN.fullmatch(pin):
        raise ValueError(f"{pin!r} is not UUID=..., LABEL=... or PARTUUID=..., as in fstab")
    return pin


def _check_controller(url: str) -> str:
    if not _CONTROLLER_URL.fullmatch(url):
        raise ValueError(
            f"{url!r} is no address of a controller: that is http://HOST:PORT, with the http://"
        )
    return url


def _check_target(target: str) -> str:
    scheme, mark, rest = target.partition("://")
    is_module = mark and scheme == "rsync" and rest.strip("/").partition("/")[2]
    if not (is_module or (not mark and (target.startswith("/") or ":" in target))):
        raise ValueError(
            f"{target!r} is no place to deliver to: that is rsync://HOST/MODULE/, USER@HOST:/FOLDER/ "
            "or a /FOLDER/ of this machine"
        )
    return target


DevicePin = Annotated[str, AfterValidator(_check_pin)]
"""Names a file system by what stays when ``sda`` becomes ``sdb``; "" names none."""


class StorageSettings(BaseModel):
    model_config = _SECTION
    logging: Path = Path("/mnt/logging")
    sync: Path = Path("/mnt/sync")
    logging_device: DevicePin = ""
    sync_device: DevicePin = ""
    require_mounts: bool = True
    floor_mb: Annotated[int, Field(ge=0)] = 64
    privileged_socket: Path = Path("/run/ctlr/privileged.sock")
    check_interval_s: Annotated[float, Field(gt=0)] = 30
    session_folder: str = "{uuid}"

    @model_validator(mode="after")
    def _check(self) -> "StorageSettings":
        template = self.session_folder
        if not _FOLDER_TEMPLATE.fullmatch(template) or template.startswith("."):
            raise ValueError(
                f"session_folder {template!r} may hold letters, digits, '.', '_', '-', {{uuid}}, "
                "{short}, {date}, {time} and {label}, and may not start with a dot"
            )
        if not any(name in template for name in ("{uuid}", "{short}", "{label}")):
            raise ValueError(f"session_folder {template!r} needs {{uuid}}, {{short}} or {{label}}")
        return self


class RetentionSettings(BaseModel):
    """Whether raw data of verified sessions makes room for new data; see ``retention``."""

    model_config = _SECTION
    enabled: bool = False
    free_gb: Annotated[float, Field(gt=0)] = 50
    min_age_h: Annotated[float, Field(ge=0)] = 24
    bin_days: Annotated[float, Field(ge=0)] = 7


class DatabaseSettings(BaseModel):
    model_config = _SECTION
    path: Path = Path("/var/lib/ctlr/ctlr.db")


class MqttSettings(BaseModel):
    model_config = _SECTION
    host: str = "localhost"
    port: Port = 1883
    spool: Path = Path("/var/lib/ctlr/mqtt-spool.db")
    spool_max_records: Annotated[int, Field(ge=10)] = 100_000
    spool_max_mb: Annotated[int, Field(ge=1)] = 64
    username: str | None = None
    password: SecretStr | None = None
    tls: bool = False
    ca_file: Path | None = None  # of a broker with a certificate of one's own

    @model_validator(mode="after")
    def _check(self) -> "MqttSettings":
        if self.password and not self.username:
            raise ValueError("a password needs a username")
        if self.ca_file and not self.tls:
            raise ValueError("ca_file is of use with tls = true only")
        return self


class LogSettings(BaseModel):
    """What ``ctlr subscribe-logs`` keeps on the drive, and where it passes it on to."""

    model_config = _SECTION
    max_records: Annotated[int, Field(ge=1000)] = 1_000_000
    max_mb: Annotated[int, Field(ge=8)] = 1024
    loki_url: Annotated[str, Field(pattern=r"^https?://[^/]")] | None = None
    loki_username: str | None = None
    loki_password: SecretStr | None = None
    loki_tenant: str | None = None


class IngestSettings(BaseModel):
    """When a session counts as delivered."""

    model_config = _SECTION
    quiet_s: Annotated[float, Field(gt=0)] = 10
    give_up_s: Annotated[float, Field(gt=0)] = 120


class DiscoverySettings(BaseModel):
    """Whether the controller looks for cameras that announce themselves."""

    model_config = _SECTION
    enabled: bool = True


class SyncSettings(BaseModel):
    """How far apart the cameras' nearest frames may be; None: half a frame of the slowest."""

    model_config = _SECTION
    tolerance_ms: Annotated[float, Field(gt=0)] | None = None


SPOOLS = Path("/var/lib/ctlr/spool")
"""Holds the spool of each camera node of a machine, by its name."""


class CameraSettings(BaseModel):
    model_config = _SECTION
    source: Literal["test", "v4l2", "rtsp", "picamera2"] = "test"
    device: str = ""
    frame_lock: Literal["off", "server", "client"] = "off"
    host: str = "0.0.0.0"  # noqa: S104 - the controller reaches the node over the rig's network
    port: Port = 8080
    names: tuple[HostName, ...] = ()
    controller: Annotated[str, AfterValidator(_check_controller)] = "http://ctlr:8000"
    target: Annotated[str, AfterValidator(_check_target)] = "rsync://ctlr/logging/"
    ssh_config: Path | None = None  # for a target over SSH: the key, the port, the known host
    spool: Path = SPOOLS  # unless it is set, the folder of the node's name below this
    reserve_mb: Annotated[int, Field(ge=1)] = 200
    segment_s: Annotated[float, Field(gt=0, le=600)] = 10
    width: Annotated[int, Field(ge=64, le=8192, multiple_of=2)] = 1280
    height: Annotated[int, Field(ge=64, le=8192, multiple_of=2)] = 720
    fps: Annotated[float, Field(gt=0, le=240)] = 30
    bitrate_kbps: Annotated[int, Field(ge=50)] = 6000
    rotation: Annotated[int, Field(ge=0, le=270, multiple_of=90)] = 0
    exposure_us: Annotated[int, Field(ge=0, le=10_000_000)] = 0  # 0: the camera decides
    gain: Annotated[float, Field(ge=0, le=256)] = 0
    announce: bool = True
