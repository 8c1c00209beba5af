"""The record screen: what the button does, what the headline says, what needs hands."""

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.page.facts import ILL, NOW, UUID, camera, facts, lost, session

from ctlr.page.view import limits, record, words
from ctlr.page.view.memory import CameraMemory, Memory
from ctlr.page.view.preflight import drive_fix, lines, summary
from ctlr.page.view.rig import id_of, rig_view
from ctlr.recording.preflight import Space, check_rig
from ctlr.recording.presses import Press
from ctlr.sessions.model import SessionState
from ctlr.storage.eject_rules import Phase
from ctlr.storage.states import MountState, State

RECORDING = {"current": session(), "recorded_s": 60.0, "views": [camera(state="recording")]}


@pytest.mark.parametrize(
    ("changes", "text", "level"),
    [
        ({}, "Ready to record", "ok"),
        ({"views": [lost()]}, "Cannot record", "bad"),
        ({"views": []}, "Cannot record", "bad"),
        ({"logging": ILL}, "Would record, but look below", "warn"),
        ({"record_problem": "disk full"}, "Cannot record", "bad"),
        ({"phase": Phase.EJECTING}, "Cannot record", "bad"),
        (RECORDING, "Recording", "rec"),
        ({"current": session(SessionState.ARMING)}, "Starting", "rec"),
        ({"current": session(SessionState.STOPPING)}, "Stopping", "warn"),
    ],
    ids=str,
)
def test_the_headline(changes: dict[str, Any], text: str, level: str) -> None:
    found = record.headline(facts(**changes), findings_ok=True)
    assert (found.text, found.level) == (text, level)


def test_a_check_that_fails_is_said_beside_the_button() -> None:
    assert record.headline(facts(), findings_ok=False).level == "warn"


@pytest.mark.parametrize(
    ("changes", "text", "does", "disabled"),
    [
        ({}, "Record", "start", False),
        ({"views": [lost()]}, "Record", "start", True),
        (RECORDING, "Stop\u2026", "stop", False),
        ({"current": session(SessionState.ARMING)}, "Stop\u2026", "stop", False),
        ({"current": session(SessionState.STOPPING)}, "Stopping\u2026", "stop", True),
    ],
    ids=str,
)
def test_the_button(changes: dict[str, Any], text: str, does: str, *, disabled: bool) -> None:
    found = record.button(facts(**changes))
    assert (found.text, found.does, found.disabled) == (text, does, disabled)
    assert bool(found.why) is (disabled and does == "start")


@pytest.mark.parametrize(
    ("changes", "minutes", "then"),
    [
        ({}, 240, "it ends by itself after 4 h"),
        (
            {"views": [camera(minutes_left=20), camera("cam-02", minutes_left=9)]},
            9,
            "cam-02's card",
        ),
        ({"minutes_left": 30.0}, 30, "the logging drive is full"),
        ({"minutes_left": 30.0, "logging": ILL}, 240, "it ends by itself"),
        ({"recorded_s": 14_100.0}, 5, "it ends by itself"),
    ],
    ids=str,
)
def test_the_least_limit_is_named_with_its_time(
    changes: dict[str, Any], minutes: int, then: str
) -> None:
    said = limits.until(facts(**changes))
    ends_ms = (NOW + minutes * 60_000) // 60_000 * 60_000
    assert said.startswith(f"Records until {words.at(ends_ms)}, then {then}")


def test_a_card_that_is_full_is_said_without_a_time() -> None:
    said = limits.until(facts(views=[camera(state="recording", minutes_left=0)]))
    assert said == "cam-01's card is full."


def test_a_camera_that_is_lost_needs_hands_only_while_it_records() -> None:
    found = record.alerts(facts(**{**RECORDING, "views": [lost()]}), {})
    assert [(alert.key, alert.hands) for alert in found] == [("lost cam-01", True)]
    idle = record.alerts(facts(views=[lost()]), {})
    assert [(alert.key, alert.hands) for alert in idle] == [("lost cam-01", False)]


