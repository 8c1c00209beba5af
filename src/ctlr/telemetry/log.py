"""Log lines: to the journal or a terminal as text, to MQTT as records.

``structlog.get_logger("storage")`` names the component. Lines go to stderr: with colours on a
terminal, under systemd without the time (the journal has its own) and with the priority in
front (``<4>``, see sd-daemon(3)), as JSON where asked for. What libraries say through the
standard ``logging`` comes along from WARNING up. Text from outside can't break a line: control
characters are written out. Nor can it push out what others have said: a line that comes over and
over is left out (see ``ctlr.telemetry.flood``), and the next that is said carries how many were.
"""

import io
import logging
import os
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from ctlr.kernel.texts import show_controls
from ctlr.telemetry.flood import Flood
from ctlr.telemetry.record import Record

_LEVELS = {"debug": "DEBUG", "info": "INFO", "warning": "WARN", "error": "ERROR"}
_PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
_KIND_LETTERS = 60  # of a line; what follows may be of one occasion alone
_OWN_FIELDS = frozenset(
    {"event", "level", "timestamp", "ts", "component", "_record", "_from_structlog"}
)


def configure_logging(
    node: str,
    component: str,
    json: bool = False,
    publish: Callable[[Record], None] | None = None,
    stream: TextIO | None = None,
) -> None:
    """Set up logging of this process; may be called again, the last call holds.

    ``component`` names lines of loggers without a name of their own. ``publish`` gets a record
    for each line from INFO up.
    """
    stream = stream or sys.stderr
    common: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _show_controls,
    ]
    if publish is not None:
        common.append(_to_telemetry(node, publish))
    renderer = _renderer(stream, json=json)
    structlog.configure(
        processors=[_add_component(component), _leave_out(Flood()), *common, *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *names: _Line(stream, names[0] if names else component),
        cache_logger_on_first_use=False,
    )
    _adopt_standard_logging(stream, [_add_component(component), *common], renderer)


def say_again(record: Record) -> None:
    """A child's record as a line of our own: to the journal, and on to where our lines go."""
    method = {"DEBUG": "debug", "WARN": "warning", "ERROR": "error"}.get(record["level"], "info")
    fields = {
        key: value
        for key, value in record.items()
        if key not in _OWN_FIELDS | {"node", "message", "exc_info"}
    }
    getattr(structlog.get_logger(record["component"]), method)(record["message"], **fields)


class _Line(structlog.PrintLogger):
    """Prints to ``stream`` and remembers the name that ``get_logger`` was given."""

    def __init__(self, stream: TextIO, name: str) -> None:
        super().__init__(stream)
        self.name = name


def _add_component(default: str) -> Processor:
    def add(logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        named = event.get("_record", logger)  # a library's line carries its standard record
        event.setdefault("component", getattr(named, "name", None) or default)
        return event

    return add


def _leave_out(flood: Flood) -> Processor:
    def bound(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        kind = event["component"], str(event["event"])[:_KIND_LETTERS]
        left_out = flood.let(kind, time.monotonic())
        if left_out is None:
            raise structlog.DropEvent
        if left_out:
            event["left_out"] = left_out
        return event

    return bound


class _LibraryFlood(logging.Filter):
    """The same for what libraries say."""

    def __init__(self) -> None:
        super().__init__()
        self._flood = Flood()

    def filter(self, record: logging.LogRecord) -> bool:
        kind = record.name, str(record.msg)[:_KIND_LETTERS]
        left_out = self._flood.let(kind, time.monotonic())
        if left_out:
            record.msg = f"{record.msg} ({left_out} more like it were left out)"
        return left_out is not None


def _show_controls(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for key, value in event.items():
        if isinstance(value, str) and key != "exception":
            event[key] = show_controls(value)
    return event


def _to_telemetry(node: str, publish: Callable[[Record], None]) -> Processor:
    def send(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        fields = {key: value for key, value in event.items() if key not in _OWN_FIELDS}
        if "node" in fields:  # whom the line is about; the record's node is who says it
            fields["about_node"] = fields.pop("node")
        own = {
            "ts": event["timestamp"][:23] + "Z",
            "node": node,
            "level": _LEVELS.get(event["level"], "ERROR"),
            "component": event["component"],
            "message": event["event"],
        }
        publish(own | fields)
        return event

    return send


def _renderer(stream: TextIO, *, json: bool) -> list[Processor]:
    if json:
        return [structlog.processors.JSONRenderer(default=str)]
    if stream.isatty():
        return [structlog.dev.ConsoleRenderer(colors=True, exception_formatter=_plain)]
    if "JOURNAL_STREAM" in os.environ:
        return [_journal_line]
    return [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=_plain)]


def _plain(stream: TextIO, exc_info: Any) -> None:
    structlog.dev.plain_traceback(stream, exc_info)


def _journal_line(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """``<6>component: event key=value``; each further line carries the priority too."""
    mark = f"<{_PRIORITIES.get(event['level'], 6)}>"
    exception = event.pop("exception", None)
    line = io.StringIO()
    line.write(f"{mark}{event['component']}: {event['event']}")
    for key, value in event.items():
        if key not in _OWN_FIELDS:
            line.write(f" {key}={value!r}" if isinstance(value, str) else f" {key}={value}")
    for row in (exception or "").splitlines():
        line.write(f"\n{mark}{row}")
    return line.getvalue()


def _adopt_standard_logging(
    stream: TextIO, before: list[Processor], renderer: list[Processor]
) -> None:
    handler = logging.StreamHandler(stream)
    handler.addFilter(_LibraryFlood())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
