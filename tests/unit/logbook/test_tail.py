from ctlr.logbook.entry import Entry
from ctlr.logbook.tail import Arrived, Tail, Ticket


def arrived(number: int, size: int = 10) -> Arrived:
    return Arrived(Entry(str(number), "n", "INFO", 0, 0, "x" * size), Ticket(1, number))


def mids(items: list[Arrived]) -> list[int]:
    return [item.ticket.mid for item in items if item.ticket]


def test_first_in_first_out() -> None:
    tail = Tail()
    for number in range(5):
        assert tail.put(arrived(number)) == []
    assert mids(tail.take(3)) == [0, 1, 2]
    assert mids(tail.take(9)) == [3, 4]
    assert tail.take(9) == []


def test_what_was_taken_in_vain_comes_first_again() -> None:
    tail = Tail()
    for number in range(4):
        tail.put(arrived(number))
    taken = tail.take(2)
    tail.put(arrived(4))
    assert tail.put_back(taken) == []
    assert mids(tail.take(9)) == [0, 1, 2, 3, 4]


def test_the_oldest_go_at_both_bounds_and_are_counted() -> None:
    tail = Tail(max_records=3, max_bytes=100)
    gone = [mids(tail.put(arrived(number))) for number in range(5)]
    assert gone == [[], [], [], [0], [1]]
    assert mids(tail.put(arrived(5, size=85))) == [2, 3]
    assert mids(tail.put_back([arrived(1)])) == [1]
    assert (len(tail), tail.dropped) == (2, 5)
