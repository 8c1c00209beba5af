"""A session's times, moved to the clock as it was set in the middle of it.

Whoever reads a session wants one timeline, and the clock as it is now is the better one: most
often NTP has set it. So everything that is on the controller's clock moves by the step: start,
stop, events, marks and what was measured of other clocks, which is the difference to
ours. A node's own start is on its own clock and stays. The step itself is kept beside.
"""

from dataclasses import dataclass

import aiosqlite

from ctlr.kernel.database import Database

_MOVED = (
    "UPDATE session SET created_at_ms = created_at_ms + :step WHERE uuid = :uuid",
    "UPDATE session SET start_at_ms = start_at_ms + :step WHERE uuid = :uuid",
    "UPDATE session SET stop_requested_at_ms = stop_requested_at_ms + :step WHERE uuid = :uuid",
    "UPDATE session SET stopped_at_ms = stopped_at_ms + :step WHERE uuid = :uuid",
    "UPDATE session_node SET stopped_at_ms = stopped_at_ms + :step WHERE uuid = :uuid",
    "UPDATE node_start SET at_ms = at_ms + :step WHERE uuid = :uuid",
    "UPDATE session_event SET at_ms = at_ms + :step WHERE uuid = :uuid",
    "UPDATE session_mark SET at_ms = at_ms + :step WHERE uuid = :uuid",
    "UPDATE clock_step SET at_ms = at_ms + :step WHERE uuid = :uuid",
    "UPDATE clock_sample SET offset_ms = offset_ms - :step WHERE uuid = :uuid",
    # In two moves, because a sample may not even for a moment be at the instant of another.
    "UPDATE clock_sample SET at_ms = -(at_ms + :step) WHERE uuid = :uuid",
    "UPDATE clock_sample SET at_ms = -at_ms WHERE uuid = :uuid",
    "UPDATE session_clock SET offset_ms = offset_ms + :step WHERE uuid = :uuid",
    "INSERT INTO clock_step (uuid, at_ms, step_ms) VALUES (:uuid, :at, :step)",
    "INSERT INTO session_event (uuid, at_ms, kind, text) VALUES (:uuid, :at, 'clock_set', :text)",
)


@dataclass(frozen=True)
class OnClock:
    """The clock that a session's times are on: the boot whose monotonic clock it is measured by,
    and how far it is ahead of that."""

    boot_id: str
    offset_ms: int


async def keep_clock(db: aiosqlite.Connection, uuid: str, clock: OnClock) -> None:
    """Note which clock the times of a session that begins are on."""
    await db.execute(
        "INSERT OR REPLACE INTO session_clock (uuid, boot_id, offset_ms) VALUES (?, ?, ?)",
        (uuid, clock.boot_id, clock.offset_ms),
    )


class ClockSteps:
    """Of the sessions in a database. Every method is one transaction; raises ``sqlite3.Error``."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def follow(self, clock: OnClock, at_ms: int, least_ms: int) -> list[str]:
        """Move the unfinished sessions of this boot whose clock has since been set by ``least_ms``
        or more; returns them. ``at_ms`` is now, on the clock as it is set."""
        async with self._db.transaction() as db:
            found = await _behind(db, clock, least_ms)
            for uuid, step_ms in found:
                values = {"uuid": uuid, "step": step_ms, "at": at_ms, "text": say_step(step_ms)}
                for statement in _MOVED:
                    await db.execute(statement, values)
        return [uuid for uuid, _ in found]


async def _behind(db: aiosqlite.Connection, clock: OnClock, least_ms: int) -> list[tuple[str, int]]:
    rows = await db.execute_fetchall(
        "SELECT uuid, ? - offset_ms FROM session JOIN session_clock USING (uuid)"
        " WHERE boot_id = ? AND abs(? - offset_ms) >= ? AND state NOT IN ('done', 'failed')",
        (clock.offset_ms, clock.boot_id, clock.offset_ms, least_ms),
    )
    return [(row[0], row[1]) for row in rows]


def say_step(step_ms: int) -> str:
    """A step of the clock in one sentence."""
    way = "forward" if step_ms > 0 else "back"
    seconds, ms = divmod(abs(step_ms), 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return (
        f"The controller's clock was set {way} by {days} d {hours:02d}:{minutes:02d}:"
        f"{seconds:02d}.{ms:03d} during the session; all its times are on the clock as it is since."
    )
