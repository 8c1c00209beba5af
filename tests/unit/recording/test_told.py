"""What was told about one session is news of no other, and is forgotten in time."""

from ctlr.recording.told import LateStart, Told

START, AGAIN = LateStart(5, again=False), LateStart(7, again=True)


def test_a_stop_belongs_to_the_session_that_it_ended() -> None:
    told = Told()
    told.keep_stop("cam", "old", 5)
    assert told.take_stop("cam", "new") is None
    assert told.take_stop("other", "old") is None
    assert told.take_stop("cam", "old") == 5
    assert told.take_stop("cam", "old") is None


def test_a_stop_that_found_nothing_to_stop_is_not_the_one_that_was_heard() -> None:
    told = Told()
    told.keep_stop("cam", "old", 5)
    told.keep_stop("cam", "old", None)
    assert told.take_stop("cam", "old") == 5


def test_a_start_is_unheard_until_it_is_known_what_became_of_it() -> None:
    told = Told()
    told.keep_start("cam", "new", START)
    told.keep_start("cam", "new", AGAIN)
    told.keep_stop("cam", "new", 9)
    assert told.unheard("new") == ["cam"]
    assert told.unheard("old") == []
    assert told.take_start("cam", "new") == AGAIN
    assert told.start("cam", "new") is None
    assert told.unheard("new") == []
    assert told.take_stop("cam", "new") == 9
    assert len(told) == 0


def test_a_session_that_is_over_is_forgotten() -> None:
    told = Told()
    told.keep_start("cam", "old", START)
    told.keep_stop("cam", "new", 5)
    told.keep_only({"new"})
    assert told.start("cam", "old") is None
    assert told.take_stop("cam", "new") == 5


def test_it_never_grows_beyond_its_bound() -> None:
    told = Told(most=3)
    for number in range(10):
        told.keep_stop("cam", str(number), number)
    assert len(told) == 3
    assert [told.take_stop("cam", str(number)) for number in (0, 6, 7, 9)] == [None, None, 7, 9]
