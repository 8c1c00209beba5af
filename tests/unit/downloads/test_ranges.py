"""Which part of a file a request wants."""

import pytest

from ctlr.downloads.ranges import UnsatisfiableError, parse_range


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("bytes=0-0", (0, 0)),
        ("bytes=0-", (0, 99)),
        ("bytes=10-19", (10, 19)),
        ("bytes=90-500", (90, 99)),
        ("bytes=-1", (99, 99)),
        ("bytes=-500", (0, 99)),
        ("bytes= 5-6 ", (5, 6)),
        (None, None),
        ("", None),
        ("bytes=-", None),
        ("bytes=9-8", None),
        ("bytes=0-1,5-6", None),
        ("lines=0-1", None),
        ("bytes=x-1", None),
        ("bytes=\u0661-\u0662", None),
        ("bytes=" + "9" * 40 + "-", None),
    ],
)
def test_the_part_or_the_whole(header: str | None, part: tuple[int, int] | None) -> None:
    found = parse_range(header, 100)
    assert (found and (found.first, found.last)) == part
    if found:
        assert found.content_range == f"bytes {found.first}-{found.last}/100"
        assert found.length == found.last - found.first + 1


@pytest.mark.parametrize(
    ("header", "size"), [("bytes=100-", 100), ("bytes=-0", 100), ("bytes=0-", 0), ("bytes=-5", 0)]
)
def test_what_lies_behind_the_end(header: str, size: int) -> None:
    with pytest.raises(UnsatisfiableError):
        parse_range(header, size)
