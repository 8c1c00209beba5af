from hypothesis import given, settings
from hypothesis import strategies as st

from ctlr.layout.can_files import (
    ARRIVAL_HEADER,
    Run,
    arrival_name,
    encode_run,
    newest_last,
    parse_piece_name,
    parse_run,
    piece_name,
)

numbers = st.integers(0, 10**15)


@settings(deadline=None)
@given(
    st.builds(
        Run,
        numbers,
        st.text("az09_-", max_size=31).map("c{}".format),
        *(numbers, numbers, numbers),
        *(st.integers(-(10**19), 10**20 - 1), st.integers(-(10**19), 10**20 - 1)),
    )
)
def test_what_is_written_is_read(run: Run) -> None:
    assert parse_run(encode_run(run)) == run


def test_a_heading_and_a_torn_line_are_no_runs() -> None:
    line = encode_run(Run(1, "can0", 2, 3, 4, 5, 6))
    assert parse_run(ARRIVAL_HEADER) is None
    assert [parse_run(line[:cut]) for cut in range(len(line))] == [None] * len(line)


@settings(deadline=None)
@given(st.binary(max_size=100))
def test_no_line_raises(line: bytes) -> None:
    parse_run(line)


def test_pieces_stand_in_the_order_of_their_numbers() -> None:
    names = ["raw.csv", "raw-1000000.csv", "raw-000002.csv", "raw-000002.arrival.csv", "x.csv"]
    assert newest_last(names) == ["raw-000002.csv", "raw-1000000.csv", "raw.csv"]
    assert newest_last([]) == []
    assert parse_piece_name(piece_name(7)) == 7
    assert arrival_name("raw.csv") == "raw.arrival.csv"
    assert arrival_name(piece_name(7)) == "raw-000007.arrival.csv"
