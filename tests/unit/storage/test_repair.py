"""What is done about a mount that is not well, and when."""

from dataclasses import replace

import pytest

from ctlr.storage.repair import (
    MOST_TRIES,
    PAUSE,
    WELL_AFTER_S,
    Case,
    Step,
    failed,
    follow,
    may_try,
    needed_step,
    tried,
)
from ctlr.storage.states import READ_ONLY, MountState, State

ILL = MountState("/mnt/logging", error="ill")
WELL = MountState("/mnt/logging", state=State.OK, accessible=True, error=None)


@pytest.mark.parametrize(
    ("state", "mounted", "plugged_in", "step"),
    [
        (State.ABSENT, False, True, Step.MOUNT),
        (State.ABSENT, False, False, None),
        (State.STALE, True, True, Step.REMOUNT),
        (State.STALE, True, False, Step.UNMOUNT),
        (State.STALE, False, True, None),
        (State.STACKED, True, True, Step.REMOUNT),
        (State.STACKED, True, False, Step.UNMOUNT),
        (State.FOREIGN, True, True, Step.UNMOUNT),
        (State.FOREIGN, False, False, None),
        (State.HUNG, True, True, None),
        (State.EJECTED, False, True, None),
        (State.EJECTED, True, True, None),
        (State.MOUNTING, True, True, None),
        (State.OK, True, True, None),
    ],
)
def test_each_state(state: State, *, mounted: bool, plugged_in: bool, step: Step | None) -> None:
    seen = replace(ILL, state=state)
    assert needed_step(seen, is_mounted=mounted, is_plugged_in=plugged_in) is step


def test_read_only_is_repaired_and_a_wrong_owner_is_not() -> None:
    flipped = replace(ILL, state=State.RO, error=READ_ONLY)
    assert needed_step(flipped, is_mounted=True, is_plugged_in=True) is Step.REMOUNT
    denied = replace(ILL, state=State.OK, error="it cannot be written to (Permission denied)")
    assert needed_step(denied, is_mounted=True, is_plugged_in=True) is None


def test_a_drive_that_was_gone_at_a_try_is_plugged_in_again_even_under_its_old_number() -> None:
    case = tried(tried(Case(device="8:1"), 10.0), 11.0)
    absent = replace(ILL, state=State.ABSENT)
    assert not may_try(follow(failed(case, "busy"), absent, "8:1", 12.0), Step.MOUNT, 12.0)
    assert may_try(follow(failed(case, "absent"), absent, "8:1", 12.0), Step.MOUNT, 12.0)


def test_the_first_try_is_at_once_and_each_further_one_later_and_then_none() -> None:
    case, now, pauses = Case(), 1000.0, []
    while may_try(case, Step.MOUNT, now):
        case, before = tried(case, now), now
        while not case.given_up and not may_try(case, Step.MOUNT, now):
            now += 1
        pauses.append(now - before)
    assert len(pauses) == MOST_TRIES
    assert pauses == [5, 20, 80, 300, 0]
    assert not may_try(case, Step.MOUNT, now + 10 * PAUSE.longest_s)


def test_pauses_are_bounded() -> None:
    assert [PAUSE.delay_s(n) for n in (1, 2, 3, 4, 50)] == [5, 20, 80, 300, 300]


def test_a_drive_that_is_plugged_again_is_a_new_case() -> None:
    worn = Case(tries=MOST_TRIES, last_try_at=5, device="8:1")
    assert follow(worn, ILL, "8:1", 9).given_up
    assert may_try(follow(worn, ILL, "8:17", 9), Step.MOUNT, 9)
    pulled = follow(worn, ILL, None, 9)
    assert may_try(follow(pulled, ILL, "8:1", 9), Step.MOUNT, 9)  # back in the same port


def test_a_new_fault_after_a_repair_that_helped_is_repaired_at_once_but_not_for_ever() -> None:
    case, at_once = tried(Case(device="8:1"), 0), 0
    while may_try(case := follow(case, WELL, "8:1", 1), Step.MOUNT, 1):
        case, at_once = tried(case, 1), at_once + 1
    assert at_once == 2


def test_a_drive_that_flaps_is_no_new_case_each_time() -> None:
    case = tried(Case(device="8:1"), 0)
    case = follow(case, WELL, "8:1", 10)
    case = follow(case, ILL, "8:1", 20)
    assert case.tries == 1
    case = follow(case, WELL, "8:1", 30)
    assert follow(case, WELL, "8:1", 30 + WELL_AFTER_S - 1).tries == 1
    assert follow(case, WELL, "8:1", 30 + WELL_AFTER_S).tries == 0


def test_what_must_not_be_there_is_taken_off_however_often_that_failed() -> None:
    worn = Case(tries=MOST_TRIES, last_try_at=5, device="8:1")
    assert not may_try(worn, Step.MOUNT, 5 + PAUSE.longest_s)
    assert not may_try(worn, Step.UNMOUNT, 4 + PAUSE.longest_s)
    assert may_try(worn, Step.UNMOUNT, 5 + PAUSE.longest_s)


def test_a_strangers_drive_is_not_mounted_again_until_another_comes() -> None:
    stranger = replace(ILL, state=State.FOREIGN, mounted=True)
    case = follow(tried(Case(device="8:1"), 0), stranger, "8:1", 1)
    taken_off = follow(tried(case, 1), replace(ILL, state=State.ABSENT), "8:1", 2)
    assert not may_try(taken_off, Step.MOUNT, 2 + PAUSE.longest_s)
    assert may_try(follow(taken_off, ILL, "8:17", 3), Step.MOUNT, 3)