@pytest.mark.parametrize(
    ("view", "key"),
    [
        (camera(state="error", error="no device"), "error cam-01"),
        (camera(state="idle"), "idle cam-01"),
    ],
)
def test_a_camera_that_does_not_record_needs_hands(view: Any, key: str) -> None:
    found = record.alerts(facts(**{**RECORDING, "views": [view]}), {})
    assert [alert.key for alert in found if alert.hands] == [key]


def test_what_was_wrong_stays_said_though_it_is_well_now() -> None:
    known = {"cam-01": CameraMemory(dropped=3, lost=1, away_ms=12_000)}
    found = record.alerts(facts(**RECORDING), known)
    assert [alert.text for alert in found] == [
        "cam-01 has dropped 3 frames in this take.",
        "cam-01 was away for 12 s in this take. It may have recorded on its card.",
    ]
    assert record.watch(facts(**RECORDING), found).text == f"1 of 2: {found[0].text}"


def test_the_line_that_never_moves_says_that_all_is_well() -> None:
    found = record.watch(facts(**RECORDING), [])
    assert (found.level, found.text) == ("ok", "1 camera of 1 record, no frame was dropped.")


def test_a_card_shows_what_stays_and_a_level_for_it() -> None:
    memory = Memory(UUID, {"cam-01": CameraMemory(late_ms=4000)})
    view = rig_view(facts(**RECORDING), [], memory, screens=2)
    (card,) = view["cameras"]
    assert card["latched"] == "Joined 4 s late."
    assert (card["state"], card["level"]) == ("recording", "warn")
    assert view["company"]["others"] == "2 screens watch this rig."


def test_a_view_that_is_the_same_has_the_same_name() -> None:
    views = [rig_view(facts(now_ms=NOW + later), [], Memory(), 1) for later in (0, 5000)]
    assert id_of(views[0]) == id_of(views[1])
    other = rig_view(facts(views=[lost()]), [], Memory(), 1)
    assert id_of(other) != id_of(views[0])


@pytest.mark.parametrize(
    ("mount", "call"),
    [
        (replace(ILL, state=State.EJECTED), "POST /api/storage/mount"),
        (replace(ILL, state=State.FOREIGN), "POST /api/storage/adopt?mount=sync"),
        (ILL, "POST /api/storage/remount?mount=sync"),
        (replace(ILL, state=State.MOUNTING), None),
    ],
    ids=str,
)
def test_a_drive_that_is_not_well_has_its_fix_as_a_button(
    mount: MountState, call: str | None
) -> None:
    fix = drive_fix("sync", mount)
    assert (fix and fix.call) == call


def test_a_foreign_drive_is_asked_about_first() -> None:
    fix = drive_fix("sync", replace(ILL, state=State.FOREIGN))
    assert fix is not None
    assert fix.sure


def test_the_checks_that_fail_come_first_with_their_fix() -> None:
    spaces = {"logging": Space(True, None, 600), "sync": Space(False, "not mounted", None)}
    findings = check_rig([camera()], spaces, now_ms=NOW)
    found = lines(findings, {"logging": facts().logging, "sync": replace(ILL, state=State.ABSENT)})
    assert (found[0].name, found[0].ok) == ("Sync drive", False)
    assert found[0].fix is not None
    assert found[0].fix.label == "Mount it again"
    assert summary(found) == "1 of 5 checks need a look."
    assert all(line.fix is None for line in found if line.ok)


def test_who_pressed_last_is_said_for_a_while() -> None:
    presses = {
        "started": Press(UUID, "An iPhone", NOW - 60_000),
        "stopped": Press(UUID, "A laptop", NOW - 5_000),
    }
    company = rig_view(facts(**presses), [], Memory(), screens=1)["company"]
    assert company == {
        "others": "",
        "act": f"A laptop stopped the take at {words.at(NOW - 5_000)}.",
    }
    later = facts(**presses, now_ms=NOW + 3_600_000)
    assert rig_view(later, [], Memory(), screens=1)["company"]["act"] == ""
