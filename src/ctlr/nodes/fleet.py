"""All camera nodes at once: what each was last seen doing, and commands to many in parallel.

Each node has a poll loop of its own, so a dead one delays nobody. What a loop saw is kept as a
``NodeView``; the API answers from views and never waits for a camera. A view taken before a
command says nothing about the time after it, so a command marks the view as outdated until
the next poll.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace

import structlog
from pydantic import ValidationError

from ctlr.config import NodeAddress
from ctlr.kernel.clock import Clock
from ctlr.kernel.tasks import BackgroundTasks
from ctlr.nodes.client import LONGEST_SHOWN, NodeCallError, NodeClient, Reply
from ctlr.nodes.clocks import NodeClocks
from ctlr.nodes.messages import NodeStatus, StartCommand
from ctlr.nodes.naming import find_misnaming
from ctlr.nodes.offset import ClockOffset

POLL_INTERVAL_S = 2.0
QUICK_POLLS, QUICK_INTERVAL_S = 5, 0.2
"""A node that has just come is asked a few times quickly, so that its clock is soon known."""

_log = structlog.get_logger("fleet")


@dataclass(frozen=True)
class NodeView:
    """What is known of one node. ``status`` is None until it answered and while it does not."""

    name: str
    connected: bool = False
    current: bool = False
    """Whether the status was asked for after the last command to this node."""
    status: NodeStatus | None = None
    error: str | None = None
    clock: ClockOffset | None = None
    seen_at_ms: int | None = None
    misnamed: str | None = None
    """What is wrong with the name that it calls itself by, as the rest of a sentence."""


@dataclass(frozen=True)
class CommandResult:
    """What became of a command. ``error`` is for a person; ``refused`` says that the node
    answered and declined, otherwise it may or may not have acted. ``at_ms`` is when the answer
    came, ``sent_at_ms`` when the command went; ``start_at_ms`` is the start that holds for the
    node, on the node's own clock."""

    acknowledged: bool
    error: str | None = None
    refused: bool = False
    at_ms: int = 0
    start_at_ms: int | None = None
    sent_at_ms: int | None = None


