"""The settings: one frozen object, one section per domain; nothing else reads the environment.

Looked for at ``--config``, ``$CTLR_CONFIG``, ``/etc/ctlr/ctlr.toml``, then ``./ctlr.toml``;
without any of them the defaults hold. Any key can be set by environment as
``CTLR_SECTION__KEY``, which wins over the file. An unknown key or a bad value raises
``ConfigError`` with one line that names the key.
"""

import os
import socket
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError

from ctlr.config.can import CanBus, CanSettings
from ctlr.config.sections import (
    SPOOLS,
    ApiSettings,
    CameraSettings,
    DatabaseSettings,
    DiscoverySettings,
    IngestSettings,
    LogSettings,
    MqttSettings,
    NodeAddress,
    RetentionSettings,
    StorageSettings,
    SyncSettings,
)
from ctlr.kernel.errors import ConfigError
from ctlr.kernel.ids import is_node_name

__all__ = [
    "SPOOLS",
    "ApiSettings",
    "CameraSettings",
    "CanBus",
    "CanSettings",
    "ConfigDeniedError",
    "DatabaseSettings",
    "DiscoverySettings",
    "IngestSettings",
    "LogSettings",
    "MqttSettings",
    "NodeAddress",
    "RetentionSettings",
    "Settings",
    "StorageSettings",
    "SyncSettings",
    "find_file",
    "load_settings",
]

ENV_PREFIX = "CTLR_"
NOT_SETTINGS = frozenset({"CTLR_CONFIG", "CTLR_URL"})
"""What the command line reads of the environment: where the file is, where the controller is."""
DEFAULT_PATHS = (Path("/etc/ctlr/ctlr.toml"), Path("ctlr.toml"))


class ConfigDeniedError(ConfigError):
    """There is a configuration, and this user may not read it."""


def _default_node_name() -> str:
    host = socket.gethostname().split(".")[0].lower()
    return host if is_node_name(host) else "ctlr"


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
    retention: RetentionSettings = RetentionSettings()
    database: DatabaseSettings = DatabaseSettings()
    mqtt: MqttSettings = MqttSettings()
    logs: LogSettings = LogSettings()
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
        if "spool" not in self.camera.model_fields_set:
            camera = self.camera.model_copy(update={"spool": SPOOLS / self.node})
            object.__setattr__(self, "camera", camera)  # frozen for everybody else
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
    file = find_file(path)
    values = _read_toml(file) if file else {}
    _refuse_unknown_environment(os.environ)
    where = f" in {file}" if file else ""
    try:
        return Settings(**values)
    except ValidationError as error:
        raise ConfigError(f"Configuration{where}: {_first_problem(error)}") from error
    except SettingsError as error:
        raise ConfigError(f"Configuration in the environment: {error}.") from error


def find_file(path: Path | None, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The file that the settings are read from; None: the defaults hold."""
    named = path or (Path(environ["CTLR_CONFIG"]) if environ.get("CTLR_CONFIG") else None)
    if named is not None:
        return named
    return next((candidate for candidate in DEFAULT_PATHS if candidate.is_file()), None)


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        # Editors of other systems put a byte order mark before the text.
        return tomllib.loads(file.read_text("utf-8-sig"))
    except PermissionError as error:
        raise ConfigDeniedError(
            f"The configuration file {file} cannot be read: {error.strerror}. An installed one is for "
            "root and the group ctlr: use sudo."
        ) from error
    except OSError as error:
        raise ConfigError(
            f"The configuration file {file} cannot be read: {error.strerror}."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"The configuration file {file} is not TOML: {error}.") from error


def _refuse_unknown_environment(environ: Mapping[str, str]) -> None:
    for name in environ:
        if not name.startswith(ENV_PREFIX) or name in NOT_SETTINGS:
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
