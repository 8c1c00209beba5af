"""What a scenario does with a machine, whichever way it is made.

Everything is synchronous: a scenario is a story told in one piece, and what must go on beside it
(the prober, the witness) has a thread or a process of its own.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from rig.drive import Drive

RUN_DEADLINE_S = 60.0


class MachineError(Exception):
    """The machine did not do what was asked; the message shows its last words."""


@dataclass(frozen=True)
class Completed:
    """How a command inside the machine ended."""

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str


class Machine(Protocol):
    """One computer of the rig. ``name`` is its host name and thereby its node name; ``address``
    is where others in the rig's network reach it, the driver among them."""

    name: str
    address: str

    def boot(self) -> None:
        """Power on; returns when systemd has started what it has to start."""

    def run(
        self,
        argv: Sequence[str],
        *,
        check: bool = True,
        stdin: str | None = None,
        deadline_s: float = RUN_DEADLINE_S,
    ) -> Completed:
        """Run a command as root, to its end.

        Raises ``MachineError`` when it takes longer than ``deadline_s`` or, with ``check``, when
        it ends with another code than 0.
        """

    def copy_in(self, source: Path, target: str) -> None:
        """Copy a file or folder to a path inside; parent folders are made."""

    def copy_out(self, source: str, target: Path) -> None:
        """Copy a file or folder from inside to a path here."""

    def plug(self, drive: Drive, port: int = 0) -> None:
        """Connect a drive; another port gives it another device name."""

    def pull(self, drive: Drive) -> None:
        """Disconnect a drive at once: what it was not told to keep (flush) is lost."""

    def shut_down(self) -> None:
        """As ``systemctl poweroff``; returns when the machine is off."""

    def reboot(self) -> None:
        """As ``systemctl reboot``; returns as ``boot`` does."""

    def cut_power(self) -> None:
        """Off at once, with all drives: nothing is flushed, nobody says goodbye."""

    def close(self) -> None:
        """Off, if it is on, and all that it occupied is free again. Never raises."""


SomeMachine = TypeVar("SomeMachine", bound=Machine)


def at_once(work: Callable[[SomeMachine], object], machines: Iterable[SomeMachine]) -> None:
    """Do something with several machines at the same time. Raises what the first of them raised."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(work, machines))
