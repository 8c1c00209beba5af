"""Calls to nodes that nothing comes back from, however the network says so."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from tests.fakes.controller import claim_and_release

from ctlr.config import NodeAddress
from ctlr.kernel.clock import SystemClock
from ctlr.nodes.client import NodeCallError, NodeClient
from ctlr.nodes.fleet import Fleet

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
START_AT_MS = 1_776_313_714_000
LOCAL = "127.0.0.1"


def node(port: int, name: str = "cam-01") -> NodeAddress:
    return NodeAddress(name=name, address=f"{LOCAL}:{port}")


@pytest.fixture
def swallowing() -> Iterator[int]:
    """A port whose connections are never made: its queue is full, and more is passed over in
    silence, as by a firewall that drops."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind((LOCAL, 0))
        server.listen(0)
        for _ in range(4):
            caller = stack.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(server.getsockname())
        yield server.getsockname()[1]


async def test_a_network_that_drops_costs_the_time_to_connect(swallowing: int) -> None:
    async with NodeClient(SystemClock()) as client:
        with pytest.raises(NodeCallError, match=r"no connection within 0\.5 s"):
            await client.status(node(swallowing))


async def test_a_machine_where_nobody_listens() -> None:
    async with NodeClient(SystemClock()) as client:
        with pytest.raises(NodeCallError, match="not reachable: Connection refused"):
            await client.status(node(claim_and_release()))


async def test_a_start_that_is_dropped_is_neither_acknowledged_nor_refused(
    swallowing: int,
) -> None:
    clock = SystemClock()
    async with NodeClient(clock) as client:
        fleet = Fleet([node(swallowing)], client, clock)
        results = await fleet.start_recording(fleet.names, UUID, START_AT_MS)
    assert not results["cam-01"].acknowledged
    assert not results["cam-01"].refused
    assert "no connection" in (results["cam-01"].error or "")
