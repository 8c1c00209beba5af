"""Commands of this machine that build and move things: run to their end, or a clear error."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

DEADLINE_S = 600.0


class ShellError(Exception):
    """A command failed; the message shows what it printed last."""


def sh(
    argv: Sequence[str | Path],
    *,
    stdin: str | None = None,
    env: dict[str, str] | None = None,
    deadline_s: float = DEADLINE_S,
) -> str:
    """Run a command and return what it printed. Raises ``ShellError``."""
    try:
        ended = subprocess.run(
            argv,
            input=stdin,
            env=env,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=deadline_s,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ShellError(f"{argv[0]}: {error}") from error
    if ended.returncode != 0:
        said = (ended.stdout + ended.stderr).rstrip().splitlines()[-15:]
        command = " ".join(str(word) for word in argv)
        raise ShellError("\n".join([f"{command}: exit code {ended.returncode}", *said]))
    return ended.stdout