class Fleet:
    """The nodes of the rig. ``on_change`` is called after a view changed in substance."""

    def __init__(
        self,
        nodes: Iterable[NodeAddress],
        client: NodeClient,
        clock: Clock,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._nodes = {node.name: node for node in nodes}
        self._client = client
        self._clock = clock
        self._on_change = on_change
        self._clocks = NodeClocks(client, clock.monotonic)
        self._views = {name: NodeView(name) for name in self._nodes}
        self._commands = dict.fromkeys(self._nodes, 0)
        self._called = {name: name for name in self._nodes}
        self._tasks: BackgroundTasks | None = None
        self._polling: dict[str, asyncio.Task[None]] = {}

    @property
    def addresses(self) -> list[NodeAddress]:
        return list(self._nodes.values())

    def address(self, name: str) -> NodeAddress:
        """Raises ``KeyError``."""
        return self._nodes[name]

    @property
    def names(self) -> list[str]:
        return list(self._nodes)

    def views(self) -> list[NodeView]:
        return list(self._views.values())

    def view(self, name: str) -> NodeView | None:
        return self._views.get(name)

    def clock_of(self, name: str) -> ClockOffset | None:
        """How far a node's clock is off, by all that is known of it at this moment."""
        return self._clocks.offset_of(name)

    def start_polling(self, tasks: BackgroundTasks) -> None:
        """Poll all nodes, and those that are added later."""
        self._tasks = tasks
        for name in self._nodes:
            self._polling[name] = tasks.start_loop(f"poll {name}", self._poll_forever(name))

    def add_node(self, node: NodeAddress) -> None:
        """Begin to use a node whose name is new; a recording that runs is joined late."""
        self._views[node.name] = NodeView(node.name)
        self._commands[node.name] = 0
        self._called[node.name] = node.name
        self._nodes[node.name] = node
        if self._tasks is not None:
            loop = self._poll_forever(node.name)
            self._polling[node.name] = self._tasks.start_loop(f"poll {node.name}", loop)
        self._on_change()

    def remove_node(self, name: str) -> None:
        """Let go of a node that no command is under way to. Raises ``KeyError``."""
        del self._nodes[name]
        if polling := self._polling.pop(name, None):
            polling.cancel()
        del self._views[name], self._commands[name], self._called[name]
        self._clocks.forget(name)
        self._on_change()

    async def start_recording(
        self,
        names: Iterable[str],
        uuid: str,
        start_at_ms: int,
        first_segment: int | None = None,
    ) -> dict[str, CommandResult]:
        """Tell nodes to begin at one instant, all at once. Never raises for a node's sake.
        ``first_segment`` is as in ``StartCommand``; an installed node does not hear of it.

        A node whose clock is known to be off is told the instant as its own clock will show it.
        One that would overwrite another's segments is not told.
        """
        told = {name: self._on_clock_of(name, start_at_ms) for name in self._nodes}
        idle = {name for name, view in self._views.items() if _was_idle(view)}

        async def start(node: NodeAddress) -> Reply:
            misnamed = find_misnaming(node.name, self._called)
            if misnamed and misnamed[1]:
                raise NodeCallError(f"it {misnamed[0]}")
            status = self._views[node.name].status
            first = first_segment if status and status.is_ours else None
            reply = await self._client.start(node, uuid, told[node.name], first)
            if not (reply.repeated and reply.error == "already recording"):
                return reply
            # The first answer got lost on its way. A node that was idle has done as told; any
            # other may still record what went before, and the next poll tells.
            if node.name in idle:
                return replace(reply, error=None)
            raise NodeCallError("already recording, perhaps another session")

        results = await self._command_all(names, start)
        return {
            name: replace(result, start_at_ms=result.start_at_ms or told[name])
            for name, result in results.items()
        }

    async def stop_recording(self, names: Iterable[str]) -> dict[str, CommandResult]:
        """Tell nodes to stop. A node that is not recording has nothing to stop: acknowledged."""
        results = await self._command_all(names, self._client.stop)
        return {
            name: replace(result, acknowledged=True) if result.error == "not recording" else result
            for name, result in results.items()
        }

    async def ask_ready(self) -> dict[str, str]:
        """What connected nodes themselves say against recording now, by name."""
        names = [view.name for view in self._views.values() if view.connected]
        found = await asyncio.gather(*(self._ask_ready(self._nodes[name]) for name in names))
        return {name: said for name, said in zip(names, found, strict=True) if said}

    async def _ask_ready(self, node: NodeAddress) -> str | None:
        try:
            preflight, reply = await self._client.preflight(node)
        except NodeCallError as error:
            return str(error)
        self._clocks.learn(node.name, reply.exchange)
        failed = [check.msg for check in preflight.checks.values() if not check.ok]
        return "; ".join(failed) or (None if preflight.ready else "it says that it is not ready")

    async def poll(self, name: str) -> NodeView:
        """Ask one node for its status and keep what it says."""
        commands = self._commands[name]
        try:
            status, reply = await self._client.status(self._nodes[name])
        except NodeCallError as error:
            view = replace(self._views[name], connected=False, status=None, error=str(error))
        else:
            self._clocks.learn(name, reply.exchange)
            has_come = not self._views[name].connected
            if _may_be_asked(status) and (has_come or self._clocks.is_vague(name)):
                await self._clocks.read(self._nodes[name])
            view = self._seen(name, status, reply)
        # A command sent while the question was on its way makes the answer history.
        return self._set_view(replace(view, current=self._commands[name] == commands))

    async def _poll_forever(self, name: str) -> None:
        in_a_row = 0
        while True:
            view = await self.poll(name)
            in_a_row = in_a_row + 1 if view.connected else 0
            quick = 0 < in_a_row < QUICK_POLLS
            await asyncio.sleep(QUICK_INTERVAL_S if quick else POLL_INTERVAL_S)

    def _on_clock_of(self, name: str, at_ms: int) -> int:
        """An instant as a node's clock shows it; a small or uncertain offset changes nothing."""
        clock = self.clock_of(name)
        return at_ms + (clock.correction_ms if clock else 0)

    async def _command_all(
        self, names: Iterable[str], call: Callable[[NodeAddress], Awaitable[Reply]]
    ) -> dict[str, CommandResult]:
        wanted = [name for name in names if name in self._nodes]
        results = await asyncio.gather(*(self._command(name, call) for name in wanted))
        return dict(zip(wanted, results, strict=True))

    async def _command(
        self, name: str, call: Callable[[NodeAddress], Awaitable[Reply]]
    ) -> CommandResult:
        self._commands[name] += 1
        self._views[name] = replace(self._views[name], current=False)
        try:
            reply = await call(self._nodes[name])
        except NodeCallError as error:
            return CommandResult(acknowledged=False, error=str(error))
        self._clocks.learn(name, reply.exchange)
        if reply.error is not None:
            return CommandResult(acknowledged=False, error=reply.error, refused=True)
        return CommandResult(
            acknowledged=True,
            at_ms=self._clock.now_ms(),
            start_at_ms=_held_start(reply),
            sent_at_ms=round(reply.exchange.sent_ms),
        )

    def _seen(self, name: str, status: NodeStatus, reply: Reply) -> NodeView:
        # Where an installed node delivers has nothing to do with what its answers call it.
        called = reply.node_id[:LONGEST_SHOWN].lower() if status.is_ours else ""
        self._called[name] = called or name
        misnamed, _ = find_misnaming(name, self._called) or (None, False)
        return NodeView(
            name,
            connected=True,
            status=status,
            error=status.error or (misnamed and f"It {misnamed}."),
            misnamed=misnamed,
            clock=self.clock_of(name),
            seen_at_ms=self._clock.now_ms(),
        )

    def _set_view(self, view: NodeView) -> NodeView:
        before = self._views[view.name]
        self._views[view.name] = view
        if before.connected != view.connected:
            _log.info(
                "node reachable" if view.connected else "node lost",
                camera=view.name,
                error=view.error,
            )
        if _substance(before) != _substance(view):
            self._on_change()
        return view


def _held_start(reply: Reply) -> int | None:
    """The start that a node says to hold to: its own earlier one where it resumes."""
    try:
        return StartCommand.model_validate(reply.data).start_at
    except ValidationError:  # an installed node, which says nothing
        return None


def _may_be_asked(status: NodeStatus) -> bool:
    """Whether a node's clock may be read by a call of its own; ours tells it with every answer."""
    return status.state == "idle" and not status.is_ours


def _was_idle(view: NodeView) -> bool:
    return view.status is not None and view.status.state != "recording"


def _substance(view: NodeView) -> tuple[object, ...]:
    """What others act on; a temperature that moves wakes nobody."""
    status = view.status
    doing = (status.state, status.uuid) if status else None
    return view.connected, view.current, view.error, doing
