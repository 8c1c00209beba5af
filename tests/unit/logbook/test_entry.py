import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctlr.logbook.entry import MAX_PAYLOAD_BYTES, Entry, node_of, read_message
from ctlr.telemetry.record import LEVELS, encode_record, make_record

NOW_MS = 1_776_313_714_123


def read(record: object, topic: str = "logging/cam-01") -> Entry:
    payload = record if isinstance(record, bytes) else json.dumps(record).encode()
    entry = read_message(topic, payload, NOW_MS)
    assert entry is not None
    return entry


def test_a_record_of_ours_is_kept_as_it_is() -> None:
    record = make_record(NOW_MS - 5, "cam-01", "camera", "WARN", "card nearly full", free_mb=210)
    payload = encode_record(record | {"id": "ab-7"})
    assert read(payload) == Entry(
        key=read(payload).key,
        node="cam-01",
        level="WARN",
        ts_ms=NOW_MS - 5,
        received_ms=NOW_MS,
        payload=payload.decode(),
    )


def test_the_topic_says_who_it_was() -> None:
    entry = read({"node": "melb-01-ctlr", "id": "a"}, "logging/cam-02")
    assert entry.node == "cam-02"
    assert json.loads(entry.payload)["node"] == "melb-01-ctlr"


@pytest.mark.parametrize("node", ["cam-01", "phone", "watch", "a", "x" * 63])
def test_nodes(node: str) -> None:
    assert node_of(f"logging/{node}") == node


@pytest.mark.parametrize(
    "topic",
    [
        *("", "logging", "logging/", "logging/a/b", "status/node/a", "logging/A", "logging/../x"),
        *("logging/x y", "logging/" + "x" * 64, "logging/-", "logging/logging/a", "Logging/a"),
    ],
)
def test_other_topics_are_nobodys(topic: str) -> None:
    assert node_of(topic) is None
    assert read_message(topic, b"{}", NOW_MS) is None


def test_repeats_are_told_by_node_id_and_content() -> None:
    first = {"ts": "2026-04-16T04:28:34.123Z", "message": "m", "id": "a-1"}
    assert read(first).key == read(dict(first)).key
    assert read(first).key is not None
    others = [read(first, "logging/cam-02"), read({**first, "id": "a-2"})]
    others += [read({**first, "message": f"reading {number}"}) for number in range(5)]
    assert len({read(first).key, *(other.key for other in others)}) == 8


def test_repeats_without_an_id_are_told_by_time_and_words() -> None:
    plain = {"ts": "2026-04-16T04:28:34.123Z", "message": "m"}
    assert read(plain).key == read(plain).key
    assert read(plain).key != read({**plain, "message": "n"}).key
    assert read(plain).key != read(plain, "logging/cam-02").key
    assert read({"message": "m"}).key is None


@pytest.mark.parametrize(
    "payload",
    [
        *(b"", b"\xff\xfe\x00", b"[1]", b"7", b"null", b'"text"', b"{", b"[" * 60_000, b"9" * 5000),
        *(b'{"a":' * 10_000, b'{"a": 1} trailing'),
    ],
)
def test_what_is_no_object_is_kept_as_text(payload: bytes) -> None:
    entry = read(payload)
    assert (entry.level, entry.ts_ms, entry.key) == ("INFO", NOW_MS, None)
    record = json.loads(entry.payload)
    assert record["component"] == "unreadable"


def test_a_megabyte_is_not_kept() -> None:
    assert read_message("logging/a", b"x" * (MAX_PAYLOAD_BYTES + 1), NOW_MS) is None
    assert read_message("logging/a", b"x" * (1 << 20), NOW_MS) is None


@pytest.mark.parametrize(
    ("given_level", "level"),
    [
        *[("warning", "WARN"), ("METRICS", "METRICS"), ("loud", "INFO"), (None, "INFO")],
        *[("err", "ERROR"), (" Fatal ", "ERROR"), ("crit", "ERROR"), ("verbose", "DEBUG")],
        # pino and bunyan
        *[(10, "DEBUG"), (20, "DEBUG"), (30, "INFO"), (35, "INFO"), (40, "WARN"), (50, "ERROR")],
        *[(60, "ERROR"), ("50", "ERROR"), (30.5, "INFO"), (10**400, "ERROR")],
        # syslog
        *[(0, "ERROR"), (3, "ERROR"), (4, "WARN"), (6, "INFO"), (7, "DEBUG")],
        *[(True, "INFO"), (-1, "INFO"), (9, "INFO"), ([50], "INFO"), ("²", "INFO")],
    ],
)
def test_levels(given_level: object, level: str) -> None:
    assert read({"level": given_level}).level == level


@pytest.mark.parametrize("ts", ["yesterday", 5, None, "2026-04-16T04:28:34", {"a": 1}])
def test_a_time_that_is_none_is_ours(ts: object) -> None:
    assert read({"ts": ts}).ts_ms == NOW_MS


def test_pino_and_bunyan_say_when_it_was_in_time() -> None:
    assert read({"time": NOW_MS - 7}).ts_ms == NOW_MS - 7
    assert read({"time": "2026-04-16T04:28:34.123Z"}).ts_ms == 1_776_313_714_123
    assert read({"time": 12}).ts_ms == NOW_MS


def test_half_a_surrogate_pair_is_written_out() -> None:
    entry = read(b'{"message":"done \\ud83d","\\udc00":[true]}')
    assert json.loads(entry.payload) == {"message": "done \\ud83d", "\\udc00": [True]}
    entry.payload.encode()


@given(st.binary(max_size=300), st.text(max_size=20))
def test_nothing_breaks_it(payload: bytes, name: str) -> None:
    for topic in ("logging/cam-01", f"logging/{name}"):
        entry = read_message(topic, payload, NOW_MS)
        if entry is not None:
            assert entry.level in LEVELS
            assert isinstance(json.loads(entry.payload), dict)
            entry.payload.encode()
