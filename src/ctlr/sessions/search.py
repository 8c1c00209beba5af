"""Sessions by what people said of them."""

from ctlr.kernel.database import Database
from ctlr.sessions.model import REHEARSAL, Session
from ctlr.sessions.rows import SELECT_SESSIONS, session_of

_CONDITION = (
    "WHERE (binned_at_ms IS NOT NULL) = ?"
    " AND (? IS NULL OR coalesce(start_at_ms, created_at_ms) < ?)"
    " AND (? IS NULL OR verdict = ?)"
    " AND (? IS NULL OR label LIKE ? ESCAPE '\\' OR notes LIKE ? ESCAPE '\\'"
    " OR folder LIKE ? ESCAPE '\\' OR uuid LIKE ? ESCAPE '\\' OR uuid IN"
    " (SELECT uuid FROM session_mark WHERE session_mark.label LIKE ? ESCAPE '\\'))"
    " ORDER BY coalesce(start_at_ms, created_at_ms) DESC, uuid LIMIT ?"
)


class SessionSearch:
    def __init__(self, database: Database) -> None:
        self._db = database

    async def longest_binned(self) -> int | None:
        """When the session that is longest in the bin, and still has a folder, came there, Unix ms."""
        rows = await self._db.fetch(
            "SELECT min(binned_at_ms) FROM session"
            " WHERE folder IS NOT NULL OR bin_scope = 'everything'"
        )
        at_ms: int | None = rows[0][0]
        return at_ms

    async def longest_rehearsed(self) -> int | None:
        """As ``longest_binned``, of rehearsals."""
        rows = await self._db.fetch(
            "SELECT min(binned_at_ms) FROM session JOIN session_event USING (uuid)"
            " WHERE kind = ? AND bin_scope = 'everything'",
            (REHEARSAL,),
        )
        at_ms: int | None = rows[0][0]
        return at_ms

    async def find(
        self,
        limit: int,
        before_ms: int | None = None,
        text: str | None = None,
        verdict: str | None = None,
        *,
        binned: bool = False,
    ) -> list[Session]:
        """Sessions, newest first; ``before_ms`` is the start of the last one already seen.

        ``text`` is looked for in label, notes, folder name and labels of marks, and at the beginning
        of the id; letters of the Latin alphabet in either case. ``binned``: those in the bin, else
        those that are not.
        """
        like = None if not text else f"%{_escaped(text)}%"
        begins = f"{_escaped(text or '')}%"
        values = (binned, before_ms, before_ms, verdict, verdict, *[like] * 4, begins, like, limit)
        rows = await self._db.fetch(SELECT_SESSIONS + _CONDITION, values)
        return [session_of(row) for row in rows]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
