"""Where a rig keeps things and what it tells its processes. Pure: names, paths and settings.

::

    {folder}/logging  sync        what the two disks would hold
    {folder}/spool/{camera}       what that camera's card would hold
    {folder}/logs/{name}.log      what each process prints
    {folder}/run                  configuration, session database, MQTT spools
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"

Section = Mapping[str, Any]


@dataclass(frozen=True)
class Places:
    """Folders, addresses and ports of one rig; ``camera_ports`` is in the order of the cameras'
    names. ``host`` is the controller's address, and that of a camera without one of its own."""

    folder: Path
    api_port: int
    broker_port: int
    rsync_port: int
    camera_ports: Mapping[str, int]
    host: str = HOST
    camera_hosts: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.api_port}"

    @property
    def logging(self) -> Path:
        return self.folder / "logging"

    @property
    def sync(self) -> Path:
        return self.folder / "sync"

    @property
    def run(self) -> Path:
        return self.folder / "run"

    def camera_host(self, camera: str) -> str:
        return self.camera_hosts.get(camera, self.host)

    def camera_address(self, camera: str) -> str:
        return f"{self.camera_host(camera)}:{self.camera_ports[camera]}"

    def camera_url(self, camera: str) -> str:
        return f"http://{self.camera_address(camera)}"

    def spool(self, camera: str) -> Path:
        return self.folder / "spool" / camera

    def log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"

    def config(self, name: str) -> Path:
        """The ``ctlr.toml`` of ``controller`` or of a camera."""
        return self.run / f"{name}.toml"

    def folders(self) -> list[Path]:
        """Everything that must be there before the first process starts."""
        spools = [self.spool(camera) for camera in self.camera_ports]
        return [self.logging, self.sync, self.run, self.folder / "logs", *spools]


def controller_settings(places: Places) -> Section:
    cameras = places.camera_ports
    return {
        "node": "demo-ctlr",
        "nodes": [{"name": name, "address": places.camera_address(name)} for name in cameras],
        "api": {"host": places.host, "port": places.api_port},
        "storage": {
            "logging": str(places.logging),
            "sync": str(places.sync),
            "require_mounts": False,
        },
        "database": {"path": str(places.run / "ctlr.db")},
        "mqtt": _mqtt(places, "controller"),
        "can": {"status_file": str(places.run / "can_status.json")},
        "discovery": {"enabled": False},
    }


def camera_settings(places: Places, camera: str) -> Section:
    return {
        "node": camera,
        "mqtt": _mqtt(places, camera),
        "camera": {
            "source": "test",
            "host": places.camera_host(camera),
            "port": places.camera_ports[camera],
            "controller": places.url,
            "target": f"rsync://{places.host}:{places.rsync_port}/logging/",
            "spool": str(places.spool(camera)),
            "announce": False,
        },
    }


def _mqtt(places: Places, name: str) -> Section:
    spool = str(places.run / f"{name}-mqtt.db")
    return {"host": places.host, "port": places.broker_port, "spool": spool}


def laid_over(settings: Section, changes: Section) -> Section:
    """``settings`` with the keys of ``changes`` in their place, section by section."""
    merged = dict(settings)
    for key, value in changes.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[key] = laid_over(below, value)
        else:
            merged[key] = value
    return merged


def to_toml(settings: Section) -> str:
    """A ``ctlr.toml``: plain values first, then one section for each nested mapping."""
    plain = {key: value for key, value in settings.items() if not isinstance(value, Mapping)}
    lines = [f"{key} = {_toml_value(value)}" for key, value in plain.items()]
    for name, section in settings.items():
        if isinstance(section, Mapping):
            lines += ["", f"[{name}]"]
            lines += [f"{key} = {_toml_value(value)}" for key, value in section.items()]
    return "\n".join(lines) + "\n"


def _toml_value(value: Any) -> str:
    if isinstance(value, Mapping):
        return (
            "{ " + ", ".join(f"{key} = {_toml_value(item)}" for key, item in value.items()) + " }"
        )
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml_value(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)  # strings, numbers, booleans: written alike
