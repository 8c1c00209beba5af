import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctlr.kernel.errors import Refusal
from ctlr.kernel.texts import show_controls
from ctlr.telemetry.record import (
    LEVELS,
    MAX_ENTRY_BYTES,
    MAX_RECORD_BYTES,
    client_record,
    encode_record,
    make_record,
    topic_of,
)

NOW_MS = 1_776_313_714_123
NOW = "2026-04-16T04:28:34.123Z"


def test_our_own_record() -> None:
    record = make_record(NOW_MS, "melb-01-ctlr", "health", "METRICS", "health", cpu=3.5)
    assert encode_record(record) == (
        b'{"ts":"2026-04-16T04:28:34.123Z","node":"melb-01-ctlr","level":"METRICS",'
        b'"component":"health","message":"health","cpu":3.5}'
    )
    assert topic_of(record) == "logging/melb-01-ctlr"


def test_a_client_may_say_anything_where_a_text_belongs() -> None:
    record = client_record({"component": {"a": [1, "ü"]}, "message": True}, 0)
    assert (record["component"], record["message"]) == ('{"a":[1,"ü"]}', "true")


def test_what_json_cannot_say_becomes_text() -> None:
    record = make_record(NOW_MS, "n", "c", "INFO", "m", a=math.nan, b={1}, c="\udcff")
    assert json.loads(encode_record(record))["a"] == "nan"
    assert json.loads(encode_record(record))["c"] == "\\udcff"
    ring: dict[Any, Any] = {(1, 2): "odd key"}
    ring["ring"] = ring
    assert json.loads(encode_record(record | {"ring": ring}))["message"] == "m"


def test_a_record_that_is_too_long_is_cut_and_says_so() -> None:
    long = make_record(
        NOW_MS,
        "n",
        "c",
        "ERROR",
        "m" * 99_999,
        exception="first" + "x" * 99_999 + "last",
        extra=[1],
    )
    line = encode_record(long | {"id": "a-1"})
    assert len(line) <= MAX_RECORD_BYTES
    read = json.loads(line)
    assert read.keys() == {
        "ts",
        "node",
        "level",
        "component",
        "message",
        "exception",
        "id",
        "cut_bytes",
    }
    assert read["cut_bytes"] > 2 * 99_999
    assert read["exception"].endswith("last")
    hostile = encode_record(dict.fromkeys(long, "\x01" * 99999))
    assert len(hostile) <= MAX_RECORD_BYTES


def test_an_empty_entry_is_filled_in() -> None:
    assert client_record({}, NOW_MS) == {
        "ts": NOW,
        "node": "phone",
        "level": "INFO",
        "component": "app",
        "message": "",
        "received_at": NOW_MS,
    }


def test_what_the_phone_says_stays() -> None:
    entry = {
        "ts": "2026-04-16T06:28:30.5+02:00",
        "node": "watch",
        "level": "warning",
        "component": "recorder",
        "message": "battery low",
        "battery": 0.07,
    }
    record = client_record(entry, NOW_MS)
    assert record == {
        **entry,
        "ts": "2026-04-16T04:28:30.500Z",
        "level": "WARN",
        "received_at": NOW_MS,
    }


def test_an_id_of_the_phones_own_is_not_mistaken_for_ours() -> None:
    record = client_record({"id": "abc", "received_at": 5}, NOW_MS)
    assert "id" not in record
    assert (record["client_id"], record["received_at"]) == ("abc", NOW_MS)


def test_an_entry_may_have_its_full_size_whatever_we_add() -> None:
    entry = {"x": "y" * (MAX_ENTRY_BYTES - len('{"x":""}'))}
    assert client_record(entry, NOW_MS)["x"] == entry["x"]


@pytest.mark.parametrize("ts", ["yesterday", "2026-04-16T06:28:30", 17, None, "9999-99-99"])
def test_a_time_that_is_none_is_kept_beside_ours(ts: object) -> None:
    record = client_record({"ts": ts}, NOW_MS)
    assert record["ts"] == NOW
    assert record.get("client_ts") == ts


@pytest.mark.parametrize(
    "node", ["#", "+", "a/b", "../x", "logs", "can", "A", "x\n", "", 5, None, ["phone"], "$SYS"]
)
def test_client_text_never_builds_a_topic(node: object) -> None:
    assert topic_of(client_record({"node": node}, NOW_MS)) == "logging/phone"


@pytest.mark.parametrize("node", ["phone", "watch", "melb-01-cam-01"])
def test_a_legal_node_counts(node: str) -> None:
    assert topic_of(client_record({"node": node}, NOW_MS)) == f"logging/{node}"


def test_control_characters_are_shown_not_obeyed() -> None:
    entry = {"message": "a\nb\r\x1b[2J\x00\u2028\u202e", "k\ny": ["\x07", {"z": "\x9b"}]}
    record = client_record(entry, NOW_MS)
    assert record["message"] == r"a\nb\r\x1b[2J\x00\u2028\u202e"
    assert record["k\\ny"] == ["\\x07", {"z": "\\x9b"}]


def test_ordinary_text_of_any_script_stays() -> None:
    text = 'Grüße, 加速度 \U0001f697 "quoted" \\ back'
    assert show_controls(text) == text


@pytest.mark.parametrize(
    "entry",
    [[], "text", 5, None, {"x": "y" * MAX_ENTRY_BYTES}, {"message": "ü" * 4096}],
)
def test_what_is_no_small_object_is_refused(entry: object) -> None:
    with pytest.raises(Refusal, match="invalid_log"):
        client_record(entry, NOW_MS)


def test_deep_nesting_is_refused() -> None:
    entry: Any = {}
    for _ in range(2000):
        entry = {"a": entry}
    with pytest.raises(Refusal, match="nested"):
        client_record(entry, NOW_MS)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(["ts", "node", "level", "component", "message"]) | st.text(),
        json_values,
        max_size=6,
    )
)
def test_any_object_gives_a_record_of_the_right_shape(entry: dict[str, Any]) -> None:
    try:
        record = client_record(entry, NOW_MS)
    except Refusal as refusal:
        assert refusal.code == "invalid_log"  # noqa: PT017 - both ends are allowed here
        return
    line = encode_record(record)
    assert b"\n" not in line
    read = json.loads(line)
    assert read["level"] in LEVELS
    assert all(isinstance(read[key], str) for key in ("ts", "node", "component", "message"))
    assert read["ts"].endswith("Z")
