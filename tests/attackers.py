"""What a stranger on the network does to a server: ``python -m tests.attackers KIND ROLE PORT``.

Each attack is bounded, goes to this machine alone, and lasts until the standard input ends. A process
of its own, so that it takes nothing from the one that looks on but the processor. It says
``attacking`` once it has begun.
"""

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

HOST = "127.0.0.1"
HALF_OPEN, SLOW_BODIES, STREAMS, SLOW_UPLOADS, SENDERS = 1100, 100, 1000, 8, 4
_PAUSE_S = 0.05
_UPLOAD_HEAD = b'--BB\r\nContent-Disposition: form-data; name="files"; filename="a.csv"\r\n\r\n'
_CHUNKED = b"Content-Type: multipart/form-data; boundary=BB\r\nTransfer-Encoding: chunked\r\n\r\n"


@dataclass(frozen=True)
class Target:
    """A server, with what of it is asked for and what takes a body."""

    port: int
    look: bytes
    body: bytes
    upload: bytes


def target(role: str, port: int) -> Target:
    if role == "camera":
        return Target(port, b"/status", b"/record/start", b"/record/start")
    return Target(port, b"/health", b"/api/log", b"/api/sync/phone")


STRANGER = "127.0.0.66"
Attack = Callable[[Target], Awaitable[None]]


async def _connect(at: Target) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """From an address of its own, as a stranger on the Wi-Fi has it."""
    return await asyncio.open_connection(HOST, at.port, local_addr=(STRANGER, 0))


async def _hold(at: Target, head: bytes, drip: bytes = b"") -> None:
    """One connection, held for as long as it is let, and then another."""
    while True:
        with suppress(OSError):
            reader, writer = await _connect(at)
            writer.write(head)
            gone = asyncio.ensure_future(reader.read())
            while not gone.done():
                await asyncio.wait([gone], timeout=1.0)
                writer.write(drip)
            writer.close()
            gone.exception()
        await asyncio.sleep(_PAUSE_S)


async def _send(at: Target, head: bytes, again: bytes) -> None:
    """One connection that sends without end, and then another."""
    while True:
        with suppress(OSError):
            _, writer = await _connect(at)
            writer.write(head)
            while not writer.is_closing():
                writer.write(again)
                await writer.drain()
        await asyncio.sleep(_PAUSE_S)


async def _many(count: int, make: Callable[[], Awaitable[None]]) -> None:
    await asyncio.gather(*(make() for _ in range(count)))


async def half_open(at: Target) -> None:
    """Connections that begin a request and never end it."""
    await _many(HALF_OPEN, lambda: _hold(at, b"GET %s HTTP/1.1\r\nHost: a\r\nX-" % at.look))


async def slow_headers(at: Target) -> None:
    """The same, but something comes every second."""
    head = b"GET %s HTTP/1.1\r\nHost: a\r\n" % at.look
    await _many(SLOW_BODIES, lambda: _hold(at, head, b"X-a: b\r\n"))


async def slow_bodies(at: Target) -> None:
    head = b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n" % at.body
    await _many(SLOW_BODIES, lambda: _hold(at, head, b"a"))


async def slow_uploads(at: Target) -> None:
    length = b"Content-Type: multipart/form-data; boundary=BB\r\nContent-Length: 1000000000\r\n\r\n"
    head = b"POST %s HTTP/1.1\r\nHost: a\r\n" % at.upload + length + b"--BB\r\n"
    await _many(SLOW_UPLOADS, lambda: _hold(at, head, b"a"))


async def event_streams(at: Target) -> None:
    await _many(STREAMS, lambda: _hold(at, b"GET /api/events HTTP/1.1\r\nHost: a\r\n\r\n"))


async def one_byte_chunks(at: Target) -> None:
    first = b"%x\r\n" % len(_UPLOAD_HEAD) + _UPLOAD_HEAD + b"\r\n"
    head = b"POST %s HTTP/1.1\r\nHost: a\r\n" % at.upload + _CHUNKED + first
    await _many(SENDERS, lambda: _send(at, head, b"1\r\na\r\n" * 8192))


async def endless_headers(at: Target) -> None:
    head = b"GET %s HTTP/1.1\r\nHost: a\r\nX-a: " % at.look
    await _many(SENDERS, lambda: _send(at, head, b"a" * 65536))


async def endless_bodies(at: Target) -> None:
    head = b"POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" % at.body
    await _many(SENDERS, lambda: _send(at, head, b"10000\r\n" + b"a" * 65536 + b"\r\n"))


async def many_at_once(at: Target) -> None:
    """Requests without a look at the answers."""
    again = b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % at.look * 1000
    await _many(SENDERS, lambda: _send(at, b"", again))


async def garbage(at: Target) -> None:
    """What is no HTTP, connection after connection."""

    async def one() -> None:
        while True:
            with suppress(OSError):
                reader, writer = await _connect(at)
                writer.write(b"\x16\x03\x01x\r\n\r\n")
                await reader.read(99)
                writer.close()

    await _many(SENDERS, one)


ON_BOTH: tuple[Attack, ...] = (
    *(half_open, slow_headers, slow_bodies, one_byte_chunks, endless_headers, endless_bodies),
    *(many_at_once, garbage),
)
ON_A_CONTROLLER: tuple[Attack, ...] = (slow_uploads, event_streams)
KINDS = {attack.__name__: attack for attack in (*ON_BOTH, *ON_A_CONTROLLER)}


@contextmanager
def attacking(kind: str, role: str, port: int) -> Iterator[None]:
    """While the block lasts the attack runs."""
    command = [sys.executable, "-m", "tests.attackers", kind, role, str(port)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as attacker:
        assert attacker.stdin
        assert attacker.stdout
        try:
            assert attacker.stdout.readline() == "attacking\n"
            yield
            assert attacker.poll() is None, "the attack has ended by itself"
        finally:
            attacker.stdin.close()
            attacker.wait(10)


async def _attack(kind: str, role: str, port: int) -> None:
    attack = asyncio.ensure_future(KINDS[kind](target(role, port)))
    looking_on = asyncio.ensure_future(asyncio.to_thread(sys.stdin.read))
    await asyncio.wait([attack, looking_on], timeout=1.0)
    print("attacking", flush=True)
    await asyncio.wait([attack, looking_on], return_when=asyncio.FIRST_COMPLETED)
    attack.cancel()
    await asyncio.gather(attack, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(_attack(sys.argv[1], sys.argv[2], int(sys.argv[3])))
