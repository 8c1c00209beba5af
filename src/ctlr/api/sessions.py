"""What has been recorded, and processing it again."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query

from ctlr.api import shapes
from ctlr.api.errors import refusals
from ctlr.api.newest import summary
from ctlr.api.overview import job_status
from ctlr.kernel.errors import Refusal
from ctlr.kernel.ids import is_session_id
from ctlr.nodes.messages import UnixMs
from ctlr.postprocess.manifest.copy_facts import copy_of
from ctlr.postprocess.manifest.shapes import FilesSource, Manifest
from ctlr.postprocess.manifest.tables import TableEntry
from ctlr.postprocess.supervise.reconcile import Reconciler
from ctlr.recording.marks import Marks
from ctlr.retention.bin import Bin
from ctlr.sessions.copies import SessionCopies
from ctlr.sessions.model import Session
from ctlr.sessions.remarks import parse_remarks
from ctlr.sessions.search import SessionSearch
from ctlr.sessions.store import SessionStore


@dataclass(frozen=True)
class SessionsParts:
    """``read_manifest`` has a deadline, and returns None while the drive is away."""

    store: SessionStore
    copies: SessionCopies
    search: SessionSearch
    set_remarks: Callable[[str, dict[str, str | None]], Awaitable[None]]
    bin: Bin
    marks: Marks
    reconciler: Reconciler
    read_manifest: Callable[[str], Awaitable[Manifest | None]]


async def read_summaries(
    parts: SessionsParts, found: Sequence[Session]
) -> list[shapes.SessionSummary]:
    """Sessions as lists show them, from the record."""
    copies = await parts.copies.find(session.uuid for session in found)
    return [summary(session, copies.get(session.uuid)) for session in found]


async def read_detail(
    parts: SessionsParts, uuid: str
) -> tuple[shapes.SessionDetail, Manifest | None]:
    """One session, and its manifest if its drive is there. Raises ``Refusal``: ``unknown_session``,
    ``ambiguous_session``, ``invalid_uuid``."""
    found = await parts.store.get(await parts.store.resolve(uuid))
    if found is None:
        raise Refusal("unknown_session", "No session with this id has been recorded here.")
    found = await parts.store.with_measurements(found)
    jobs = [job_status(job) for job in parts.reconciler.jobs() if job.uuid == found.uuid]
    why = parts.reconciler.why(found)
    manifest = await parts.read_manifest(found.uuid)
    known = (await parts.copies.find([found.uuid])).get(found.uuid)
    told = summary(found, copy_of(manifest) if manifest else known)
    return _detail(told, found, jobs, why, manifest), manifest


def sessions_router(parts: SessionsParts) -> APIRouter:
    router = APIRouter(prefix="/api/sessions", tags=["sessions"])

    @router.get("")
    async def sessions(
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        before: Annotated[
            UnixMs | None, Query(description="For the next page: Unix ms of the last one seen")
        ] = None,
        search: Annotated[
            str | None, Query(description="In label, notes, folder and marks; an id's beginning")
        ] = None,
        verdict: shapes.Verdict | None = None,
        binned: Annotated[
            bool, Query(description="Those in the bin instead of the others")
        ] = False,
    ) -> shapes.SessionList:
        """Sessions, newest first. For the next page give ``before`` = the last ``started_at``, or its
        ``created_at`` where that is null."""
        found = await parts.search.find(limit, before, search, verdict, binned=binned)
        return shapes.SessionList(sessions=await read_summaries(parts, found))

    @router.post("/current/marks", responses=refusals("not_recording", "invalid_request"))
    async def mark(mark: shapes.MarkRequest | None = None) -> shapes.MarkAnswer:
        """Mark an instant of the session that is being recorded: now, or at ``at_ms``."""
        asked = mark or shapes.MarkRequest()
        uuid, kept = await parts.marks.add(asked.at_ms, asked.label)
        return shapes.MarkAnswer(ok=True, uuid=uuid, at_ms=kept.at_ms, label=kept.label)

    @router.get(
        "/{uuid}", responses=refusals("unknown_session", "ambiguous_session", "invalid_uuid")
    )
    async def session(uuid: str) -> shapes.SessionDetail:
        """One session with its sources, jobs and problems. The beginning of its id will do."""
        return (await read_detail(parts, uuid))[0]

    @router.post(
        "/{uuid}/process",
        status_code=202,
        responses=refusals(
            "unknown_session", "ambiguous_session", "recording_in_progress", "invalid_uuid"
        ),
    )
    async def process(uuid: str) -> shapes.JobAccepted:
        """Make the session's folder on the sync disk (again), with what is here now. The beginning
        of its id will do."""
        whole = uuid.lower()  # of one that only the drive knows, too
        known = whole if is_session_id(whole) else await parts.store.resolve(uuid)
        job = await parts.reconciler.request(known)
        return shapes.JobAccepted(job=job_status(job))

    _add_what_people_say(router, parts)
    return router


def _add_what_people_say(router: APIRouter, parts: SessionsParts) -> None:
    """Remarks, and the bin."""

    @router.patch(
        "/{uuid}",
        responses=refusals(
            "unknown_session", "ambiguous_session", "invalid_uuid", "invalid_request"
        ),
    )
    async def remark(uuid: str, said: shapes.Remarks) -> shapes.SessionSummary:
        """Say what the session is called, what is to be known of it, and whether it is a good take:
        during the recording or at any time after it. It stands in the manifest too."""
        whole = await parts.store.resolve(uuid)
        await parts.set_remarks(whole, parse_remarks(said.model_dump(exclude_unset=True)))
        return await _summary(whole)

    @router.post(
        "/{uuid}/bin",
        responses=refusals(
            "unknown_session",
            "ambiguous_session",
            "recording_in_progress",
            "confirmation_needed",
            "invalid_uuid",
            "invalid_request",
        ),
    )
    async def bin_session(
        uuid: str, asked: shapes.BinRequest | None = None
    ) -> shapes.SessionSummary:
        """Throw a session into the bin: out of the lists, and for a week nothing more. Then its
        folder goes; its raw data only with ``everything``, which is asked for twice."""
        whole = await parts.store.resolve(uuid)
        scope = asked or shapes.BinRequest()
        await parts.bin.throw_in(whole, everything=scope.everything, sure=scope.sure)
        return await _summary(whole)

    @router.post(
        "/{uuid}/restore",
        responses=refusals("unknown_session", "ambiguous_session", "invalid_uuid"),
    )
    async def restore(uuid: str) -> shapes.SessionSummary:
        """Take a session out of the bin. A folder that has gone meanwhile is made again of the raw
        data."""
        whole = await parts.store.resolve(uuid)
        await parts.bin.take_out(whole)
        return await _summary(whole)

    async def _summary(uuid: str) -> shapes.SessionSummary:
        found = await parts.store.get(uuid)
        if found is None:
            raise Refusal("unknown_session", "No session with this id has been recorded here.")
        return summary(found, (await parts.copies.find([uuid])).get(uuid))


def _detail(
    told: shapes.SessionSummary,
    session: Session,
    jobs: list[shapes.JobStatus],
    why: str | None,
    manifest: Manifest | None,
) -> shapes.SessionDetail:
    problems = [
        shapes.SessionProblem(at=event.at_ms, code=event.kind, message=event.text)
        for event in session.events
    ]
    problems += [
        shapes.SessionProblem(at=None, code="camera", message=f"{node.name}: {node.error}")
        for node in session.nodes
        if node.error
    ]
    if session.error:
        problems.append(shapes.SessionProblem(at=None, code="session", message=session.error))
    return shapes.SessionDetail(
        **told.model_dump(),
        sources={
            node.name: shapes.SessionSource(
                started=node.started,
                start_at=node.start_at_ms,
                error=node.error,
                stopped=node.stop_acknowledged,
                segments_total=node.segments_total,
                segments_pending=node.remaining,
                complete=node.complete,
            )
            for node in session.nodes
        },
        jobs=jobs,
        why=why,
        problems=problems,
        marks=[shapes.SessionMark(at_ms=mark.at_ms, label=mark.label) for mark in session.marks],
        sync=manifest.sync if manifest else None,
        clock=manifest.clock if manifest else None,
        tables=_tables(manifest) if manifest else {},
        truth=list(manifest.truth) if manifest else [],
    )


def _tables(manifest: Manifest) -> dict[str, list[TableEntry]]:
    return {
        kind: list(source.tables)
        for kind, source in manifest.sources.items()
        if isinstance(source, FilesSource)
    }
