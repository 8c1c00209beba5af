"""Programs of the system, run with a deadline and an environment of our own.

A program stuck on a dead drive cannot be killed and is not waited for: it is left behind, and
the request is answered "hung".
"""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from ctlr.kernel.errors import Refusal

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}

_left_behind: list[subprocess.Popen[str]] = []


@dataclass(frozen=True)
class Done:
    """How a program ended, and all that it printed."""

    returncode: int
    output: str

    @property
    def last_line(self) -> str:
        lines = [line.strip() for line in self.output.splitlines() if line.strip()]
        return lines[-1] if lines else f"exit code {self.returncode}"


def run_command(command: Sequence[str], deadline_s: float) -> Done:
    """Run a program to its end. Raises ``Refusal``: ``hung``, ``missing_program``."""
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=ENVIRONMENT,
        )
    except OSError as error:
        raise Refusal("missing_program", f"{command[0]}: {error.strerror}.") from error
    try:
        output, _ = child.communicate(timeout=deadline_s)
    except subprocess.TimeoutExpired as error:
        child.kill()
        _left_behind.append(child)
        raise Refusal("hung", f"{command[0]} did not end within {deadline_s:g} s.") from error
    return Done(child.returncode, output)
