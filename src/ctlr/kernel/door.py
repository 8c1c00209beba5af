"""The open port of a server: who is let in, and who has to go for that.

Connections are taken a few at a time, wait outside until they ask for something (``waiting_room``),
and are counted before they are let in: so a thousand that come at once neither hold up the loop nor
use up the process's files. asyncio's own way takes two thousand in one step, and where files are used
up writes a log line for each of them. Here the port then rests for ``EXHAUSTED_S``, and what waits in
the kernel keeps waiting.
"""

import asyncio
import errno
import resource
import socket
from collections.abc import Callable, Iterable

import structlog

from ctlr.kernel.connection import Connection
from ctlr.kernel.places import IN_ALL, Held, NoPlaceError, find_leaver, group_of
from ctlr.kernel.waiting_room import WaitingRoom

CHECK_EVERY_S = 1.0
EXHAUSTED_S = 1.0
AT_A_TIME = 64
_BACKLOG = 2048
_SHARE_OF_FILES = 4
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_USELESS = frozenset({errno.EBADF, errno.EINVAL, errno.ENOTSOCK})

_log = structlog.get_logger("network")


async def open_listeners(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen at every address of ``host``. Raises ``OSError``."""
    found = await asyncio.get_running_loop().getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    listeners: list[socket.socket] = []
    try:
        for family, address in sorted({(family, address) for family, *_, address in found}):
            listener = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
            listener.setblocking(False)
            listeners.append(listener)
    except OSError:
        for listener in listeners:
            listener.close()
        raise
    return listeners


class Door:
    """Made in a running event loop. ``make`` makes a connection out of what has come in on it,
    ``connections`` are those that are in; ``on_death`` is called when nobody is let in any more,
    which must not be."""

    def __init__(
        self,
        listeners: Iterable[socket.socket],
        make: Callable[[bytes], Connection],
        connections: Iterable[Connection],
        on_death: Callable[[BaseException | None], None],
    ) -> None:
        self._listeners = list(listeners)
        self._make = make
        self._connections = connections
        self._on_death = on_death
        self._in_all = min(IN_ALL, _most_files() // _SHARE_OF_FILES)
        self._waiting_room = WaitingRoom(self._let_in)
        self._entering: set[asyncio.Task[None]] = set()
        self._leaving: set[Connection] = set()
        self._exhausted = False
        self._tasks = [
            asyncio.create_task(self._check_forever(), name="check connections"),
            *(
                asyncio.create_task(self._accept_forever(listener), name="accept connections")
                for listener in self._listeners
            ),
        ]
        for task in self._tasks:
            task.add_done_callback(self._ended)

    def close(self) -> None:
        """Let nobody in any more; who is in stays."""
        for task in self._tasks:
            task.cancel()
        for listener in self._listeners:
            listener.close()
        self._waiting_room.close()

    async def wait_closed(self) -> None:
        await asyncio.gather(*self._tasks, *self._entering, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self._on_death(task.exception())

    async def _check_forever(self) -> None:
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            self._waiting_room.check()
            for connection in list(self._connections):
                connection.check()

    async def _accept_forever(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                self._arrived(*await loop.sock_accept(listener))
                for _ in range(AT_A_TIME - 1):
                    self._arrived(*listener.accept())
            except BlockingIOError:
                continue  # these were all
            except OSError as error:
                await self._rest(error)
            else:
                await asyncio.sleep(0)  # it is others' turn

    def _arrived(self, connection: socket.socket, address: tuple[str, int]) -> None:
        connection.setblocking(False)
        self._exhausted = False
        self._waiting_room.admit(connection, group_of(address[0]))

    def _let_in(self, connection: socket.socket, group: str, received: bytes) -> None:
        if not self._make_room(group):
            connection.close()
            return
        task = asyncio.create_task(self._enter(connection, received), name="enter")
        self._entering.add(task)
        task.add_done_callback(self._entering.discard)

    async def _enter(self, connection: socket.socket, received: bytes) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(lambda: self._make(received), connection)
        except OSError:  # gone already
            connection.close()

    def _make_room(self, newcomer: str) -> bool:
        """Whether there is a place for one of this group, after somebody has left for it."""
        there = [one for one in self._connections if one not in self._leaving]
        held = [Held(one.group, one.stage, one.moved_at) for one in there]
        try:
            leaver = find_leaver(held, newcomer, in_all=self._in_all)
        except NoPlaceError:
            return False
        if leaver is not None:
            self._leaving.intersection_update(self._connections)
            self._leaving.add(there[leaver])
            there[leaver].abort()
        return True

    async def _rest(self, error: OSError) -> None:
        """Raises ``error`` where the port itself is of no use any more."""
        if error.errno in _USELESS:
            raise error
        if error.errno not in _EXHAUSTED:
            return  # whoever came has gone again
        if not self._exhausted:
            _log.warning(
                "nobody can be let in for now; what runs goes on, and it is tried every second",
                reason=error.strerror,
            )
        self._exhausted = True
        await asyncio.sleep(EXHAUSTED_S)


def _most_files() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft != resource.RLIM_INFINITY else IN_ALL * _SHARE_OF_FILES
