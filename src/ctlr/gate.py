"""Between those who use the drive and those who take it out: at one moment only one may begin.

The gate is made before all of them and given to each, so none of them has to know another. Whoever
starts or stops a recording, changes the rig's cameras or takes a volume off decides while it holds
``lock``. A start is refused while a volume comes off; a volume comes off only when ``find_work``
finds nothing that must not be interrupted. A recording and the uploads say so here themselves;
who else uses the drive is asked.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ctlr.kernel.errors import Refusal


@dataclass(frozen=True)
class Work:
    """Something that uses the drive: a stable code, what it is in a few words ("Recording in
    progress"), more about it, how long it will take, and whether an eject must not interrupt it."""

    code: str
    text: str
    detail: str = ""
    eta_s: float | None = None
    blocks: bool = True


class Gate:
    """``is_ejecting`` tells whether a volume is just being taken off."""

    def __init__(self, is_ejecting: Callable[[], bool] = bool) -> None:
        self.lock = asyncio.Lock()
        """Of starts, stops, changes of the rig's cameras, and decisions to take a volume off."""
        self.session: str | None = None
        """The uuid of the active session; the coordinator sets it."""
        self._uploads: list[Callable[[], bool]] = []
        self._is_ejecting = is_ejecting
        self._users: list[Callable[[], Iterable[Work]]] = []
        self._readers: list[Callable[[], Awaitable[None]]] = []

    def is_recording(self) -> bool:
        """Whether a session is active."""
        return self.session is not None

    def check_start(self) -> None:
        """Raise ``Refusal`` ``drive_ejecting`` while a volume is taken off."""
        if self._is_ejecting():
            raise Refusal(
                "drive_ejecting",
                "The drive is just being ejected or remounted, so nothing was started. Start again "
                "in a moment.",
            )

    def check_read(self) -> None:
        """Raise ``Refusal`` ``drive_ejecting`` while a volume is taken off."""
        if self._is_ejecting():
            raise Refusal(
                "drive_ejecting",
                "The drive is just being ejected or remounted, so nothing is read from it. Ask again "
                "when it is back.",
            )

    @contextmanager
    def upload(self, is_moving: Callable[[], bool] = lambda: True) -> Iterator[None]:
        """While the block lasts an upload is on its way to the drive. One that does not move any
        more keeps nobody waiting; it must let go like a reader (``add_reader``)."""
        self._uploads.append(is_moving)
        try:
            yield
        finally:
            self._uploads.remove(is_moving)

    def add_user(self, find_work: Callable[[], Iterable[Work]]) -> None:
        """Somebody who uses the drive; ``find_work`` tells from memory what it does there now."""
        self._users.append(find_work)

    def add_reader(self, release: Callable[[], Awaitable[None]]) -> None:
        """Somebody whose children may be reading the drive; ``release`` ends those, and returns
        when they have ended. They are begun again by themselves."""
        self._readers.append(release)

    async def release_readers(self) -> None:
        """Have everybody end what only reads the drive."""
        for release in self._readers:
            await release()

    def find_work(self) -> list[Work]:
        """All work on the drive now: recording and uploads first, then the users' in their order."""
        found = []
        if self.session is not None:
            found.append(Work("recording_in_progress", "Recording in progress", self.session))
        if any(is_moving() for is_moving in self._uploads):
            found.append(Work("upload_in_progress", "Phone upload in progress"))
        return found + [work for find_work in self._users for work in find_work()]
