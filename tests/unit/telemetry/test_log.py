import io
import json
import logging
from typing import Any

import pytest
import structlog

from ctlr.telemetry.log import configure_logging

pytestmark = pytest.mark.usefixtures("logging_as_it_was")


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def fail_loudly() -> None:
    try:
        int("broken")
    except ValueError:
        structlog.get_logger("x").exception("it failed")


def test_a_line_becomes_json_and_a_record() -> None:
    stream, records = io.StringIO(), list[dict[str, Any]]()
    configure_logging("melb-01-ctlr", "serve", json=True, publish=records.append, stream=stream)
    structlog.get_logger("storage").warning("drive slow", mount="logging", latency_ms=812, node="x")
    [line] = lines(stream)
    assert (line["component"], line["event"], line["level"]) == ("storage", "drive slow", "warning")
    [record] = records
    assert record.pop("ts").endswith("Z")
    assert record == {
        "node": "melb-01-ctlr",
        "level": "WARN",
        "component": "storage",
        "message": "drive slow",
        "mount": "logging",
        "latency_ms": 812,
        "about_node": "x",
    }


def test_debug_stays_silent_and_a_nameless_logger_takes_the_process_name() -> None:
    stream, records = io.StringIO(), list[dict[str, Any]]()
    configure_logging("n", "serve", json=True, publish=records.append, stream=stream)
    structlog.get_logger().debug("detail")
    structlog.get_logger().info("hello")
    assert [(record["component"], record["message"]) for record in records] == [("serve", "hello")]


def test_an_exception_goes_along() -> None:
    stream, records = io.StringIO(), list[dict[str, Any]]()
    configure_logging("n", "serve", json=True, publish=records.append, stream=stream)
    fail_loudly()
    assert records[0]["level"] == "ERROR"
    assert "ValueError: invalid" in records[0]["exception"]


def test_text_from_outside_cannot_forge_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for journal in (False, True):
        if journal:
            monkeypatch.setenv("JOURNAL_STREAM", "8:1")
        stream = io.StringIO()
        configure_logging("n", "serve", stream=stream)
        structlog.get_logger("x").info("name\n<0>forged \x1b[2J", file="a\nb")
        assert len(stream.getvalue().splitlines()) == 1
        assert "\x1b" not in stream.getvalue()


def test_the_journal_gets_priorities_on_every_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    stream = io.StringIO()
    configure_logging("n", "serve", stream=stream)
    structlog.get_logger("storage").warning("drive slow", mount="logging", latency_ms=812)
    assert stream.getvalue() == "<4>storage: drive slow mount='logging' latency_ms=812\n"
    fail_loudly()
    assert all(line.startswith(("<3>", "<4>")) for line in stream.getvalue().splitlines())


def test_what_libraries_say_comes_along() -> None:
    stream, records = io.StringIO(), list[dict[str, Any]]()
    configure_logging("n", "serve", json=True, publish=records.append, stream=stream)
    logging.getLogger("uvicorn.error").warning("shutting %s", "down")
    logging.getLogger("uvicorn.error").info("chatter")
    assert [record["message"] for record in records] == ["shutting down"]
    assert records[0]["component"] == "uvicorn.error"
