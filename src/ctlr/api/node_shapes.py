"""Bodies about the cameras of the rig: those that it has, those that could be adopted."""

from typing import Literal

from pydantic import BaseModel

from ctlr.api.formats import CameraStateName, SessionId


class Node(BaseModel):
    """A camera of the rig; ``config`` decides about those that it names."""

    name: str
    address: str
    origin: Literal["config", "adopted"]
    connected: bool
    error: str | None


class DiscoveredNode(BaseModel):
    """A camera that announces itself and is not in the rig. ``conflict``: why it cannot simply be
    adopted."""

    name: str
    address: str
    addresses: list[str]
    version: str | None
    api: str | None
    last_seen_at: int
    conflict: str | None


class NodeList(BaseModel):
    """``discovery_error``: why no camera can be discovered at present."""

    configured: list[Node]
    discovered: list[DiscoveredNode]
    discovery_error: str | None


class AdoptRequest(BaseModel):
    name: str | None = None
    address: str | None = None


class NodeSeen(BaseModel):
    """What a camera said when it was asked."""

    state: CameraStateName
    uuid: SessionId | None
    segments_pending: int
    disk_free_gb: float | None
    error: str | None


class AdoptAnswer(BaseModel):
    node: Node
    saw: NodeSeen
