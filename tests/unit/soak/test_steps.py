import pytest
from tests.soak.steps import ACTIONS, LINKS, PARTS, draw_steps

from ctlr.kernel.ids import is_session_id


def test_a_seed_is_one_story() -> None:
    assert draw_steps(7, 600) == draw_steps(7, 600)
    assert draw_steps(7, 600) != draw_steps(8, 600)


@pytest.mark.parametrize("seed", range(20))
def test_a_story_begins_with_a_start_is_bounded_and_disturbs_what_there_is(seed: int) -> None:
    steps = draw_steps(seed, 300)
    assert steps[0].action == "start"
    assert 300 <= sum(step.wait_s for step in steps) <= 304
    assert {step.action for step in steps} == set(ACTIONS)
    whats = {"kill": PARTS, "freeze": PARTS, "cut": LINKS}
    for step in steps:
        if step.action in whats:
            assert step.what in whats[step.action]
            assert 0 < step.lasts_s <= 5
        elif step.action == "start":
            assert is_session_id(step.what)
