"""How long a service runs: until it is told to end, or until a part of it has died."""

import asyncio
import signal

from ctlr.kernel.sd_notify import signs_of_life


class PartDiedError(Exception):
    """A part of the service ended by itself; the process must be started again."""


class Lifetime:
    """Of the process ``what``, such as "the CAN listener". ``stopped`` is set when it is to end."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._died = False
        self.stopped = asyncio.Event()

    def die(self) -> None:
        """A part has died: end, and let ``check`` say so."""
        self._died = True
        self.stopped.set()

    async def wait(self) -> None:
        """Run until SIGTERM, SIGINT or a death, with signs of life for systemd meanwhile."""
        async with signs_of_life():
            await self.stopped.wait()

    def check(self) -> None:
        """At the end. Raises ``PartDiedError``."""
        if self._died:
            raise PartDiedError(f"A part of {self._what} died; see the log. Start it again.")


def stop_on_signals(stopped: asyncio.Event) -> None:
    """From now on SIGTERM and SIGINT set ``stopped`` instead of ending the process."""
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
