"""Whom the broker has refused, from lines that a mosquitto has written."""

import pytest

from ctlr.telemetry.broker_log import LATELY_S, RefusedClients

CAME = "1796058695: New connection from {} on port 1883."
IS_IN = "1796058695: New client connected from {} as auto-DDDA82D7 (p2, c1, k60, u'ctlr')."
REFUSED = "1796058695: Client <unknown> disconnected, not authorised."
GONE = "1796058695: Client auto-DDDA82D7 disconnected."


def refused(*lines: str) -> dict[str, int]:
    clients = RefusedClients()
    for line in lines:
        clients.hear(line, 5.0)
    return clients.lately(5.0)


def test_a_refusal_is_that_of_the_connection_before_it() -> None:
    assert refused(CAME.format("10.0.0.12:58768"), REFUSED) == {"10.0.0.12": 1}
    again = [CAME.format("10.0.0.12:58769"), REFUSED]
    assert refused(*again, *again, *again) == {"10.0.0.12": 3}


def test_who_is_let_in_is_not_refused() -> None:
    lines = [CAME.format("10.0.0.7:1"), CAME.format("10.0.0.12:2"), IS_IN.format("10.0.0.7:1")]
    assert refused(*lines, REFUSED, GONE) == {"10.0.0.12": 1}


@pytest.mark.parametrize(
    ("line", "address"),
    [
        ("1: Client cam [10.0.0.12:5] disconnected, not authorised.", "10.0.0.12"),
        ("1: Client cam [10.0.0.12:5] disconnected: not authorised.", "10.0.0.12"),
    ],
)
def test_later_versions_name_the_address(line: str, address: str) -> None:
    assert refused(CAME.format("10.0.0.7:1"), line) == {address: 1}


@pytest.mark.parametrize("who", ["::ffff:10.0.0.12:58768", "10.0.0.12:58768"])
def test_an_address_is_written_in_one_way(who: str) -> None:
    assert refused(CAME.format(who), REFUSED) == {"10.0.0.12": 1}


def test_what_is_no_refusal_says_nothing() -> None:
    assert refused(REFUSED) == {}
    assert refused("", GONE, "1: Saving in-memory database.", CAME.format("10.0.0.7:1")) == {}


def test_a_refusal_is_forgotten_after_a_while() -> None:
    clients = RefusedClients()
    for at_s in (0.0, 100.0):
        clients.hear(CAME.format("10.0.0.12:1"), at_s)
        clients.hear(REFUSED, at_s)
    assert clients.lately(LATELY_S - 1) == {"10.0.0.12": 2}
    assert clients.lately(LATELY_S + 1) == {"10.0.0.12": 1}
    assert clients.lately(LATELY_S + 101) == {}


def test_a_flood_of_addresses_is_bounded() -> None:
    clients = RefusedClients()
    for number in range(5000):
        clients.hear(CAME.format(f"10.0.{number // 250}.{number % 250}:1"), 0.0)
        clients.hear(REFUSED, 0.0)
    assert len(clients.lately(1.0)) <= 256
