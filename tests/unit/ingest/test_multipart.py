"""A multipart body as the RFCs have it, wherever it is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctlr.ingest.multipart import MAX_HEADER_BYTES, MultipartError, MultipartReader

A = b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\none\r\n'
TWO = b"--B\r\nX-Kind: two\r\n\r\n2\r\n"
END = b"--B--\r\n"
Parts = list[tuple[dict[str, str], bytes]]
HEADERS_OF_A = {"content-disposition": 'form-data; name="a"'}


def read(text: bytes, chunk: int = 1 << 20, boundary: bytes = b"B") -> Parts:
    parts: Parts = []
    ended = []

    def write(data: bytes) -> None:
        headers, before = parts.pop()
        parts.append((headers, before + data))

    reader = MultipartReader(
        boundary, lambda headers: parts.append((headers, b"")), write, lambda: ended.append(1)
    )
    for begin in range(0, len(text), chunk):
        reader.feed(text[begin : begin + chunk])
    assert reader.ended
    assert len(ended) == len(parts)
    return parts


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 1 << 20])
@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (A + TWO + END, [(HEADERS_OF_A, b"one"), ({"x-kind": "two"}, b"2")]),
        (A + b"--B--", [(HEADERS_OF_A, b"one")]),
        (A + END + b"an epilogue\r\n--B\r\nX: y\r\n\r\nnothing\r\n--B--", [(HEADERS_OF_A, b"one")]),
        (b"A preamble --B\r\nof two lines\r\n" + A + END, [(HEADERS_OF_A, b"one")]),
        (b"\r\n\r\n" + A + END, [(HEADERS_OF_A, b"one")]),
        (A.replace(b"--B", b"--B \t ") + b"--B-- \t\r\n", [(HEADERS_OF_A, b"one")]),
        (A.replace(b"; name", b";\r\n\t name") + END,
         [({"content-disposition": 'form-data;  name="a"'}, b"one")]),
        (b"--B\r\nX:\r\n\r\n\r\n" + END, [({"x": ""}, b"")]),
        (b"--B\r\nX: y\r\n\r\n" + END, [({"x": "y"}, b"")]),
        (b"--B\r\n\r\nbare\r\n" + END, [({}, b"bare")]),
        (b"--B\r\n\r\n\r\n--C\r\n--\r\n-\n--B\r\n" + END, [({}, b"\r\n--C\r\n--\r\n-\n--B")]),
        (END, []),
    ],
)  # fmt: skip
def test_bodies_as_the_rfcs_have_them(text: bytes, parts: Parts, chunk: int) -> None:
    assert read(text, chunk) == parts


def test_twenty_headers() -> None:
    headers = {f"x-{number}": "y" for number in range(20)}
    lines = "".join(f"X-{number}: y\r\n" for number in range(20)).encode()
    assert read(b"--B\r\n" + lines + b"\r\n1\r\n" + END) == [(headers, b"1")]


@pytest.mark.parametrize("chunk", [1, 1 << 20])
@pytest.mark.parametrize(
    "text",
    [
        (A + END).replace(b"\r\n", b"\n"),
        b"--B and more\r\n\r\n1\r\n" + END,
        b"--B\r\nno header\r\n\r\n1\r\n" + END,
        b"--B\r\nX: " + b"x" * MAX_HEADER_BYTES + b"\r\n\r\n1\r\n" + END,
        b"--B" + b" " * 1000,
    ],
)
def test_what_is_no_multipart(text: bytes, chunk: int) -> None:
    with pytest.raises(MultipartError):
        read(text, chunk)


@pytest.mark.parametrize("boundary", [b"", b"x" * 251])
def test_boundaries_that_are_none(boundary: bytes) -> None:
    with pytest.raises(MultipartError):
        read(END, boundary=boundary)


@given(
    st.lists(st.binary(max_size=60).filter(lambda data: b"--B" not in data), max_size=4),
    st.integers(1, 9),
)
def test_any_data_arrives_as_it_was_sent(contents: list[bytes], chunk: int) -> None:
    text = b"".join(b"--B\r\nX: y\r\n\r\n%b\r\n" % data for data in contents) + END
    assert read(text, chunk) == [({"x": "y"}, data) for data in contents]
