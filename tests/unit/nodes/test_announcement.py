"""What is believed of an announcement, and what it clashes with."""

import pytest

from ctlr.nodes.addresses import is_local
from ctlr.nodes.announcement import (
    Announced,
    KnownNode,
    believe,
    find_conflict,
    is_known,
    service_name,
    text_record,
)

NOW = 1_776_313_714_000
CAMERA = Announced("cam-01", ("10.0.0.11:8080", "192.168.4.2:8080"), "1.2.3", "1", NOW)


def test_what_a_camera_says_is_understood() -> None:
    text = text_record("cam-01", "1.2.3")
    assert believe(service_name("cam-01"), ["10.0.0.11", "192.168.4.2"], 8080, text, NOW) == CAMERA


@pytest.mark.parametrize(
    ("service", "hosts", "port", "text"),
    [
        ("CAM-01", ["10.0.0.11"], 8080, {}),
        ("../etc", ["10.0.0.11"], 8080, {}),
        ("phone", ["10.0.0.11"], 8080, {}),
        ("a.b", ["10.0.0.11"], 8080, {}),
        ("", ["10.0.0.11"], 8080, {}),
        ("cam-01", ["8.8.8.8"], 8080, {}),
        ("cam-01", [], 8080, {}),
        ("cam-01", ["10.0.0.11"], 0, {}),
        ("cam-01", ["10.0.0.11"], 70000, {}),
        ("cam-01", ["10.0.0.11"], 8080, {"name": "cam-02"}),
        ("cam-01", ["10.0.0.11"], 8080, {"name": None}),
    ],
)
def test_what_no_camera_would_say_is_not_believed(
    service: str, hosts: list[str], port: int, text: dict[str, str | None]
) -> None:
    assert believe(service_name(service), hosts, port, text, NOW) is None


def test_foreign_addresses_are_left_out_and_the_most_useful_come_first() -> None:
    hosts = ["127.0.0.1", "8.8.8.8", "fe80::1", "169.254.1.1", "10.0.0.2", "10.0.0.1"]
    found = believe(service_name("cam-01"), hosts, 80, {}, NOW)
    assert found is not None
    assert found.addresses == ("10.0.0.1:80", "10.0.0.2:80", "169.254.1.1:80", "127.0.0.1:80")


@pytest.mark.parametrize("text", ["\x1b[31mred", "[bold]", "", "1" * 40, "1 2", None])
def test_a_version_that_is_not_one_is_not_shown(text: str | None) -> None:
    found = believe(service_name("cam-01"), ["10.0.0.1"], 80, {"version": text, "api": text}, NOW)
    assert found is not None
    assert (found.version, found.api) == (None, None)


@pytest.mark.parametrize(
    "host", ["10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.7.7", "127.0.0.1"]
)
def test_addresses_of_the_own_network(host: str) -> None:
    assert is_local(host)


@pytest.mark.parametrize(
    "host",
    ["8.8.8.8", "0.0.0.0", "224.0.0.251", "255.255.255.255", "240.0.0.1", "::1", "x", "1.2.3"],
)
def test_addresses_of_elsewhere(host: str) -> None:
    assert not is_local(host)


CONFLICTS: dict[str, tuple[KnownNode, bool, str | None]] = {
    "another camera": (KnownNode("cam-02", "10.0.0.12:8080", True), False, None),
    "the same, at any of its addresses": (
        KnownNode("cam-01", "192.168.4.2:8080", False),
        True,
        None,
    ),
    "the same, known by host name": (KnownNode("cam-01", "cam-01.lan:8080", True), True, None),
    "the host name leads nowhere": (
        KnownNode("cam-01", "cam-01.lan:8080", False),
        False,
        "nobody answers",
    ),
    "the same host, another port": (
        KnownNode("cam-01", "cam-01.lan:9090", True),
        False,
        "announces itself at 10.0.0.11:8080",
    ),
    "the name is taken": (
        KnownNode("cam-01", "10.0.0.99:8080", True),
        False,
        "has a camera cam-01 at 10.0.0.99:8080;",
    ),
    "the place is taken": (
        KnownNode("bench", "10.0.0.11:8080", True),
        False,
        "under the name bench",
    ),
}


@pytest.mark.parametrize(("node", "known", "conflict"), CONFLICTS.values(), ids=CONFLICTS.keys())
def test_a_camera_beside_those_that_the_rig_has(
    node: KnownNode, known: bool, conflict: str | None
) -> None:
    assert is_known(CAMERA, [node]) is known
    found = find_conflict(CAMERA, [node])
    assert (found is None) if conflict is None else (found is not None and conflict in found)
