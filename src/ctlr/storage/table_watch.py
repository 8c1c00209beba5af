"""Waits for changes of this process's table of mounts, without asking for it again and again."""

import asyncio
import os
import select
from collections.abc import Callable

from ctlr.storage.table import MOUNTINFO


class MountTableWatch:
    """Calls ``on_change`` on the event loop whenever anything is mounted or unmounted.

    The kernel marks a change of the table as an exceptional condition of its file (proc(5)),
    which an event loop cannot wait for by itself; an epoll descriptor for it can be waited for.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._table = os.open(MOUNTINFO, os.O_RDONLY | os.O_CLOEXEC)
        self._epoll = select.epoll()
        self._epoll.register(self._table, select.EPOLLPRI | select.EPOLLERR)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._epoll.fileno(), self._changed)

    def _changed(self) -> None:
        self._epoll.poll(0)
        self._on_change()

    def close(self) -> None:
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()
        os.close(self._table)
