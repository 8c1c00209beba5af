import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctlr.postprocess.tables.rows import Rows, read_rows
from ctlr.postprocess.tables.text import Limits


def texts(rows: Rows, width: int) -> list[list[str]]:
    columns = [rows.texts(index) for index in range(width)]
    return [[column[row] for column in columns] for row in range(len(rows))]


def test_blank_lines_and_comments_are_no_rows() -> None:
    rows = Rows("\n\n1,2\n# a\n\n\n  // note\n3,4\n% 5,6,7\n#5,6\n", ",", 2)
    assert texts(rows, 2) == [["1", "2"], ["3", "4"], ["#5", "6"]]
    assert rows.numbers(1).tolist() == [2, 4, 6]
    assert len(Rows("", ",", 2)) == 0


@pytest.mark.parametrize(
    "numbers", ["1,2\n3,4\n", "1,2,\n3,4,\n", '"1","2"\n3,4\n', "1,x\n1,2\n3,4"]
)
def test_numbers_are_the_same_however_they_are_read(numbers: str) -> None:
    rows = Rows(numbers, ",", 2)
    assert rows.numbers(0)[-2:].tolist() == [1, 3]
    assert rows.numbers(1)[-2:].tolist() == [2, 4]
    assert rows.uneven == 0


def test_columns_that_were_read_together_are_the_same_ones() -> None:
    rows = Rows("1;2,5;3\n4;5;6\n", ";", 3)
    rows.read_numbers((2, 1))
    assert rows.numbers(1).tolist() == [2.5, 5]
    assert rows.numbers(2).tolist() == [3, 6]


def test_rows_of_changing_width_are_not_taken_for_even_ones() -> None:
    rows = Rows("1,2\n3,4,5\n6\n7,8\n", ",", 2)
    assert rows.uneven == 2
    assert rows.numbers(0).tolist()[::3] == [1, 7]
    assert texts(rows, 2) == [["1", "2"], ["", ""], ["", ""], ["7", "8"]]


def test_what_is_quoted_parts_nothing() -> None:
    rows = Rows('"a,b";"c""d"\n"line\nbreak"; "; "\n', ";", 2)
    assert texts(rows, 2) == [["a,b", 'c"d'], ["line\nbreak", "; "]]
    assert not rows.stray_quotes


@pytest.mark.parametrize(
    "data",
    ['1,5" tube\n2,3\n', '1,2"\n"x"y,3\n', '"1,2\n3,4\n', '1,"2\n3,4\n5,6"\n7,8\n'],
    ids=["in a field", "at its end", "never closed", "rows in between"],
)
def test_a_stray_quote_swallows_nothing(data: str) -> None:
    rows = Rows(data, ",", 2)
    assert len(rows) == data.count("\n")
    assert rows.uneven == 0


def test_short_rows_keep_what_is_surely_whole() -> None:
    rows = Rows("1,2,3\n4,5\n6\n7,8,9\n", ",", 3)
    assert texts(rows, 3) == [["1", "2", "3"], ["4", "", ""], ["", "", ""], ["7", "8", "9"]]
    assert rows.uneven == 2


def test_in_long_rows_nothing_is_where_it_belongs() -> None:
    rows = Rows("1,5,2,5\n1,2\n1,2,\n", ",", 2)
    assert texts(rows, 2) == [["", ""], ["1", "2"], ["1", "2"]]
    assert rows.uneven == 1


def test_a_field_longer_than_any_costs_its_row() -> None:
    rows = Rows("1,2\n" + "9" * 200_000 + ",3\n4,5,6\n7,8\n", ",", 2)
    assert rows.numbers(0)[[0, 3]].tolist() == [1, 7]
    assert rows.uneven == 2


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n#%/"), max_size=8)


@given(
    st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=1, max_size=20),
    st.sampled_from(",;\t|"),
    st.integers(1, 50),
)
def test_what_python_writes_is_read_alike(
    table: list[list[str]], delimiter: str, block: int
) -> None:
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows(table)
    data = file.getvalue()
    blocks = [data[at : at + block] for at in range(0, len(data), block)]
    found = [row for rows in read_rows(blocks, delimiter, 3) for row in texts(rows, 3)]
    assert found == table


@given(st.text(max_size=300), st.integers(1, 40), st.integers(1, 60))
def test_any_text_has_rows(data: str, block: int, most: int) -> None:
    blocks = [data[at : at + block] for at in range(0, len(data), block)]
    limits = Limits(row_chars=most)
    for rows in read_rows(blocks, ",", 2, limits):
        for column in range(2):
            assert len(rows.numbers(column)) == len(rows.texts(column)) == len(rows)
        assert 0 <= rows.uneven <= len(rows)
