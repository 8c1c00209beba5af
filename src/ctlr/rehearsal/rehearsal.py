"""Records a rehearsal, waits for what is made of it, and keeps the verdict until the next.

Each step asks the record what is so, so a controller that was restarted in the middle goes on: it
stops what is still recorded. A recording that somebody begins ends the rehearsal; it never waits for
one. The verdict is kept in memory only.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import structlog

from ctlr.kernel.clock import Clock
from ctlr.kernel.errors import Refusal
from ctlr.kernel.ids import new_session_id
from ctlr.kernel.tasks import BackgroundTasks
from ctlr.postprocess.manifest.shapes import Manifest
from ctlr.recording.coordinator import Coordinator
from ctlr.rehearsal.looking import Looking
from ctlr.rehearsal.seen import Seen
from ctlr.rehearsal.verdict import Verdict, judge, judge_without
from ctlr.sessions.copies import SessionCopy
from ctlr.sessions.lacks import is_complete
from ctlr.sessions.model import ACTIVE_STATES, Session, SessionState
from ctlr.sessions.store import SessionStore

LASTS_S = 5.0
JOIN_WITHIN_S = 30.0
LOOK_AGAIN_S = 0.1

State = Literal["none", "recording", "joining", "looking", "done"]
Known = tuple[Session, SessionCopy | None]

_log = structlog.get_logger("rehearsal")


@dataclass(frozen=True)
class Standing:
    """Where the last rehearsal is. ``verdict`` once it is done; times in Unix milliseconds."""

    state: State = "none"
    uuid: str | None = None
    start_at_ms: int | None = None
    done_at_ms: int | None = None
    compared_with: str | None = None
    verdict: Verdict | None = None


class Rehearsal:
    """``check_sync`` raises a ``Refusal`` while nothing can be made on the sync drive;
    ``find_folder`` is a session's folder there or None, asked in a thread of its own;
    ``find_sessions`` are sessions with what is known of their copies, newest first."""

    def __init__(
        self,
        coordinator: Coordinator,
        store: SessionStore,
        clock: Clock,
        tasks: BackgroundTasks,
        *,
        check_sync: Callable[[], None],
        read_manifest: Callable[[str], Awaitable[Manifest | None]],
        find_folder: Callable[[str], Awaitable[Path | None]],
        find_sessions: Callable[[], Awaitable[Iterable[Known]]],
        on_change: Callable[[], None],
    ) -> None:
        self._coordinator = coordinator
        self._store = store
        self._clock = clock
        self._tasks = tasks
        self._check_sync = check_sync
        self._read_manifest = read_manifest
        self._find_folder = find_folder
        self._find_sessions = find_sessions
        self._on_change = on_change
        self._looking = Looking()
        self.standing = Standing()

    async def begin(self) -> Standing:
        """Begin one; it goes on by itself. Raises ``Refusal`` as a start does, and
        ``storage_unavailable``, ``storage_full`` for the sync drive."""
        self._check_sync()
        uuid = new_session_id()
        answer = await self._coordinator.start(uuid, rehearsal=True)
        self._stand(Standing("recording", uuid, answer["start_at"]))
        self._tasks.start_job("rehearsal", self._go_on(uuid))
        return self.standing

    async def release(self) -> None:
        """End what reads the drive; what it would have seen fails nothing."""
        await self._looking.release()

    async def take_up(self) -> None:
        """Go on with one that an earlier process has begun."""
        session = self._coordinator.current
        if session is not None and session.is_rehearsal:
            self._stand(Standing("recording", session.uuid, session.start_at_ms))
            await self._go_on(session.uuid)

    async def _go_on(self, uuid: str) -> None:
        try:
            verdict = await self._record(uuid) or await self._join_and_look(uuid)
        except Refusal as refusal:
            verdict = judge_without(refusal.detail)
        if self.standing.uuid == uuid:
            done_at_ms = self._clock.now_ms()
            self._stand(
                replace(self.standing, state="done", done_at_ms=done_at_ms, verdict=verdict)
            )
            _log.info("rehearsed", uuid=uuid, verdict=verdict.result, text=verdict.text)

    async def _record(self, uuid: str) -> Verdict | None:
        """A verdict only where that is all there can be."""
        start_at_ms = self.standing.start_at_ms or self._clock.now_ms()
        left_s = (start_at_ms - self._clock.now_ms()) / 1000 + LASTS_S
        ends_at_s = self._clock.monotonic() + max(0.0, min(left_s, LASTS_S + 60))
        while self._clock.monotonic() < ends_at_s and self._is_recorded(uuid):  # noqa: ASYNC110 - it is ended by whoever records
            await asyncio.sleep(min(LOOK_AGAIN_S, max(0, ends_at_s - self._clock.monotonic())))
        if not self._is_recorded(uuid):
            return judge_without("The rehearsal was ended before it was over.")
        await self._coordinator.stop(uuid)
        return None

    def _is_recorded(self, uuid: str) -> bool:
        current = self._coordinator.current
        return current is not None and current.uuid == uuid

    async def _join_and_look(self, uuid: str) -> Verdict:
        self._stand(replace(self.standing, state="joining"))
        session = await self._until_made(uuid)
        manifest = await self._read_manifest(uuid)
        if session.state is not SessionState.DONE or manifest is None:
            reason = session.error or "not everything has come from the cameras in time"
            return judge_without(
                f"The rehearsal was recorded, but not made into one session ({reason})."
            )
        self._stand(replace(self.standing, state="looking"))
        earlier = choose_earlier(await self._find_sessions())
        seen = await self._look(uuid, earlier)
        name = _name_of(earlier) if earlier else None
        self._stand(replace(self.standing, compared_with=earlier.uuid if earlier else None))
        return judge(session, manifest, seen, name)

    async def _until_made(self, uuid: str) -> Session:
        ends_at_s = self._clock.monotonic() + JOIN_WITHIN_S
        while True:
            session = await self._store.get(uuid)
            assert session is not None
            over = self._clock.monotonic() >= ends_at_s
            if over or session.state in (SessionState.DONE, SessionState.FAILED):
                return session
            await asyncio.sleep(LOOK_AGAIN_S)

    async def _look(self, uuid: str, earlier: Session | None) -> dict[str, Seen]:
        wanted = [uuid, *([earlier.uuid] if earlier else [])]
        folders = [await self._find_folder(each) for each in wanted]
        there = [folder for folder in folders if folder is not None]
        return await self._looking.look(there) if folders[0] is not None else {}

    def _stand(self, standing: Standing) -> None:
        self.standing = standing
        self._on_change()


def choose_earlier(sessions: Iterable[Known]) -> Session | None:
    """The last good session: that somebody called good, or that is complete and nobody called bad."""
    for session, copy in sessions:
        if session.folder is None or session.state in ACTIVE_STATES or session.is_rehearsal:
            continue
        if session.verdict == "good" or (session.verdict is None and is_complete(session, copy)):
            return session
    return None


def _name_of(session: Session) -> str:
    return f"session {session.uuid[:8]}" + (f" ({session.label})" if session.label else "")
