import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctlr.postprocess.tables.rows import Rows, split_rows

COMMA, SEMICOLON = ord(","), ord(";")


def texts(rows: Rows, width: int) -> list[list[str]]:
    columns = [rows.column(index, width) for index in range(width)]
    return [[column.text(row) for column in columns] for row in range(len(rows))]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_rows_end_as_they_like(end: str) -> None:
    data = end.join(["a,b", "1,2", "", "3,4", ""]).encode()
    rows = split_rows(data, COMMA)
    assert texts(rows, 2) == [["a", "b"], ["1", "2"], ["3", "4"]]
    assert rows.used == len(data)


def test_line_ends_may_be_mixed() -> None:
    rows = split_rows(b"a,b\r\n1,2\n3,4\r5,6\n\r\n\n7,8\n", COMMA)
    assert texts(rows, 2) == [["a", "b"], ["1", "2"], ["3", "4"], ["5", "6"], ["7", "8"]]


def test_a_row_without_an_end_is_left_for_later() -> None:
    rows = split_rows(b"1,2\n3,", COMMA)
    assert (len(rows), rows.used) == (1, 4)
    assert len(split_rows(b"1,2", COMMA)) == 0
    assert len(split_rows(b"", COMMA)) == 0


def test_what_is_quoted_parts_nothing() -> None:
    data = b'"a,b";"c""d"\n"line\nbreak";"; "\n'
    assert texts(split_rows(data, SEMICOLON), 2) == [["a,b", 'c"d'], ["line\nbreak", ";"]]


@pytest.mark.parametrize(
    "data", [b'1,5" tube\n2,3\n', b'1,2"\n"x"y,3\n'], ids=["in a field", "at its end"]
)
def test_a_stray_quote_swallows_nothing(data: bytes) -> None:
    rows = split_rows(data, COMMA)
    assert rows.stray_quotes
    assert len(rows) == 2


def test_short_rows_keep_what_is_surely_whole() -> None:
    rows = split_rows(b"1,2,3\n4,5\n6\n7,8,9\n", COMMA)
    assert texts(rows, 3) == [["1", "2", "3"], ["4", "", ""], ["", "", ""], ["7", "8", "9"]]
    assert rows.uneven(3) == 2


def test_in_long_rows_nothing_is_where_it_belongs() -> None:
    rows = split_rows(b"1,5,2,5\n1,2\n1,2,\n", COMMA)
    assert texts(rows, 2) == [["", ""], ["1", "2"], ["1", "2"]]
    assert rows.uneven(2) == 1


def test_offsets_of_commas_that_part_nothing() -> None:
    rows = split_rows(b'1.5,"2,5"\n', COMMA)
    assert rows.points.tolist() == [1, 6, 10]
    assert split_rows(b"1,5;2.5\n", SEMICOLON).points.tolist() == [1, 5, 8]
    assert split_rows(b"1,5\n", COMMA).points.tolist() == [4]


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


@given(st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=1, max_size=20), st.integers(0, 2))
def test_what_python_writes_is_read_alike(table: list[list[str]], form: int) -> None:
    delimiter = ",;\t"[form]
    file = io.StringIO()
    if form == 1:
        csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(table)
    else:
        csv.writer(file, delimiter=delimiter).writerows(table)
    rows = split_rows(file.getvalue().encode(), ord(delimiter))
    wanted = [[cell.encode() for cell in row] for row in table]
    found = [[raw(rows, index, row) for index in range(3)] for row in range(len(rows))]
    assert found == wanted
    assert not rows.stray_quotes


def raw(rows: Rows, index: int, row: int) -> bytes:
    fields = rows.column(index, 3)
    data = fields.block[fields.starts[row] : fields.ends[row]].tobytes()
    return data[1:-1].replace(b'""', b'"') if data[:1] == b'"' else data


@given(st.binary(max_size=300))
def test_any_bytes_have_rows_in_order(data: bytes) -> None:
    rows = split_rows(data, COMMA)
    assert 0 <= rows.used <= len(data)
    ends = rows.marks[rows.last_marks]
    assert (rows.starts < ends).all()
    assert (np.diff(rows.starts) > 0).all()
    for index in range(3):
        fields = rows.column(index, 3)
        assert (fields.starts <= fields.ends).all()
        assert (fields.ends <= len(data)).all()
