from itertools import pairwise, product

import pytest

from ctlr.sessions.lifecycle import IllegalTransitionError, check_transition
from ctlr.sessions.model import ACTIVE_STATES
from ctlr.sessions.model import SessionState as S


def may_follow(current: S, following: S) -> bool:
    try:
        check_transition(current, following)
    except IllegalTransitionError:
        return False
    return True


def test_the_way_of_a_session() -> None:
    way = [S.ARMING, S.RECORDING, S.STOPPING, S.COLLECTING, S.PROCESSING, S.DONE]
    assert all(may_follow(a, b) for a, b in pairwise(way))


@pytest.mark.parametrize(
    ("current", "following"),
    [
        (S.RECORDING, S.FAILED),
        (S.RECORDING, S.DONE),
        (S.RECORDING, S.ARMING),
        (S.STOPPING, S.RECORDING),
        (S.DONE, S.RECORDING),
        (S.COLLECTING, S.RECORDING),
    ],
)
def test_no_way_back(current: S, following: S) -> None:
    assert not may_follow(current, following)


def test_what_was_recorded_is_never_recorded_again() -> None:
    recorded = [state for state in S if state not in ACTIVE_STATES | {S.FAILED}]
    assert not any(may_follow(a, b) for a, b in product(recorded, ACTIVE_STATES))


def test_every_state_leads_somewhere() -> None:
    assert all(any(may_follow(state, other) for other in S) for state in S)
