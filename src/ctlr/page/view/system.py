"""Logs, versions, configuration: the rig itself. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ctlr.api import node_shapes, shapes

HIDDEN = "set, not shown"
_SECRET = ("password", "token", "secret", "key")


@dataclass(frozen=True)
class LogRow:
    """``level`` is as in a card; ``word`` as it was sent."""

    at_ms: int
    node: str
    word: str
    level: str
    component: str
    text: str
    more: str


@dataclass(frozen=True)
class Version:
    """A machine of the rig and what runs on it; "" where it does not say."""

    name: str
    version: str
    note: str
    level: str


def log_rows(lines: Iterable[shapes.LogLine]) -> list[LogRow]:
    """The newest first."""
    levels = {"ERROR": "bad", "WARN": "warn"}
    rows = [
        LogRow(
            at_ms=line.received_at,
            node=line.node,
            word=line.level,
            level=levels.get(line.level, ""),
            component=line.component,
            text=line.message,
            more=", ".join(f"{name}={value}" for name, value in line.fields.items()),
        )
        for line in lines
    ]
    return rows[::-1]


def versions(
    own: str, nodes: node_shapes.NodeList, told: Mapping[str, str | None]
) -> list[Version]:
    """Of the controller and each camera; ``told`` is what cameras announce, by name. Another one
    than the controller's is said: a rig is installed as one."""
    found = [Version("controller", own, "", "ok")]
    for node in nodes.configured:
        version = told.get(node.name)
        if version is None:
            found.append(Version(node.name, "", "it does not announce its version", ""))
        elif version != own:
            note = f"the controller has {own}: install the same on both"
            found.append(Version(node.name, version, note, "warn"))
        else:
            found.append(Version(node.name, version, "", "ok"))
    return found


def configuration(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every setting as it was read, one line each, in the file's own names; secrets are left out."""
    for name, value in values.items():
        whole = f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from configuration(value, f"{whole}.")
        elif any(part in name for part in _SECRET) and value:
            yield whole, HIDDEN
        else:
            yield whole, "not set" if value is None else str(value)
