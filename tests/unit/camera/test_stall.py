"""When a camera that gives nothing is given up."""

import pytest

from ctlr.camera.stall import (
    ENDS_AFTER,
    ENDS_AFTER_OPENING,
    SHOWN_AFTER,
    CameraStalledError,
    StallWatch,
)


@pytest.mark.parametrize(
    ("fps", "opened", "looks"),
    [(30, True, ENDS_AFTER), (30, False, ENDS_AFTER_OPENING), (0.1, True, 30)],
)
def test_a_silent_camera_is_said_and_then_given_up(fps: float, *, opened: bool, looks: int) -> None:
    watch = StallWatch(fps)
    assert watch.check(7, expected=True, opened=opened) is None  # the last picture
    said = [watch.check(7, expected=True, opened=opened) for _ in range(looks - 1)]
    assert [bool(text) for text in said] == [n >= SHOWN_AFTER for n in range(1, looks)]
    with pytest.raises(CameraStalledError):
        watch.check(7, expected=True, opened=opened)


def test_a_picture_or_a_pause_that_is_meant_begins_the_count_again() -> None:
    watch = StallWatch(30)
    for taken in range(3):
        for _ in range(ENDS_AFTER):
            watch.check(taken, expected=True, opened=True)
    for _ in range(2 * ENDS_AFTER):
        assert watch.check(2, expected=False, opened=True) is None
