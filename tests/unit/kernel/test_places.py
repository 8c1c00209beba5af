"""Who leaves for a newcomer: never who is being served, never a stranger's victim."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctlr.kernel.places import Held, NoPlaceError, Stage, find_leaver, group_of

held = st.builds(Held, st.sampled_from(["a", "b", "c"]), st.sampled_from(Stage), st.floats(0, 100))


def test_while_there_is_room_nobody_leaves() -> None:
    assert find_leaver([Held("a", Stage.IDLE, 0)] * 3, "a", per_address=4, in_all=4) is None


@pytest.mark.parametrize("stage", [Stage.IDLE, Stage.ANSWERING, Stage.RECEIVING])
def test_of_ones_own_the_one_that_shows_least_leaves(stage: Stage) -> None:
    others = [Held("b", Stage.IDLE, 0), Held("a", Stage.WORKING, 1)]
    mine = [Held("a", stage, 9), Held("a", stage, 5), Held("a", Stage.WORKING, 0)]
    assert find_leaver([*others, *mine], "a", per_address=4, in_all=9) == 3


def test_where_all_is_taken_the_host_that_has_most_gives_way() -> None:
    stranger = [Held("x", Stage.RECEIVING, 50 + n) for n in range(6)]
    phone = [Held("p", Stage.IDLE, 0), Held("p", Stage.RECEIVING, 1)]
    assert find_leaver([*phone, *stranger], "new", per_address=7, in_all=8) == 2


def test_what_is_worked_on_is_never_broken_off() -> None:
    with pytest.raises(NoPlaceError):
        find_leaver([Held("a", Stage.WORKING, 0)] * 4, "a", per_address=4, in_all=9)
    with pytest.raises(NoPlaceError):
        find_leaver([Held("a", Stage.WORKING, 0)] * 4, "b", per_address=9, in_all=4)


@given(st.lists(held, max_size=12), st.sampled_from(["a", "b", "new"]))
def test_bounds_hold_and_one_host_costs_no_other(taken: list[Held], newcomer: str) -> None:
    counts = Counter(one.group for one in taken)
    try:
        leaver = find_leaver(taken, newcomer, per_address=4, in_all=8)
    except NoPlaceError:
        return
    if leaver is None:
        assert counts[newcomer] < 4
        assert len(taken) < 8
        return
    gone = taken[leaver]
    assert gone.stage is not Stage.WORKING
    if counts[newcomer] >= 4:
        assert gone.group == newcomer
    else:
        movable = {one.group for one in taken if one.stage is not Stage.WORKING}
        assert counts[gone.group] == max(counts[group] for group in movable)


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("10.0.0.5", "10.0.0.5"),
        ("::ffff:10.0.0.5", "10.0.0.5"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::9", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::1"),
        ("", ""),
    ],
)
def test_addresses_of_one_host_count_as_one(address: str, group: str) -> None:
    assert group_of(address) == group
