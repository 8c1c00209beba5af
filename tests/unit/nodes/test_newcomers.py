"""Nobody takes a camera into the rig unseen."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.fakes.camera_node import CameraNode

from ctlr.gate import Gate
from ctlr.kernel.clock import SystemClock
from ctlr.kernel.database import Database, load_migrations
from ctlr.nodes.adopted import AdoptedNodes
from ctlr.nodes.client import NodeClient
from ctlr.nodes.fleet import Fleet
from ctlr.nodes.roster import NEWCOMER_S, Roster


@dataclass
class LaterClock(SystemClock):
    ahead_s: float = field(default=0.0)

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead_s


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[tuple[Roster, CameraNode, LaterClock]]:
    clock = LaterClock()
    database = await Database.open(tmp_path / "ctlr.db", load_migrations("ctlr.sessions.schema"))
    async with CameraNode("cam-07", ours=True) as node, NodeClient(clock) as client:
        fleet = Fleet([], client, clock)
        adopted = AdoptedNodes(database)
        yield Roster([], adopted, fleet, client, clock, None, Gate()), node, clock
    await database.close()


@pytest.mark.parametrize(
    ("by", "told"),
    [("10.0.0.66", True), ("fe80::1%wlan0", True), ("127.0.0.1", False), ("::1", False)],
)
async def test_the_crew_is_told_who_adopted_from_elsewhere(
    rig: tuple[Roster, CameraNode, LaterClock], by: str, told: bool
) -> None:
    roster, node, clock = rig
    await roster.adopt(None, node.address.address, by)
    assert [(new.node.name, new.by) for new in roster.newcomers()] == [("cam-07", by)] * told
    clock.ahead_s = NEWCOMER_S
    assert roster.newcomers() == []


async def test_one_that_was_removed_is_none(rig: tuple[Roster, CameraNode, LaterClock]) -> None:
    roster, node, _ = rig
    await roster.adopt(None, node.address.address, "10.0.0.66")
    await roster.remove("cam-07")
    assert roster.newcomers() == []
