import json

from ctlr.logbook.loki import entry_time_ns, fitting, push_body
from ctlr.logbook.store import Stored

NOW_MS = 1_776_313_714_123
MINUTE_MS = 60_000


def record(number: int, node: str = "cam-01", level: str = "INFO", late_ms: int = 0) -> Stored:
    return Stored(number, node, level, NOW_MS - late_ms, NOW_MS, f'{{"n":{number}}}')


def test_a_push_has_a_stream_per_node_and_level_in_order() -> None:
    body = push_body([record(1), record(2, level="WARN"), record(3), record(4, "phone")])
    assert json.loads(body) == {
        "streams": [
            {
                "stream": {"job": "ctlr", "node": "cam-01", "level": "info"},
                "values": [[f"{NOW_MS}000001", '{"n":1}'], [f"{NOW_MS}000003", '{"n":3}']],
            },
            {
                "stream": {"job": "ctlr", "node": "cam-01", "level": "warn"},
                "values": [[f"{NOW_MS}000002", '{"n":2}']],
            },
            {
                "stream": {"job": "ctlr", "node": "phone", "level": "info"},
                "values": [[f"{NOW_MS}000004", '{"n":4}']],
            },
        ]
    }


def test_a_time_that_loki_would_refuse_becomes_that_of_the_arrival() -> None:
    own, arrival = (NOW_MS - 40 * MINUTE_MS) * 1_000_000 + 7, NOW_MS * 1_000_000 + 7
    assert entry_time_ns(record(7, late_ms=40 * MINUTE_MS)) == own
    assert entry_time_ns(record(7, late_ms=2 * 60 * MINUTE_MS)) == arrival
    assert entry_time_ns(record(7, late_ms=NOW_MS)) == arrival  # a clock that was never set
    assert entry_time_ns(record(7, late_ms=-MINUTE_MS)) == (NOW_MS + MINUTE_MS) * 1_000_000 + 7
    assert entry_time_ns(record(7, late_ms=-60 * MINUTE_MS)) == arrival


def test_a_body_is_bounded_but_never_empty() -> None:
    records = [Stored(n, "a", "INFO", 0, 0, "x" * 1000) for n in range(10)]
    assert len(fitting(records, 5000)) == 2
    assert len(fitting(records, 10)) == 1
    assert len(fitting(records)) == 10
    assert fitting([]) == []
    quotes = [Stored(n, "a", "INFO", 0, 0, '"' * 60_000) for n in range(10)]
    assert len(push_body(fitting(quotes))) <= 600 << 10
