"""Rows, and the lines of a bridge however they are cut."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ctlr.can.frame import MAX_LINE_BYTES, LineReader, Taken, format_row, make_batch, parse_lines
from ctlr.layout.can_rows import (
    BAD_IDENTIFIER,
    BAD_LENGTH,
    BAD_TIME,
    ERROR_FRAME,
    NO_ROW,
)

GOOD = b"1776313714000,1A0,8,00FF00FF00FF00FF\n"


def feed(reader: LineReader, chunks: list[bytes]) -> Taken:
    taken = [reader.feed(chunk) for chunk in chunks]
    return Taken(
        b"".join(one.data for one in taken),
        [at for one in taken for at in one.times_ms],
        sum((Counter(one.refused) for one in taken), Counter()),
    )


@pytest.mark.parametrize(
    ("line", "row"),
    [
        (b"1776313714000,1A0,8,00FF00FF00FF00FF", None),
        (b"1776313714000,18DAF110,2,00ff", None),
        (b"-5,7FF,0,", None),
        (b"99999999999999999999,1,1,ab", None),
        (b"0,1A0,4,", None),  # remote: asks for four bytes
        (b"1,1A0,12," + b"00" * 12, None),
        (b"1,1A0,64," + b"00" * 64, None),
        (b"1,0x1A0,1,00", b"1,1A0,1,00"),
        (b"1,1A0,1,00\r", b"1,1A0,1,00"),
    ],
)
def test_a_frame_is_kept_to_the_letter(line: bytes, row: bytes | None) -> None:
    taken = parse_lines(line)
    assert (taken.data, taken.errors) == ((row or line) + b"\n", 0)
    assert list(taken.times_ms) == [int(line.partition(b",")[0])]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"garbage", NO_ROW),
        (b"(160.132419) can0 0DF11904#FFA97(160.132974) can0 09F11204#FFA9", NO_ROW),  # two in one
        (b" (1.5)  can0  20000004   [8]  00 00 00 00 00 00 00 00   ERRORFRAME", ERROR_FRAME),
        (b" (2018-12-06 09:31:30.572475)  can0  57E   [5]  C7 35 06 18 00", NO_ROW),
        (b" (1.5)  can0  123   [8]  00 11", BAD_LENGTH),
        (b" (1.2.3)  can0  123   [1]  00", BAD_TIME),
        (b"t1238112233445566778812AB", NO_ROW),
        (b"1,1A0,8,00FF", BAD_LENGTH),  # cut short
        (b"1,1A0,1,0", BAD_LENGTH),
        (b"1,1A0,9," + b"00" * 9, BAD_LENGTH),  # no such length
        (b"1,1A0,65," + b"00" * 65, BAD_LENGTH),
        (b"1,1A0,-1,", BAD_LENGTH),
        (b"1,,1,00", BAD_IDENTIFIER),
        (b"1,1A0G,1,00", BAD_IDENTIFIER),
        (b"1,123456789,1,00", BAD_IDENTIFIER),
        (b",1A0,1,00", BAD_TIME),
        (b"1e12,1A0,1,00", BAD_TIME),
        (b"1,1A0,1,00,", NO_ROW),
        (b"1,1A0,1,00\x00", BAD_LENGTH),
        (b"\xff\xfe", NO_ROW),
        (b"1" * 21 + b",1A0,1,00", BAD_TIME),
        ("١,1A0,1,00".encode(), BAD_TIME),  # a digit, but none of ours  # noqa: RUF001
        (b"1,20000088,8,0000800000000000", ERROR_FRAME),
        (b"1,20000004,8,", ERROR_FRAME),
        (b"(1776313714.123) can0 20000080#0000000000000000", ERROR_FRAME),
    ],
)
def test_what_is_no_frame_is_counted_with_its_reason(line: bytes, reason: str) -> None:
    assert parse_lines(line) == Taken(b"", [], {reason: 1}, examples={reason: line})


ARRIVED_MS = 1_776_313_714_000


@pytest.mark.parametrize(
    ("line", "row"),
    [
        (b"1776313714,1A0,1,00", b"1776313714000,1A0,1,00"),  # seconds
        (b"1776313714.1239,1A0,1,00", b"1776313714123,1A0,1,00"),
        (b"1776313714123.9,1A0,1,00", b"1776313714123,1A0,1,00"),
        (b"1776313714123456,1A0,1,00", b"1776313714123,1A0,1,00"),
        (b"1776313714123456789,1A0,1,00", b"1776313714123,1A0,1,00"),
        (b"1500000000,1A0,1,00", b"1500000000,1A0,1,00"),  # on for 17 days, in milliseconds
        (b"1.5,1A0,1,00", b"1500,1A0,1,00"),
        (b"1 , 1A0; 02\t00 FF\r", b"1,1A0,2,00FF"),
        (b"1,0x00000088,1,00", b"1,00000088,1,00"),
        (b"1,18FEF100x,1,00", b"1,18FEF100,1,00"),  # as Vector's tools mark them
        (b"1,123x,1,00", b"1,00000123,1,00"),
        (b'"1","1A0","2","00FF"', b"1,1A0,2,00FF"),
        (b" (1.5)  can0  RX - -  581   [2]  00 FF   '..'", b"1500,581,2,00FF"),
        (
            b" (1727438342.372671)  can0       583  [08]  00 00 80 00 10 40 40 40\r",
            b"1727438342372,583,8,0000800010404040",
        ),
        (b" (1.5)  vcan0  18FEF100   [12]  " + b"AB " * 12, b"1500,18FEF100,12," + b"AB" * 12),
        (b" (1.5)  can0  00000123   [1]  FF", b"1500,00000123,1,FF"),
        (b" (1.5)  can0  123   [8]  remote request", b"1500,123,8,"),
        (b" (1.5)  can0  123   [0] ", b"1500,123,0,"),
        (b"1,0000000000000088,1,00", b"1,00000088,1,00"),
        (b"1,80000088,1,00", b"1,00000088,1,00"),  # the flag of an extended one
        (b"1,40000088,8,", b"1,088,8,"),  # of a remote one
        (b"1,1A0,15," + b"11" * 8, b"1,1A0,8," + b"11" * 8),  # a classic frame, its code kept
        (b"1,1A0,9," + b"11" * 12, b"1,1A0,12," + b"11" * 12),  # the code of CAN FD
        (b"1,1A0,15," + b"11" * 64, b"1,1A0,64," + b"11" * 64),
        (b"(1776313714.249713) can0 044#2A366C2B", b"1776313714249,044,4,2A366C2B"),
        (b"(1776313714.249713) can0 00000044#2A R", b"1776313714249,00000044,1,2A"),
        (b"(1776313714.249713) can0 044##1" + b"00" * 12, b"1776313714249,044,12," + b"00" * 12),
        (b"(1776313714.249713) can0 044#R4", b"1776313714249,044,4,"),
    ],
)
def test_dialects_are_brought_to_one_form(line: bytes, row: bytes) -> None:
    taken = parse_lines(line, ARRIVED_MS)
    assert (taken.data, taken.errors) == (row + b"\n", 0)
    assert list(taken.times_ms) == [int(row.partition(b",")[0])]
    assert parse_lines(row, ARRIVED_MS) == taken


def test_headings_and_empty_lines_are_nothing() -> None:
    assert parse_lines(b"ts_ms,id,len,hex\r\n\n\r\n  ").errors == 0


def test_garbage_spoils_nothing_beside_it() -> None:
    taken = parse_lines(GOOD + b"\x00\x01\n" + GOOD + b"1,1A0,8,00")
    assert (taken.data, taken.errors) == (GOOD * 2, 2)


@settings(deadline=None)
@given(st.lists(st.integers(0, 200), max_size=6), st.integers(1, 5))
@example([0], 1)
def test_cuts_anywhere_change_nothing(cuts: list[int], lines: int) -> None:
    text = GOOD * lines
    places = sorted({0, *(cut % len(text) for cut in cuts), len(text)})
    chunks = [text[a:b] for a, b in pairwise(places)]
    assert feed(LineReader(), chunks) == feed(LineReader(), [text])
    assert feed(LineReader(), [text]).data == text


@settings(deadline=None)
@given(st.lists(st.binary(max_size=400), max_size=10))
def test_no_stream_raises_or_grows(chunks: list[bytes]) -> None:
    reader = LineReader()
    for chunk in chunks:
        taken = reader.feed(chunk)
        assert taken.data.count(b"\n") == len(taken.times_ms)
        assert reader.held_bytes <= MAX_LINE_BYTES
    reader.end()


def test_a_line_without_end_counts_once_and_the_next_is_read() -> None:
    reader = LineReader()
    errors = sum(reader.feed(b"x" * 1000).errors for _ in range(1000))
    assert errors == 1
    assert reader.feed(b"x\n" + GOOD) == parse_lines(GOOD[:-1])


def test_the_last_line_may_lack_its_end_but_not_its_data() -> None:
    reader = LineReader()
    reader.feed(GOOD[:-1])
    assert reader.end().data == GOOD
    reader.feed(b"1776313714000,1A0,8,")  # cut, or a remote frame: nobody knows
    assert [reader.end().errors, reader.end().errors] == [1, 0]


@pytest.mark.parametrize(
    ("arguments", "row"),
    [
        ({"frame_id": 0x1A0, "data": b"\x00\xff"}, b"7,1A0,2,00FF\n"),
        ({"frame_id": 0x1, "data": b""}, b"7,001,0,\n"),
        ({"frame_id": 0x1, "data": b"\x01", "extended": True}, b"7,00000001,1,01\n"),
        ({"frame_id": 0x7FF, "data": b"", "remote_len": 8}, b"7,7FF,8,\n"),
    ],
)
def test_rows_of_frames(arguments: dict[str, object], row: bytes) -> None:
    assert format_row(7, **arguments) == row  # type: ignore[arg-type]  # a table of cases
    assert parse_lines(row[:-1]).data == row


def test_a_batch_knows_how_many_of_its_times_are_off() -> None:
    now = 1_776_313_714_000
    assert make_batch("can0", now, b"", [now, now + 60_000]).off_times == 0
    batch = make_batch("can0", now, b"", [now, -5, now + 60_001, 0])
    assert (batch.rows, batch.off_times) == (4, 3)
    assert (batch.low_ms, batch.high_ms) == (-5, now + 60_001)
