"""One HTTP connection that cannot cost the others much.

uvicorn's own on httptools, bounded in what a stranger can do with it:

- the headers of a further request are due ``HEADERS_S`` after it began, and have at most
  ``MAX_HEADER_BYTES``, as those of the first (see ``waiting_room``); so has anything else that is no
  content, such as the extensions of chunks;
- a body in tiny chunks is taken slowly, because each chunk costs as much as a large one: at most
  ``PIECES_PER_S`` in a second, and so many bytes at a time that no read holds up the loop;
- a request that would like another protocol is taken without that: the parser stops at its headers,
  and what a client sends after them would be lost (Java's asks for HTTP/2 with each request);
- of requests that are sent before the one before is answered, few wait;
- who sends on after the answer, or does not take an answer for ``UNSENT_S``, is cut off.
"""

import asyncio
from typing import Any, cast

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ctlr.kernel.places import Stage, group_of
from ctlr.kernel.waiting_room import HEADERS_S, MAX_HEADER_BYTES

MAX_PIPELINED = 8
PIECES_PER_S = 20_000
UNSENT_S = 60.0
_READ_BYTES = 64 * 1024
_MOST_WASTED_BYTES = 8 * 1024 * 1024
_WORTH_A_PAUSE_S = 0.002


_NOT_UNDERSTOOD = "Invalid HTTP request received."
_OF_UPGRADES = frozenset({b"upgrade", b"http2-settings", b"connection"})


class _NotUnderstoodError(Exception):
    """Ends the parsing of a connection."""


class _Flow(FlowControl):
    """Whether the connection is read; ``hold`` has it rest whatever the application wants."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__(transport)
        self._held = False

    def hold(self, loop: asyncio.AbstractEventLoop, for_s: float) -> None:
        if not self._held:
            self._held = True
            super().pause_reading()
            loop.call_later(for_s, self._let_go)

    def resume_reading(self) -> None:
        if not self._held:
            super().resume_reading()

    def _let_go(self) -> None:
        self._held = False
        super().resume_reading()


class Connection(HttpToolsProtocol):
    """``received`` is what has come in before it was made. ``check`` is to be called about once a
    second."""

    moved_at = 0.0
    """When something last came in, monotonic seconds."""
    group = ""
    _plain_head: bytes | None = None  # of a request that would like another protocol
    _awaited_since: float | None = None  # the headers of a request
    _fruits = 0  # whole headers, pieces of bodies and ends of requests
    _pieces = 0  # of bodies, in this read
    _barren_bytes = 0  # in a row, of which nothing came
    _wasted_bytes = 0  # of a body that nobody reads any more
    _unsent: tuple[int, float] = (0, 0.0)  # how much waits to be sent, and since when just so much

    def __init__(self, *arguments: Any, received: bytes = b"", **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._received = received

    @property
    def stage(self) -> Stage:
        if self.cycle is None or self.cycle.response_complete:
            return Stage.IDLE
        if self.cycle.response_started:
            return Stage.ANSWERING
        return Stage.RECEIVING if self.cycle.more_body else Stage.WORKING

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        super().connection_made(transport)
        self.flow = _Flow(transport)
        self.group = group_of(self.client[0]) if self.client else ""
        self.moved_at = self._awaited_since = self.loop.time()
        cast(
            "Any", transport
        ).max_size = _READ_BYTES  # of one read; asyncio's own is four times that
        self._make_parser()
        received, self._received = self._received, b""
        self.data_received(received)

    def abort(self) -> None:
        """End it now, with nothing more sent."""
        self.transport.abort()

    def check(self) -> None:
        """Cut off whoever owes something for too long."""
        now = self.loop.time()
        if self._awaited_since is not None and now - self._awaited_since > HEADERS_S:
            self.abort()
        unsent = self.transport.get_write_buffer_size()
        if unsent == 0 or unsent != self._unsent[0]:
            self._unsent = (unsent, now)
        elif now - self._unsent[1] > UNSENT_S:
            self.abort()

    def data_received(self, data: bytes) -> None:
        self.moved_at = self.loop.time()
        before, self._pieces = self._fruits, 0
        self._unset_keepalive_if_required()
        self._parse(data)
        self._barren_bytes = self._barren_bytes + len(data) if self._fruits == before else 0
        if self._barren_bytes > MAX_HEADER_BYTES or self._wasted_bytes > _MOST_WASTED_BYTES:
            self.abort()
        elif (pause_s := self._pieces / PIECES_PER_S) > _WORTH_A_PAUSE_S:
            cast("_Flow", self.flow).hold(self.loop, pause_s)

    def _make_parser(self) -> None:
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(
            lenient_data_after_close=True,
            lenient_optional_cr_before_lf=True,  # with the next: lines may end in LF alone
            lenient_optional_lf_after_cr=True,
        )

    def _parse(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as wish:
            head, self._plain_head = self._plain_head, None
            assert head is not None
            self._make_parser()
            self._parse(head + data[wish.args[0] :])
        except httptools.HttpParserError:
            self.logger.warning(_NOT_UNDERSTOOD)
            self.send_400_response(_NOT_UNDERSTOOD)

    def _head_without_wish(self) -> bytes:
        """The request's head again. Raises ``_NotUnderstoodError`` for a tunnel."""
        method = self.parser.get_method()
        if method == b"CONNECT":
            raise _NotUnderstoodError
        kept = [b"%b: %b\r\n" % pair for pair in self.headers if pair[0] not in _OF_UPGRADES]
        return b"%b %b HTTP/1.1\r\n%b\r\n" % (method, self.url, b"".join(kept))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._awaited_since = self.loop.time()

    def on_headers_complete(self) -> None:
        self._fruits += 1
        self._awaited_since = None
        if len(self.pipeline) >= MAX_PIPELINED:
            raise _NotUnderstoodError
        if self.parser.should_upgrade():
            self._plain_head = self._head_without_wish()
            return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._fruits += 1
        self._pieces += 1
        if self.cycle.response_complete:
            self._wasted_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._fruits += 1
        if self._plain_head is None:
            super().on_message_complete()
