"""What a scenario may do to a machine, whichever kind it is.

A machine is Debian with systemd as process 1 and ``ctlr`` installed, driven from outside: run a
command, plug a drive in and pull it out, cut the power. ``rig.nspawn`` boots one in a second on
the kernel of the host; ``rig.qemu`` boots one with Debian's own kernel, where USB, kernel exFAT
and power cuts are real. Everything blocks until it is done or raises ``MachineError``: a scenario
is a story told from top to bottom.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rig.usb_drive import UsbDrive


class MachineError(Exception):
    """The machine did not do what it was told; the message says what it said instead."""


@dataclass(frozen=True)
class Finished:
    """A command that has ended in the machine."""

    argv: Sequence[str]
    exit_code: int
    stdout: str
    stderr: str

    def check(self) -> "Finished":
        """Raises ``MachineError`` unless the exit code is 0."""
        if self.exit_code:
            said = (self.stderr or self.stdout).strip()
            raise MachineError(f"{shlex.join(self.argv)} ended with {self.exit_code}: {said}")
        return self


class Machine(Protocol):
    """One machine. ``name`` is for tables, ``url`` is where its API is reached from the host."""

    name: str

    @property
    def url(self) -> str: ...

    def boot(self) -> None:
        """Start it and return when systemd has started everything (or given up on a part)."""

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes | None = None,
        timeout_s: float = 60,
        check: bool = True,
    ) -> Finished:
        """Run a command as root. Raises ``MachineError`` when it fails and ``check`` is set, or
        when it has not ended after ``timeout_s``."""

    def copy_in(self, source: Path, target: str) -> None:
        """Copy a file or a folder from the host to a path in the machine that is not there."""

    def copy_out(self, source: str, target: Path) -> None:
        """Copy a file or a folder of the machine to a path of the host that is not there."""

    def plug(self, drive: UsbDrive, port: int = 1) -> None:
        """Connect a drive. Another port, or the same after a pull, may be another ``sdX``."""

    def pull(self, drive: UsbDrive) -> None:
        """Take a drive away at once, whatever is being written."""

    def reboot(self) -> None:
        """Restart in order, as ``reboot`` does; returns when it is up again."""

    def cut_power(self) -> None:
        """Stop at once. What was not flushed to a disk may be lost from it. ``boot`` follows."""

    def shut_down(self) -> None:
        """Power off in order; returns when the machine is off."""

    def close(self) -> None:
        """End it, whatever its state, and leave nothing of it behind on the host."""
