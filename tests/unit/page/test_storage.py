"""The drive in words that are read from three metres."""

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.page.facts import ILL, WELL, facts, session

from ctlr.api.node_shapes import Node, NodeList
from ctlr.gate import Work
from ctlr.page.view.storage import drive
from ctlr.page.view.system import HIDDEN, configuration, versions
from ctlr.storage.eject_rules import Phase, wait_for
from ctlr.storage.states import State


@pytest.mark.parametrize(
    ("changes", "sign", "level"),
    [
        ({}, "Drive in use. Do not pull it", "warn"),
        ({"phase": Phase.EJECTED}, "Safe to remove drive", "ok"),
        ({"phase": Phase.EJECTING}, "Ejecting. Do not pull it yet", "warn"),
        ({"sync": ILL}, "The drive is not well", "bad"),
    ],
    ids=str,
)
def test_the_sign(changes: dict[str, Any], sign: str, level: str) -> None:
    found = drive(facts(**changes))
    assert (found.sign, found.level) == (sign, level)


def test_only_one_phase_says_that_it_is_safe() -> None:
    safe = [phase for phase in Phase if "Safe" in drive(facts(phase=phase)).sign]
    assert safe == [Phase.EJECTED]


def test_an_eject_that_waits_says_for_what_and_how_long() -> None:
    work = [Work("processing_in_progress", "Video processing", "Session x is joined", 130)]
    found = drive(facts(phase=Phase.WAITING, waits_for=wait_for(work)))
    assert "(2 min 10 s)" in found.sign
    assert found.waiting_for == ("Session x is joined (2 min 10 s).",)
    assert (found.can_mount, found.can_eject_when_safe) == (True, False)


def test_nothing_is_ejected_while_a_take_is_recorded() -> None:
    found = drive(facts(current=session()))
    assert not found.can_eject
    assert found.why


@pytest.mark.parametrize(
    ("state", "shown", "level"),
    [
        (WELL, "well", "ok"),
        (replace(WELL, full=True), "full", "bad"),
        (replace(WELL, latency_ms=4000.0), "slow", "warn"),
        (ILL, "pulled out or failing", "bad"),
        (replace(ILL, state=State.HUNG), "does not answer", "bad"),
        (replace(ILL, state=State.EJECTED), "ejected", "warn"),
    ],
    ids=str,
)
def test_a_partition(state: Any, shown: str, level: str) -> None:
    found = drive(facts(logging=state)).partitions[0]
    assert (found.state, found.level) == (shown, level)
    assert (found.fix is None) is (level == "ok")


def test_every_state_of_a_mount_has_a_word() -> None:
    for state in State:
        assert drive(facts(sync=replace(ILL, state=state))).partitions[1].state


def test_another_version_than_the_controller_s_is_said() -> None:
    known = [
        Node(name=name, address="h:1", origin="config", connected=True, error=None)
        for name in ("cam-01", "cam-02", "cam-03")
    ]
    nodes = NodeList(configured=known, discovered=[], discovery_error=None)
    found = versions("1.0", nodes, {"cam-01": "1.0", "cam-02": "0.9"})
    assert [version.level for version in found] == ["ok", "ok", "warn", ""]
    assert "the controller has 1.0" in found[2].note


def test_the_configuration_is_shown_without_its_secrets() -> None:
    values = {"node": "a", "mqtt": {"host": "b", "password": "c", "username": None}}
    assert dict(configuration(values)) == {
        "node": "a",
        "mqtt.host": "b",
        "mqtt.password": HIDDEN,
        "mqtt.username": "not set",
    }
