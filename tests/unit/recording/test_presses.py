"""Who pressed: the first of those who asked for the same."""

from ctlr.recording.presses import Press, Presses

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"


def test_the_first_pressed_and_a_repetition_is_no_news() -> None:
    told: list[None] = []
    presses = Presses(lambda: told.append(None))
    presses.note_start(Press(UUID, "Kim's phone", 1000))
    presses.note_start(Press(UUID, "10.0.0.7", 1000))
    assert presses.start == Press(UUID, "Kim's phone", 1000)
    presses.note_stop(Press(UUID, "10.0.0.7", 5000))
    presses.note_stop(Press("an earlier one", "Kim's phone", 400))
    assert presses.stop == Press(UUID, "10.0.0.7", 5000)
    assert len(told) == 2
