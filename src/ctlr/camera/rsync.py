"""The rsync command line, and running it.

Files land as ``{target}/{node}/{uuid}/{name}``. The list of files is given relative to the
spool, so rsync makes ``{uuid}`` itself; ``{node}`` is the last part of the destination, which
rsync makes too. Both work with every rsync of the last decade, which ``--mkpath`` and a
remote ``--fsync`` do not. The receiver writes hidden names and renames; what of a file has
arrived is kept in ``.rsync-partial`` for the next try. The controller flushes its disk before
it calls anything durable.
"""

from collections.abc import Sequence
from pathlib import Path

from ctlr.kernel.process import ProcessTimeoutError, run

SILENCE_S = 30
"""A connection on which nothing moves for so long is given up."""

CONNECT_S = 10
RUN_DEADLINE_S = 3600.0
PARTIAL = 23  # some files could not be read or written; the others have arrived
VANISHED = 24  # a file was removed while rsync ran: nothing is wrong with the others


class RsyncError(Exception):
    """Files could not be sent; the message ends with the first thing that rsync said."""


class PartialTransferError(RsyncError):
    """Some of the files were not sent, the others were."""


def destination(target: str, node: str) -> str:
    """Where rsync writes. ``target`` is a module URL, ``user@host:path`` or a folder."""
    return f"{target.rstrip('/')}/{node}/" if not target.endswith(":") else f"{target}{node}/"


def build_command(
    spool: Path, uuid: str, names: Sequence[str], target: str, node: str, ssh_config: Path | None
) -> list[str]:
    """The command that sends files of a session. Names never reach a shell, and none looks like an option."""
    command = [
        "rsync",
        "--times",
        "--omit-dir-times",
        "--relative",
        "--partial-dir=.rsync-partial",
        f"--timeout={SILENCE_S}",
    ]
    if target.startswith("rsync://"):
        command.append(f"--contimeout={CONNECT_S}")
    elif _is_remote(target):
        command.append(f"--rsh={_ssh_command(ssh_config)}")
    files = [f"{spool}/./{uuid}/{name}" for name in names]
    return [*command, "--", *files, destination(target, node)]


async def send(command: Sequence[str]) -> None:
    """Run rsync to its end. Raises ``RsyncError``."""
    try:
        ended = await run(command, RUN_DEADLINE_S)
    except (OSError, ProcessTimeoutError) as error:
        raise RsyncError(f"rsync: {error}") from error
    if ended.returncode not in (0, VANISHED):
        # Its first line names the cause; the last ones only repeat the exit code.
        reason = ended.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
        kind = PartialTransferError if ended.returncode == PARTIAL else RsyncError
        raise kind(f"rsync ended with code {ended.returncode}: {reason}")


def _is_remote(target: str) -> bool:
    host, colon, _ = target.partition(":")
    return bool(colon) and "/" not in host


def _ssh_command(ssh_config: Path | None) -> str:
    words = ["ssh", "-o BatchMode=yes", f"-o ConnectTimeout={CONNECT_S}"]
    words += ["-o StrictHostKeyChecking=accept-new", "-o ServerAliveInterval=10"]
    if ssh_config is not None:
        words.append(f"-F '{ssh_config}'")
    return " ".join(words)
