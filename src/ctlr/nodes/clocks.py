"""How far every node's clock is off: what each exchange with it teaches, and when to ask for one.

An installed node stamps its status after half a second of measuring its load, so polls alone leave
its clock known to a quarter of a second, and a start on that clock would be off by as much. An idle
one is therefore asked something that it answers at once, now and then. During a recording it is
left alone: the start and the stop are answered at once, and between them what they taught ages.
One that was away may have been restarted with another clock, and is asked in any case.
"""

from collections.abc import Callable
from contextlib import suppress

from ctlr.config import NodeAddress
from ctlr.nodes.client import NodeCallError, NodeClient
from ctlr.nodes.offset import ClockOffset, Exchange, OffsetEstimator

VAGUE_MS = 20.0
"""A clock known no better is read once more; by 100 ppm, a good reading becomes so in minutes."""
READ_AGAIN_S = 60.0


class NodeClocks:
    def __init__(self, client: NodeClient, monotonic: Callable[[], float]) -> None:
        self._client = client
        self._monotonic = monotonic
        self._estimators: dict[str, OffsetEstimator] = {}
        self._read_at_s: dict[str, float] = {}

    def learn(self, name: str, exchange: Exchange) -> None:
        self._estimators.setdefault(name, OffsetEstimator()).add(exchange)

    def forget(self, name: str) -> None:
        self._estimators.pop(name, None)
        self._read_at_s.pop(name, None)

    def offset_of(self, name: str) -> ClockOffset | None:
        """By all that is known of it at this moment; None before the first exchange."""
        estimator = self._estimators.get(name)
        return estimator.estimate(self._monotonic()) if estimator else None

    def is_vague(self, name: str) -> bool:
        """Whether a node's clock should be read once more; False where it was read lately."""
        clock = self.offset_of(name)
        is_old = self._monotonic() - self._read_at_s.get(name, -READ_AGAIN_S) >= READ_AGAIN_S
        return is_old and (clock is None or clock.uncertainty_ms > VAGUE_MS)

    async def read(self, node: NodeAddress) -> None:
        """Ask a node that has nothing else to do. One that does not answer has other troubles,
        which its next poll tells of."""
        self._read_at_s[node.name] = self._monotonic()
        with suppress(NodeCallError):
            self.learn(node.name, await self._client.read_clock(node))
