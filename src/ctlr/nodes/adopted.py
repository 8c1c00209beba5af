"""The adopted nodes in the database, so that a restart keeps them."""

from ctlr.config import NodeAddress
from ctlr.kernel.database import Database


class AdoptedNodes:
    """Every method that changes something is durable when it returns."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def load(self) -> list[NodeAddress]:
        """All of them, in the order in which they were adopted."""
        rows = await self._db.fetch(
            "SELECT name, address FROM adopted_node ORDER BY adopted_at_ms, name"
        )
        return [NodeAddress(name=row["name"], address=row["address"]) for row in rows]

    async def save(self, node: NodeAddress, at_ms: int) -> None:
        """Store a node, or the new address of one that is stored."""
        async with self._db.transaction() as db:
            await db.execute(
                "INSERT INTO adopted_node (name, address, adopted_at_ms) VALUES (?, ?, ?)"
                " ON CONFLICT (name) DO UPDATE SET address = excluded.address",
                (node.name, node.address, at_ms),
            )

    async def forget(self, name: str) -> None:
        async with self._db.transaction() as db:
            await db.execute("DELETE FROM adopted_node WHERE name = ?", (name,))
