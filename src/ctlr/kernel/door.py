"""The open port of a server: who is let in, and who has to go for that.

Connections are taken one at a time, so a thousand that come at once neither hold up the loop nor
use up the process's files before anybody has counted them. asyncio's own way takes two thousand in
one step, and where files are used up writes a log line for each of them. Here the port then rests
for ``EXHAUSTED_S``, and what waits in the kernel keeps waiting.
"""

import asyncio
import errno
import resource
import socket
from collections.abc import Callable, Iterable

import structlog

from ctlr.kernel.connection import Connection
from ctlr.kernel.places import IN_ALL, PER_ADDRESS, Held, NoPlaceError, find_leaver, group_of

CHECK_EVERY_S = 1.0
EXHAUSTED_S = 1.0
_BACKLOG = 2048
_SHARE_OF_FILES = 4
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

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
    """Made in a running event loop. ``connections`` are those that are open; ``on_death`` is called
    when nobody is let in any more, which must not be."""

    def __init__(
        self,
        listeners: Iterable[socket.socket],
        make: Callable[[], Connection],
        connections: Iterable[Connection],
        on_death: Callable[[BaseException | None], None],
        per_address: int = PER_ADDRESS,
    ) -> None:
        self._listeners = list(listeners)
        self._make = make
        self._connections = connections
        self._on_death = on_death
        self._per_address = per_address
        self._in_all = min(IN_ALL, _most_files() // _SHARE_OF_FILES)
        self._leaving: set[Connection] = set()
        self._exhausted = False
        self._tasks = [
            asyncio.create_task(self._check_forever(), name="check connections"),
            *(
                asyncio.create_task(self._let_in_forever(listener), name="let connections in")
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

    async def wait_closed(self) -> None:
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self._on_death(task.exception())

    async def _check_forever(self) -> None:
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            for connection in list(self._connections):
                connection.check()

    async def _let_in_forever(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                arrived, address = await loop.sock_accept(listener)
            except OSError as error:
                await self._rest(error)
                continue
            self._exhausted = False
            if self._make_room(group_of(str(address[0]))):
                await self._enter(arrived)
            else:
                arrived.close()

    async def _enter(self, arrived: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(self._make, arrived)
        except OSError:  # gone already
            arrived.close()

    def _make_room(self, newcomer: str) -> bool:
        """Whether there is a place for one of this group, after somebody has left for it."""
        there = [one for one in self._connections if one not in self._leaving]
        held = [Held(one.group, one.stage, one.moved_at) for one in there]
        try:
            leaver = find_leaver(held, newcomer, self._per_address, self._in_all)
        except NoPlaceError:
            return False
        self._leaving.intersection_update(self._connections)
        if leaver is not None:
            self._leaving.add(there[leaver])
            there[leaver].abort()
        return True

    async def _rest(self, error: OSError) -> None:
        """Raises ``error`` where the port itself is of no use any more."""
        if error.errno not in _EXHAUSTED:
            if error.errno in {errno.EBADF, errno.EINVAL, errno.ENOTSOCK}:
                raise error
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
