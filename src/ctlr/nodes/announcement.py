"""What a camera says of itself on the local network, and what of it is believed. Pure.

A camera node registers ``{node}._ctlr-cam._tcp.local.`` by DNS-SD (RFC 6763), with its port and
the TXT keys ``name``, ``version`` and ``api``. Anybody on the network can announce anything, so
only a legal node name at addresses of the own network is taken, and nothing follows from it
but a line in a list: a person adopts a camera, or the configuration names it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address

from ctlr.kernel.ids import is_node_name
from ctlr.nodes.addresses import is_local

SERVICE_TYPE = "_ctlr-cam._tcp.local."
API_VERSION = "1"
"""Of the camera-node API; a camera that changes it for the worse says another one."""

_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+-]{0,31}")


@dataclass(frozen=True)
class Announced:
    """A camera that announces itself. ``addresses`` are host:port, the most useful first; there
    is at least one. ``version`` and ``api`` are None where they are missing or not legible."""

    name: str
    addresses: tuple[str, ...]
    version: str | None
    api: str | None
    seen_at_ms: int


@dataclass(frozen=True)
class KnownNode:
    """A node that the rig has. ``connected``: it answers at ``address`` now."""

    name: str
    address: str
    connected: bool


def service_name(node: str) -> str:
    return f"{node}.{SERVICE_TYPE}"


def text_record(node: str, version: str) -> dict[str, str]:
    """The TXT keys of a camera."""
    return {"name": node, "version": version, "api": API_VERSION}


def believe(
    service: str,
    hosts: Sequence[str],
    port: int,
    text: Mapping[str, str | None],
    seen_at_ms: int,
) -> Announced | None:
    """An announcement as far as it can be trusted; None when no camera of ours would say it."""
    name = service.removesuffix(f".{SERVICE_TYPE}")
    local = [host for host in hosts if is_local(host)]
    if (
        not is_node_name(name)
        or text.get("name", name) != name
        or not local
        or not 0 < port < 65536
    ):
        return None
    local.sort(key=_usefulness)
    return Announced(
        name=name,
        addresses=tuple(f"{host}:{port}" for host in local),
        version=_legible(text.get("version")),
        api=_legible(text.get("api")),
        seen_at_ms=seen_at_ms,
    )


def is_known(announced: Announced, nodes: Iterable[KnownNode]) -> bool:
    """Whether the rig has this camera already, under its name and where it announces itself."""
    return any(node.name == announced.name and _same_place(announced, node) for node in nodes)


def find_conflict(announced: Announced, nodes: Iterable[KnownNode]) -> str | None:
    """One sentence on why this camera cannot simply be adopted; None when it can."""
    for node in nodes:
        if node.name == announced.name and not _same_place(announced, node):
            silent = "" if node.connected else ", where nobody answers"
            return (
                f"The rig has a camera {node.name} at {node.address}{silent}; "
                f"this one announces itself at {announced.addresses[0]}."
            )
        if node.name != announced.name and node.address in announced.addresses:
            return (
                f"The rig has a camera at {node.address} under the name {node.name}; it calls "
                f"itself {announced.name}, and delivers under that name."
            )
    return None


def _same_place(announced: Announced, node: KnownNode) -> bool:
    """A node known by host name is taken to be the one that announces itself while it answers:
    which address stands behind the name is not asked for."""
    if node.address in announced.addresses:
        return True
    host, _, port = node.address.rpartition(":")
    ports = {address.rpartition(":")[2] for address in announced.addresses}
    return node.connected and port in ports and not _is_address(host)


def _usefulness(host: str) -> tuple[bool, bool, IPv4Address]:
    address = IPv4Address(host)
    return address.is_loopback, address.is_link_local, address


def _is_address(host: str) -> bool:
    try:
        IPv4Address(host)
    except AddressValueError:
        return False
    return True


def _legible(text: str | None) -> str | None:
    return text if text is not None and _VERSION.fullmatch(text) else None
