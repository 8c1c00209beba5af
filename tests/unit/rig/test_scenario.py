"""Which scenarios a run tells, and how often."""

import pytest
from rig import scenarios
from rig.scenario import how_often


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["wrong drive"], {"wrong drive with the same labels": 1, "emulated: wrong drive with the same labels": 0}),
        (["emulated: wrong drive"], {"emulated: wrong drive with the same labels": 1}),
        (["new disk"], {"new disk, made a drive by the installer": 1}),
        (["no such scenario"], {}),
    ],
)  # fmt: skip
def test_what_is_named_is_told(words: list[str], told: dict[str, int]) -> None:
    assert scenarios.__all__
    chosen = how_often(words, full=False, times=0)
    assert {one.name: times for one, times in chosen} == told


def test_a_short_run_has_the_first_day_and_the_second_installation() -> None:
    told = {one.name for one, times in how_often([], full=False, times=0) if times}
    assert {"first day of a crew, without sudo", "install again with other values"} <= told


def test_so_many_times_is_so_many_times() -> None:
    assert [times for _, times in how_often(["new disk"], full=True, times=3)] == [3]
