"""A still is never worth a frame."""

import pytest

from ctlr.camera.stills.rules import QUIET_S, DropWatch, Strain, why_no_still


@pytest.mark.parametrize(
    ("strain", "refused"),
    [
        (Strain(), None),
        (Strain("under-voltage since boot, throttled since boot"), None),
        (Strain("throttled, under-voltage since boot"), "slowed down (throttled)"),
        (Strain(is_dropping=True), "lost frames"),
        (Strain(queued_s=0.9), None),
        (Strain(queued_s=1.1), "card is slow"),
        (Strain(unsent=3), None),
        (Strain(unsent=4), "lags behind"),
    ],
    ids=str,
)
def test_what_refuses_it(strain: Strain, refused: str | None) -> None:
    reason = why_no_still(strain)
    assert (reason is None) == (refused is None)
    assert (refused or "") in (reason or "")


def test_lost_frames_are_remembered_for_a_while_and_of_this_recording_only() -> None:
    watch = DropWatch()
    assert watch.check(0, 100.0) is False
    assert watch.check(2, 101.0) is True
    assert watch.check(2, 101.0 + QUIET_S - 0.1) is True
    assert watch.check(2, 101.0 + QUIET_S) is False
    assert watch.check(0, 200.0) is False  # the next recording
    assert watch.check(1, 201.0) is True
