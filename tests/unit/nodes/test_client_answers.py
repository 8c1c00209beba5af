"""What a node may answer, good and bad; no network."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctlr.nodes.client import NodeCallError, parse_envelope, parse_leniently
from ctlr.nodes.messages import Envelope, NodeStatus, Preflight, SyncReport

STATUS: dict[str, Any] = {
    "state": "recording",
    "segment": 3,
    "error": None,
    "sync": {"status": "syncing", "segments_synced": 2, "segments_queued": 1},
    "system": {"cpu": 12.5, "ram": 40, "disk_free_gb": 20.5, "temp": 51.0},
}


def test_a_plain_status_has_no_more_than_the_plain_fields() -> None:
    status = parse_leniently(NodeStatus, STATUS)
    assert (status.state, status.segment, status.sync.segments_queued) == ("recording", 3, 1)
    assert (status.uuid, status.frames, status.clock) == (None, None, None)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("segment", "three"),
        ("segment", -1),
        ("segment", 10**30),
        ("sync", []),
        ("sync", {"segments_queued": -1}),
        ("system", {"cpu": float("nan")}),
        ("system", "hot"),
        ("uuid", 5),
        ("start_at", 1e30),
        ("frames", "many"),
        ("bitrate_kbps", 10**400),
        ("minutes_left", float("nan")),
    ],
)
def test_one_wrong_field_hides_only_itself(field: str, wrong: object) -> None:
    status = parse_leniently(NodeStatus, {**STATUS, field: wrong})
    expected = parse_leniently(NodeStatus, {k: v for k, v in STATUS.items() if k != field})
    assert status == expected


@pytest.mark.parametrize("state", [None, "dancing", 1, [], "RECORDING"])
def test_without_a_state_there_is_no_status(state: object) -> None:
    with pytest.raises(NodeCallError, match="usable state"):
        parse_leniently(NodeStatus, {**STATUS, "state": state})


def test_a_preflight_needs_its_checks() -> None:
    assert parse_leniently(Preflight, {"ready": True, "checks": {}}).ready
    with pytest.raises(NodeCallError):
        parse_leniently(Preflight, {"ready": True})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b"{}",
        b'{"success":true}',
        b'{"success":true,"node_id":"x","ts":1e400}',
        b'{"success":true,"node_id":"x","ts":-1}',
        b'{"success":true,"node_id":"x","ts":' + b"9" * 4000 + b"}",
        b'{"success":true,"node_id":"x","ts":' + b"9" * 5000 + b"}",
        b'{"success":false,"node_id":"x","ts":1,"error":"\\ud800"}',
        b"[" * 100_000,
        b"\xff\xfe{}",
    ],
    ids=lambda content: repr(content[:40]),
)
def test_what_no_camera_node_says(content: bytes) -> None:
    with pytest.raises(NodeCallError, match="HTTP 200"):
        parse_envelope(200, content)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(NodeStatus.model_fields)), json_values))
def test_no_status_raises_anything_else(data: dict[str, Any]) -> None:
    try:
        status = parse_leniently(NodeStatus, data)
    except NodeCallError:
        return
    json.dumps(status.model_dump(), allow_nan=False, default=str)


@given(st.dictionaries(st.sampled_from(sorted(Envelope.model_fields)), json_values))
def test_no_envelope_raises_anything_else(data: dict[str, Any]) -> None:
    try:
        envelope = parse_envelope(200, json.dumps(data).encode())
    except NodeCallError:
        return
    assert envelope.ts + 0.5 > 0  # small enough to count with


def test_a_plain_report_is_enough() -> None:
    report = SyncReport.model_validate({"camera": "cam-01", "status": "ok"})
    assert (report.files, report.remaining, report.uuid, report.complete) == (0, 0, None, False)


@pytest.mark.parametrize("stamp", [10**400, -1, "soon"])
def test_a_stamp_that_no_clock_shows_is_no_answer(stamp: object) -> None:
    answer = {"success": True, "node_id": "cam", "ts": 1, "received_at_us": stamp, "sent_at_us": 1}
    with pytest.raises(NodeCallError):
        parse_envelope(200, json.dumps(answer).encode())
