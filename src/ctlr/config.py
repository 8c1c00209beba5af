"""The settings: one frozen object, one section per domain; nothing else reads the environment.

Looked for at ``--config``, ``$CTLR_CONFIG``, ``/etc/ctlr/ctlr.toml``, then ``./ctlr.toml``;
without any of them the defaults hold. Any key can be set by environment as
``CTLR_SECTION__KEY``, which wins over the file. An unknown key or a bad value raises
``ConfigError`` with one line that names the key.
"""

import os
import re
import socket
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError

from ctlr.kernel.errors import ConfigError
from ctlr.kernel.ids import is_node_name

ENV_PREFIX = "CTLR_"
DEFAULT_PATHS = (Path("/etc/ctlr/ctlr.toml"), Path("ctlr.toml"))

_SECTION = ConfigDict(frozen=True, extra="forbid")
_FOLDER_TEMPLATE = re.compile(r"(?:[A-Za-z0-9._-]|\{(?:uuid|short|date)\})+")

Port = Annotated[int, Field(ge=1, le=65535)]


def _default_node_name() -> str:
    host = socket.gethostname().split(".")[0].lower()
    return host if is_node_name(host) else "ctlr"


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
    max_upload_mb: Annotated[int, Field(ge=1)] = 1024


class StorageSettings(BaseModel):
    model_config = _SECTION
    logging: Path = Path("/mnt/logging")
    sync: Path = Path("/mnt/sync")
    require_mounts: bool = True
    check_interval_s: Annotated[float, Field(gt=0)] = 30
    session_folder: str = "{uuid}"

    @model_validator(mode="after")
    def _check(self) -> "StorageSettings":
        template = self.session_folder
        if not _FOLDER_TEMPLATE.fullmatch(template) or template.startswith("."):
            raise ValueError(
                f"session_folder {template!r} may hold letters, digits, '.', '_', '-', {{uuid}}, "
                "{short} and {date}, and may not start with a dot"
            )
        if "{uuid}" not in template and "{short}" not in template:
            raise ValueError(f"session_folder {template!r} needs {{uuid}} or {{short}}")
        return self


class DatabaseSettings(BaseModel):
    model_config = _SECTION
    path: Path = Path("/var/lib/ctlr/ctlr.db")


class MqttSettings(BaseModel):
    model_config = _SECTION
    host: str = "localhost"
    port: Port = 1883
    spool: Path = Path("/var/lib/ctlr/mqtt-spool.db")
    spool_max_records: Annotated[int, Field(ge=10)] = 100_000
    username: str | None = None
    password: str | None = None
    tls: bool = False
    ca_file: Path | None = None  # of a broker with a certificate of one's own


class CanSettings(BaseModel):
    model_config = _SECTION
    status_file: Path = Path("/tmp/can_status.json")  # noqa: S108 - the installed listener writes there


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


class CameraSettings(BaseModel):
    model_config = _SECTION
    source: Literal["test", "v4l2", "rtsp", "picamera2"] = "test"
    device: str = ""
    frame_lock: Literal["off", "server", "client"] = "off"
    host: str = "0.0.0.0"  # noqa: S104 - the controller reaches the node over the rig's network
    port: Port = 8080
    controller: str = "http://ctlr:8000"
    target: str = "rsync://ctlr/logging/"
    ssh_config: Path | None = None  # for a target over SSH: the key, the port, the known host
    spool: Path = Path("/var/lib/ctlr/spool")
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


class Settings(BaseSettings):
    """Everything that can be configured, for every role."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=ENV_PREFIX, env_nested_delimiter="__"
    )
    node: str = Field(default_factory=_default_node_name)
    nodes: tuple[NodeAddress, ...] = ()
    start_delay_ms: Annotated[int, Field(ge=0, le=60_000)] = 3000
    min_cameras: Annotated[int, Field(ge=0)] = 1
    max_session_h: Annotated[float, Field(gt=0)] = 12
    api: ApiSettings = ApiSettings()
    storage: StorageSettings = StorageSettings()
    database: DatabaseSettings = DatabaseSettings()
    mqtt: MqttSettings = MqttSettings()
    can: CanSettings = CanSettings()
    ingest: IngestSettings = IngestSettings()
    discovery: DiscoverySettings = DiscoverySettings()
    sync: SyncSettings = SyncSettings()
    camera: CameraSettings = CameraSettings()

    @model_validator(mode="after")
    def _check(self) -> "Settings":
        if not is_node_name(self.node):
            raise ValueError(f"node {self.node!r} is not a node name")
        names = [node.name for node in self.nodes]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"nodes has {', '.join(twice)} more than once; names must differ")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings  # the file comes in as init; the environment wins


def load_settings(path: Path | None = None) -> Settings:
    """Read the settings. Raises ``ConfigError`` with one line naming the file or the key."""
    file = _find_file(path, os.environ)
    values = _read_toml(file) if file else {}
    _refuse_unknown_environment(os.environ)
    where = f" in {file}" if file else ""
    try:
        return Settings(**values)
    except ValidationError as error:
        raise ConfigError(f"Configuration{where}: {_first_problem(error)}") from error
    except SettingsError as error:
        raise ConfigError(f"Configuration in the environment: {error}.") from error


def _find_file(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    named = path or (Path(environ["CTLR_CONFIG"]) if environ.get("CTLR_CONFIG") else None)
    if named is not None:
        return named
    return next((candidate for candidate in DEFAULT_PATHS if candidate.is_file()), None)


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        with open(file, "rb") as stream:
            return tomllib.load(stream)
    except OSError as error:
        raise ConfigError(
            f"The configuration file {file} cannot be read: {error.strerror}."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"The configuration file {file} is not TOML: {error}.") from error


def _refuse_unknown_environment(environ: Mapping[str, str]) -> None:
    for name in environ:
        if not name.startswith(ENV_PREFIX) or name == "CTLR_CONFIG":
            continue
        key = name.removeprefix(ENV_PREFIX).lower().split("__")[0]
        if key not in Settings.model_fields:
            raise ConfigError(f"Configuration in the environment: {name} is not a known key.")


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"]) or "settings"
    if problem["type"] == "extra_forbidden":
        return f"{key} is not a known key."
    reason = problem["msg"].removeprefix("Value error, ")
    return f"{key}: {reason}."
