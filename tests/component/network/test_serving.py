"""What a server of ours makes of what comes in on its port, byte by byte."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from tests.fakes.controller import claim_and_release

from ctlr.kernel.connection import MAX_PIPELINED
from ctlr.kernel.places import PER_ADDRESS
from ctlr.kernel.serving import serve_until
from ctlr.kernel.waiting_room import MAX_HEADER_BYTES, PER_GROUP

HOST = "127.0.0.1"
GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n"
SLOW = b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Says what it was asked; ``/slow`` waits until its client has gone."""
    request = Request(scope, receive)
    if request.url.path == "/slow":
        while (await receive())["type"] != "http.disconnect":
            pass
        return
    said = f"{request.method} {request.url.path} {len(await request.body())}"
    await PlainTextResponse(said)(scope, receive, send)


class Client:
    def __init__(self, port: int, stack: AsyncExitStack) -> None:
        self.port = port
        self._stack = stack

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(HOST, self.port)
        self._stack.callback(writer.close)
        return reader, writer

    async def say(self, *pieces: bytes) -> bytes:
        """All that comes back until the server ends the connection."""
        reader, writer = await self.connect()
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        async with asyncio.timeout(20):
            return await reader.read()


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    port, stopped = claim_and_release(), asyncio.Event()
    serving = asyncio.create_task(serve_until(stopped, app, HOST, port))
    async with AsyncExitStack() as stack:
        client = Client(port, stack)
        async with asyncio.timeout(20):
            while True:
                try:
                    await client.connect()
                    break
                except ConnectionRefusedError:
                    await asyncio.sleep(0.01)
        yield client
    stopped.set()
    await serving


def closing(request: bytes) -> bytes:
    return request.replace(b"Host: a", b"Host: a\r\nConnection: close", 1)


async def answer(reader: asyncio.StreamReader) -> bytes:
    """The text of one answer of a connection that stays open."""
    head = await reader.readuntil(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.1 400"):
        raise ConnectionResetError
    assert head.startswith(b"HTTP/1.1 200"), head
    length = head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]
    return await reader.readexactly(int(length))


@pytest.mark.parametrize(
    "request_",
    [
        closing(GET),
        closing(GET).replace(b"\r\n", b"\n"),
        b"\r\n" + closing(GET),
        b"GET /x HTTP/1.0\r\n\r\n",
        b"GET http://a/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    ],
)
async def test_a_request_however_it_is_ended(client: Client, request_: bytes) -> None:
    for size in (len(request_), 1):
        pieces = [request_[at : at + size] for at in range(0, len(request_), size)]
        assert (await client.say(*pieces)).endswith(b"GET /x 0")


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 5\r\n\r\nhello",
        b"Transfer-Encoding: chunked\r\n\r\n2;name=value\r\nhe\r\n3\r\nllo\r\n0\r\nTrailer: x\r\n\r\n",
        b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
        UPGRADE + b"Content-Length: 5\r\n\r\nhello",
        UPGRADE + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ],
)
async def test_a_body_however_it_is_sent(client: Client, head: bytes) -> None:
    """The last ones are what Java's client does unless it is told otherwise."""
    reader, writer = await client.connect()
    for _ in range(2):
        writer.write(b"POST /x HTTP/1.1\r\nHost: a\r\n" + head)
        if b"100-continue" in head:
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
        assert await answer(reader) == b"POST /x 5"


async def test_a_few_requests_at_once_are_answered_in_order(client: Client) -> None:
    requests = [GET.replace(b"/x", b"/%d" % number) for number in range(MAX_PIPELINED)]
    reader, writer = await client.connect()
    writer.write(b"".join(requests))
    for number in range(MAX_PIPELINED):
        assert await answer(reader) == b"GET /%d 0" % number


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01", b"HTTP/1.1 400"),
        (b"\x00" * 100_000, b"HTTP/1.1 400"),
        (b"hello\r\n\r\n", b"HTTP/1.1 400"),
        (b"GET /x HTTP/1.1\r\nHost: a\r\nX-a: " + b"a" * 2 * MAX_HEADER_BYTES, b"HTTP/1.1 431"),
    ],
)
async def test_what_is_no_request_is_told_so(client: Client, sent: bytes, told: bytes) -> None:
    reader, writer = await client.connect()
    writer.write(sent)
    async with asyncio.timeout(20):
        try:
            assert (await reader.read()).startswith(told)
        except ConnectionResetError:  # it overtook the answer
            assert len(sent) > 1000


@pytest.mark.parametrize(
    "more",
    [
        b"X-a: " + b"a" * 4 * MAX_HEADER_BYTES,  # of the next request
        GET * 10_000,
    ],
)
async def test_a_connection_that_asks_too_much_ends(client: Client, more: bytes) -> None:
    reader, writer = await client.connect()
    writer.write(GET)
    assert await answer(reader) == b"GET /x 0"
    writer.write(GET[:-2] + more)
    async with asyncio.timeout(20):
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await read_answers(reader)


async def read_answers(reader: asyncio.StreamReader) -> None:
    while True:
        await answer(reader)


async def test_chunks_without_content_end_it(client: Client) -> None:
    """Extensions of chunks, and what follows the last one, may be as long as anybody likes."""
    head = b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    for endless in (
        b"1;a=" + b"b" * 4 * MAX_HEADER_BYTES,
        b"0\r\nX: " + b"b" * 4 * MAX_HEADER_BYTES,
    ):
        reader, writer = await client.connect()
        writer.write(head + endless)
        async with asyncio.timeout(20):
            try:
                assert await reader.read() == b""
            except ConnectionResetError:
                pass


async def test_who_waits_without_asking_goes_first(client: Client) -> None:
    held = [await client.connect() for _ in range(PER_GROUP)]
    for _, writer in held:
        writer.write(GET[:-2])
        await writer.drain()
    assert (await client.say(closing(GET))).endswith(b"GET /x 0")
    newest = [await client.connect() for _ in range(PER_GROUP)]
    for reader, _ in held:
        async with asyncio.timeout(20):
            with pytest.raises((ConnectionResetError, EOFError)):
                await reader.readexactly(1)
    newest[-1][1].write(GET)
    assert await answer(newest[-1][0]) == b"GET /x 0"


async def test_the_newest_request_is_answered_however_many_are_held(client: Client) -> None:
    held = [await client.connect() for _ in range(2 * PER_ADDRESS)]
    for _, writer in held:
        writer.write(SLOW[:-2] + b"Content-Length: 9\r\n\r\n")  # what is received may be broken off
        await writer.drain()
    for _ in range(3):
        assert (await client.say(closing(GET))).endswith(b"GET /x 0")
