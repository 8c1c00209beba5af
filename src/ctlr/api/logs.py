"""Log entries of the phone, on to MQTT; and what the whole rig has said, read again."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query

from ctlr.api import shapes
from ctlr.api.errors import refusals
from ctlr.logbook.reader import LogPage, LogQuery, fields_of
from ctlr.logbook.store import Stored
from ctlr.nodes.messages import UnixMs

Number = Annotated[int, Query(ge=0, le=2**53)]


@dataclass(frozen=True)
class LogsParts:
    """``publish`` takes a client's log entry and raises ``Refusal``: ``invalid_log``,
    ``log_rate_limited``; ``read`` has a deadline."""

    publish: Callable[[Mapping[str, Any]], None]
    read: Callable[[LogQuery], Awaitable[LogPage]]


def logs_router(parts: LogsParts) -> APIRouter:
    router = APIRouter(tags=["logs"])

    @router.post("/api/log", responses=refusals("invalid_log", "log_rate_limited"))
    async def log(entry: shapes.LogEntry) -> shapes.Ok:
        """Publish any JSON object as a log record; missing fields are filled in."""
        parts.publish(entry)
        return shapes.Ok(ok=True)

    @router.get(
        "/api/logs", responses=refusals("no_logs", "storage_unavailable", "invalid_request")
    )
    async def logs(
        node: Annotated[str | None, Query(max_length=63)] = None,
        level: Annotated[
            shapes.LogLevel,
            Query(description="This and what is worse; METRICS: the measurements only"),
        ] = "DEBUG",
        since: Annotated[UnixMs | None, Query(description="Said then or later, Unix ms")] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        before: Annotated[
            Number | None, Query(description="For the page before: the first number of this one")
        ] = None,
        after: Annotated[
            Number | None, Query(description="For what came since: the last number seen")
        ] = None,
    ) -> shapes.LogPage:
        """What the rig said, in the order of arrival: the newest page, or one before or after a
        number. Read from the logging drive, with a deadline."""
        query = LogQuery(node, level, since, before, after, limit)
        return page_of(await parts.read(query))

    return router


def page_of(page: LogPage) -> shapes.LogPage:
    """A page as the API answers it."""
    return shapes.LogPage(logs=[_line(record) for record in page.records], newest=page.newest)


def _line(record: Stored) -> shapes.LogLine:
    fields = fields_of(record)
    own = {name: fields.pop(name, None) for name in ("ts", "component", "message")}
    if own["message"] is None:  # pino and bunyan
        own["message"] = fields.pop("msg", None)
    for name in ("node", "level"):  # the topic and the store know better
        fields.pop(name, None)
    return shapes.LogLine(
        number=record.number,
        received_at=record.received_ms,
        ts=_text(own["ts"]),
        node=record.node,
        level=record.level,
        component=_text(own["component"]),
        message=_text(own["message"]),
        fields=fields,
    )


def _text(value: Any) -> str:
    """What a stranger sent where a text belongs."""
    return "" if value is None else str(value)
