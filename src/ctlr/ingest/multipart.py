"""A multipart body as it comes in, cut anywhere: headers, data and end of each part. Pure.

As strict as RFC 2046 (section 5.1.1) and no stricter: what stands before the first delimiter and
behind the last is nothing, blanks may follow a delimiter, a header may go on in the next line. A
delimiter is CR LF, two hyphens and the boundary; bare line feeds are data. No more is held than a
delimiter's length of data, or ``MAX_HEADER_BYTES`` of headers.
"""

from collections.abc import Callable

MAX_HEADER_BYTES = 16 << 10
MAX_BOUNDARY_BYTES = 250
_MAX_PADDING_BYTES = 256


class MultipartError(ValueError):
    """The body is none; the message says what is wrong with it, in half a sentence."""


class MultipartReader:
    """``begin`` gets a part's headers (names in lower case, one letter for a byte), ``write`` its
    data in pieces, ``end`` nothing. Every method raises ``MultipartError``, and what those raise."""

    def __init__(
        self,
        boundary: bytes,
        begin: Callable[[dict[str, str]], None],
        write: Callable[[bytes], None],
        end: Callable[[], None],
    ) -> None:
        if not 0 < len(boundary) <= MAX_BOUNDARY_BYTES:
            raise MultipartError(f"its boundary has not 1 to {MAX_BOUNDARY_BYTES} letters")
        self._delimiter = b"\r\n--" + boundary
        self._begin, self._write, self._end = begin, write, end
        self._rest = b"\r\n"  # a delimiter may be the first line
        self._take = self._take_preamble
        self.ended = False

    def feed(self, data: bytes) -> None:
        self._rest += data
        while self._take():
            pass

    # Each returns whether what comes next may be told from what is held.

    def _take_preamble(self) -> bool:
        return self._pass_delimiter(self._drop)

    def _take_data(self) -> bool:
        return self._pass_delimiter(self._write)

    def _pass_delimiter(self, write: Callable[[bytes], None]) -> bool:
        found = self._rest.find(self._delimiter)
        if found < 0:
            certain = max(0, len(self._rest) - len(self._delimiter) + 1)
            if certain:
                write(self._rest[:certain])
                self._rest = self._rest[certain:]
            return False
        if found:
            write(self._rest[:found])
        self._rest = self._rest[found + len(self._delimiter) :]
        if self._take == self._take_data:
            self._end()
        self._take = self._take_delimiter_end
        return True

    def _take_delimiter_end(self) -> bool:
        if self._rest.startswith(b"--"):
            self._take, self.ended = self._take_epilogue, True
            return True
        line, newline, rest = self._rest.partition(b"\r\n")
        padding = line.strip(b" \t")
        if padding and (newline or (padding != b"\r" and line != b"-")):
            raise MultipartError("a delimiter is followed by something else")
        if not newline:
            if len(line) > _MAX_PADDING_BYTES:
                raise MultipartError("a delimiter has no end")
            return False
        # The line end stays: an empty line may follow at once, and then there are no headers.
        self._rest, self._take = newline + rest, self._take_headers
        return True

    def _take_headers(self) -> bool:
        text, end, rest = self._rest.partition(b"\r\n\r\n")
        if len(text) > MAX_HEADER_BYTES:
            raise MultipartError("a part has too many headers")
        if not end:
            return False
        # A part without data may end with its headers, so their last line end may be a delimiter's.
        self._rest, self._take = rest, self._take_first_data
        self._begin(_headers_of(text))
        return True

    def _take_first_data(self) -> bool:
        short = self._delimiter[2:]
        if len(self._rest) < len(short) and short.startswith(self._rest):
            return False
        if self._rest.startswith(short):
            self._rest = b"\r\n" + self._rest
        self._take = self._take_data
        return True

    def _take_epilogue(self) -> bool:
        self._rest = b""
        return False

    def _drop(self, _data: bytes) -> None:
        pass


def _headers_of(text: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    unfolded = text.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ")
    for line in unfolded.split(b"\r\n"):
        name, colon, value = line.decode("latin-1").partition(":")
        if not line:
            continue
        if not colon or not name.strip() or "\n" in line.decode("latin-1"):
            raise MultipartError("a part has a header that is none")
        headers.setdefault(name.strip().lower(), value.strip())
    return headers
