"""Which cameras the rig has: those of the configuration, and those that a person adopted.

The configuration decides; an adopted node that it names too is the configuration's. Discovery
proposes: what announces itself is listed and recorded with only once it was adopted, and is
asked for its name before that, as its segments arrive under the name that it has itself.
Adopted nodes are stored before they are used. Members change under the gate's lock, as
starts and stops do, so that no session ever sees half of a change; what old sessions hold stays.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal

import structlog
from pydantic import ValidationError

from ctlr.config import NodeAddress
from ctlr.gate import Gate
from ctlr.kernel.clock import Clock
from ctlr.kernel.errors import Refusal
from ctlr.nodes.addresses import is_callable, is_host_name, is_local
from ctlr.nodes.adopted import AdoptedNodes
from ctlr.nodes.announcement import (
    Announced,
    KnownNode,
    find_conflict,
    is_known,
)
from ctlr.nodes.client import CALL_TIMEOUT_S, NodeCallError, NodeClient
from ctlr.nodes.discovery import Discovery
from ctlr.nodes.fleet import Fleet
from ctlr.nodes.local_network import resolve
from ctlr.nodes.messages import NodeStatus

NEWCOMER_S = 600.0
Origin = Literal["config", "adopted"]

LOOK_UP_S = 1.0
SILENCE_S = LOOK_UP_S + CALL_TIMEOUT_S
"""How long it takes to say that nobody answered, whatever was seen, and however soon."""

_log = structlog.get_logger("roster")


@dataclass(frozen=True)
class Member:
    """A camera of the rig and who says so."""

    node: NodeAddress
    origin: Origin


@dataclass(frozen=True)
class Newcomer:
    """A camera that was adopted over the network a short while ago, and from where."""

    node: NodeAddress
    by: str
    at_s: float


@dataclass(frozen=True)
class Candidate:
    """A camera that the rig does not have; ``conflict`` is why it cannot simply be adopted."""

    announced: Announced
    conflict: str | None


class Roster:
    """Without ``discovery`` it is switched off."""

    def __init__(
        self,
        configured: Iterable[NodeAddress],
        adopted: AdoptedNodes,
        fleet: Fleet,
        client: NodeClient,
        clock: Clock,
        discovery: Discovery | None,
        gate: Gate,
    ) -> None:
        self._members = {node.name: Member(node, "config") for node in configured}
        self._adopted = adopted
        self._fleet = fleet
        self._client = client
        self._clock = clock
        self._discovery = discovery
        self._gate = gate
        self._newcomers: dict[str, Newcomer] = {}

    async def load(self) -> None:
        """Put the stored nodes into the fleet, beside the configured ones that it has."""
        for node in await self._adopted.load():
            if node.name in self._members:
                _log.info("the configuration names an adopted camera and decides", camera=node.name)
            else:
                self._members[node.name] = Member(node, "adopted")
                self._fleet.add_node(node)

    @property
    def members(self) -> list[Member]:
        return list(self._members.values())

    @property
    def discovery_error(self) -> str | None:
        """Why no camera can be discovered at present, for a person."""
        if self._discovery is None:
            return "it is switched off in the configuration"
        return self._discovery.error

    def candidates(self) -> list[Candidate]:
        """The cameras that announce themselves and are not in the rig, by name."""
        known = self._known()
        return [
            Candidate(announced, find_conflict(announced, known))
            for announced in self._announced()
            if not is_known(announced, known)
        ]

    def versions(self) -> dict[str, str | None]:
        """Which release each camera that announces itself runs, by name."""
        return {camera.name: camera.version for camera in self._announced()}

    def newcomers(self) -> list[Newcomer]:
        """Those that the crew is told of, as another may have adopted them."""
        now = self._clock.monotonic()
        self._newcomers = {
            name: new
            for name, new in self._newcomers.items()
            if name in self._members and now - new.at_s < NEWCOMER_S
        }
        return list(self._newcomers.values())

    async def adopt(
        self, name: str | None, address: str | None, by: str | None = None
    ) -> tuple[Member, NodeStatus]:
        """Take a camera into the rig, at ``address`` or where ``name`` announces itself, after it
        has answered; returns it and what it said. An adopted one gets its new address. ``by`` is
        the machine that asks for it: unless it is this one, the crew is told.

        Raises ``Refusal``: ``invalid_node``, ``unknown_node``, ``node_unreachable``,
        ``node_conflict``, ``configured_in_file``, ``recording_in_progress`` (a new address only).
        """
        addresses = (check_address(address),) if address else self._addresses_of(name)
        called, at, status = await self._meet(addresses)
        if name is not None and called != name:
            raise Refusal(
                "node_conflict",
                f"The camera at {at} calls itself {called!r}, not {name!r}; its segments would not "
                "be found. Nothing was changed. Adopt it under its own name, or give it another.",
            )
        node = _as_node(called, at)
        await self._refuse_double(node)
        async with self._gate.lock:
            if self._known_as(node) is None:
                await self._take_in(node, by)
        return self._members[node.name], status

    async def remove(self, name: str) -> None:
        """Take an adopted camera out of the rig.

        Raises ``Refusal``: ``unknown_node``, ``configured_in_file``, ``recording_in_progress``.
        """
        async with self._gate.lock:
            member = self._members.get(name)
            if member is None:
                raise Refusal("unknown_node", f"The rig has no camera {name!r}.")
            if member.origin == "config":
                raise Refusal(
                    "configured_in_file",
                    f"{name} stands in the configuration file, which decides. Take it out of "
                    "nodes there and restart the controller.",
                )
            await self._refuse_while_recording(name)
            await self._adopted.forget(name)
            self._fleet.remove_node(name)
            del self._members[name]
            _log.info("camera removed", camera=name)

    async def _take_in(self, node: NodeAddress, by: str | None) -> None:
        moved = node.name in self._members
        if moved:
            await self._refuse_while_recording(node.name)
        await self._adopted.save(node, self._clock.now_ms())
        if moved:
            self._fleet.remove_node(node.name)
        self._fleet.add_node(node)
        self._members[node.name] = Member(node, "adopted")
        _log.warning("camera adopted", camera=node.name, address=node.address, by=by)
        if by is not None and not _is_this_machine(by):
            self._newcomers[node.name] = Newcomer(node, by, self._clock.monotonic())

    def _known_as(self, node: NodeAddress) -> Member | None:
        """The member that this camera is already. Raises ``Refusal`` where it clashes with one."""
        for member in self._members.values():
            same_name = member.node.name == node.name
            if same_name and member.node.address == node.address:
                return member
            if same_name and member.origin == "config":
                raise Refusal(
                    "configured_in_file",
                    f"{node.name} stands in the configuration file at {member.node.address}, not "
                    f"{node.address}. Nothing was changed; change it there.",
                )
            if member.node.address == node.address:
                raise Refusal(
                    "node_conflict",
                    f"The rig has a camera at {node.address} under the name {member.node.name}. "
                    "Nothing was changed; remove that one first.",
                )
        return None

    async def _refuse_double(self, node: NodeAddress) -> None:
        """An adopted camera moves only when nobody calls itself so at its old address any more."""
        member = self._members.get(node.name)
        if member is None or member.origin == "config" or member.node.address == node.address:
            return
        async with self._gate.lock:
            await self._refuse_while_recording(node.name)
        with suppress(NodeCallError):
            called, _ = await self._client.introduce(member.node.address)
            if called == node.name:
                raise Refusal(
                    "node_conflict",
                    f"The rig has a camera {node.name} that answers at {member.node.address}; the "
                    f"one at {node.address} calls itself the same, and their segments would "
                    "overwrite each other. Nothing was changed. Give one of them another name, or "
                    f"remove {node.name} first if both are the same camera.",
                )

    async def _refuse_while_recording(self, name: str) -> None:
        """Behind the lock. Raises ``Refusal``: ``recording_in_progress``."""
        view = self._fleet.view(name)
        if view is not None and not view.current:  # it may have stopped since
            view = await self._fleet.poll(name)
        busy = view is not None and view.status is not None and view.status.state == "recording"
        if busy or self._gate.is_recording():
            raise Refusal(
                "recording_in_progress",
                f"A recording runs; {name} stays as it is, so that it hears of the stop. "
                "Stop the recording first.",
            )

    def _addresses_of(self, name: str | None) -> tuple[str, ...]:
        if name is None:
            raise Refusal("invalid_node", "Give the camera's address, or its name.")
        for announced in self._announced():
            if announced.name == name:
                return announced.addresses
        raise Refusal(
            "unknown_node",
            f"No camera on this network announces itself as {name!r}. Give its address.",
        )

    async def _meet(self, addresses: tuple[str, ...]) -> tuple[str, str, NodeStatus]:
        """The name, address and status of the camera at the first address that answers.

        Who asks is told no more than that nobody did, and never sooner: by what is closed, open or
        there at all, everybody on the network could have the controller look into its others.
        """
        loop = asyncio.get_running_loop()
        told_at = loop.time() + SILENCE_S * len(addresses)
        for address in addresses:
            try:
                await _require_near(address)
                called, status = await self._client.introduce(address)
            except NodeCallError as error:
                _log.warning("no camera answered", address=address, reason=str(error))
            else:
                return called, address, status
        await asyncio.sleep(told_at - loop.time())
        raise Refusal(
            "node_unreachable",
            f"No camera answered at {' or '.join(addresses)}. Nothing was changed. Check that it is "
            "on, in this network, and that ctlr camera runs on it; the controller's log says what "
            "was seen (journalctl -u ctlr-api).",
        )

    def _announced(self) -> list[Announced]:
        return self._discovery.announced() if self._discovery else []

    def _known(self) -> list[KnownNode]:
        views = {view.name: view for view in self._fleet.views()}
        return [
            KnownNode(m.node.name, m.node.address, connected=views[m.node.name].connected)
            for m in self._members.values()
        ]


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def check_address(address: str) -> str:
    """A host:port that may be called. Raises ``Refusal`` ``invalid_node``."""
    if not is_callable(address):
        raise Refusal(
            "invalid_node",
            f"{address!r} is not the host:port of a camera in this network, such as 10.0.0.13:8080.",
        )
    return address


async def _require_near(address: str) -> None:
    """Raise ``NodeCallError`` for a name that leads out of this network."""
    host = address.rpartition(":")[0]
    if not is_host_name(host):
        return
    try:
        async with asyncio.timeout(LOOK_UP_S):
            found = await resolve(host)
    except (OSError, TimeoutError) as error:
        raise NodeCallError(f"the name {host} is not known") from error
    if not all(is_local(one) for one in found):
        raise NodeCallError(f"the name {host} leads out of this network")


def _as_node(name: str, address: str) -> NodeAddress:
    try:
        return NodeAddress(name=name, address=address)
    except ValidationError as error:
        raise Refusal(
            "invalid_node",
            f"The camera at {address} calls itself {name!r}, which is not a node name. Give it "
            "one in its configuration (node = ...), or name it in the controller's.",
        ) from error
