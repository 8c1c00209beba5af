"""Rows told apart by their own times, and their fields, without a loop."""

import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ctlr.postprocess.can.fields import data_of, parse_fields
from ctlr.postprocess.can.rows import NO_TIME, parse_lines, select

FIRST = 1_776_313_714_000

times = st.one_of(
    st.integers(FIRST - 5, FIRST + 5),
    st.integers(-(10**20), 10**20),
    st.sampled_from([0, -1, 10**12, 10**13 - 1, 10**13, 999_999_999_999]),
)
rows = st.builds(
    lambda at, frame_id, data: b"%d,%X,%d,%b" % (at, frame_id, len(data), data.hex().encode()),
    times,
    st.integers(0, 0x1FFFFFFF),
    st.binary(max_size=8),
)
junk = st.one_of(
    st.binary(max_size=30).map(lambda text: text.replace(b"\n", b"")),
    st.sampled_from(
        [b"", b",", b",,,", b"1776313714000", b"1776313714000,", b"17763137140x0,1,1,00"]
    ),
)


@settings(deadline=None)
@given(st.lists(st.one_of(rows, junk), max_size=20), st.binary(max_size=20))
@example([b"1776313714000"], b"")
def test_select_takes_what_a_loop_would(lines: list[bytes], rest: bytes) -> None:
    rest = rest.replace(b"\n", b"")
    block = b"".join(line + b"\n" for line in lines) + rest
    first, last = FIRST - 2, FIRST + 2
    wanted = [
        line + b"\n"
        for line in lines
        if (found := re.match(rb"(\d{13}),", line)) and first <= int(found[1]) <= last
    ]
    assert select(block, first, last) == (b"".join(wanted), len(wanted))


@settings(deadline=None)
@given(st.lists(rows, max_size=20))
def test_every_line_has_its_place_and_time(lines: list[bytes]) -> None:
    block = b"".join(line + b"\n" for line in lines)
    found = parse_lines(block)
    assert [block[a:b] for a, b in zip(found.starts, found.ends, strict=True)] == [
        line + b"\n" for line in lines
    ]
    own = [line.partition(b",")[0] for line in lines]
    assert found.times_ms.tolist() == [
        int(at) if len(at) == 13 and at.isdigit() else NO_TIME for at in own
    ]


@settings(deadline=None)
@given(st.lists(rows, max_size=20))
def test_fields_are_what_the_row_says(lines: list[bytes]) -> None:
    block = b"".join(line + b"\n" for line in lines)
    fields = parse_fields(block)
    assert fields.malformed == 0
    for number, line in enumerate(lines):
        at, name, size, data = line.split(b",")
        assert fields.times_ms[number] == min(max(int(at), -(2**63 - 1)), 2**63 - 1)
        assert fields.ids[number] == int(name, 16)
        assert fields.extended[number] == (len(name) > 3 or int(name, 16) > 0x7FF)
        assert fields.lengths[number] == int(size)
        place = fields.data_at[number : number + 1]
        assert data_of(block, place, int(size)).tobytes() == bytes.fromhex(data.decode())


@settings(deadline=None)
@given(st.lists(st.one_of(rows, junk), max_size=20))
def test_lines_that_are_no_rows_are_counted_and_left_out(lines: list[bytes]) -> None:
    block = b"".join(line + b"\n" for line in lines)
    fields = parse_fields(block)
    assert len(fields.times_ms) + fields.malformed == len(lines)
    for start, at, size in zip(fields.starts, fields.data_at, fields.digits, strict=True):
        row = block[start : at + size]
        assert row.count(b",") == 3
        assert block[at + size : at + size + 1] == b"\n"


def test_a_remote_frame_has_a_length_and_no_data() -> None:
    fields = parse_fields(b"1776313714000,1A0,8,\n1776313714000,80000123,0,\n")
    assert (fields.lengths.tolist(), fields.digits.tolist()) == ([8, 0], [0, 0])
    assert fields.ids.tolist() == [0x1A0, 0x123]  # the flag of some bridges is none of its digits
