"""Words for tests about the drive: how it is, and waiting for that."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from tests.fakes.controller import Controller, until

from ctlr.storage.mountinfo import mounts_at
from ctlr.storage.table import read_table


async def drive_of(controller: Controller) -> dict[str, Any]:
    return (await controller.get("/api/storage/status")).expect()


async def state_of(controller: Controller, name: str = "logging") -> str:
    return str((await drive_of(controller))[name]["state"])


async def until_state(controller: Controller, state: str, name: str = "logging") -> dict[str, Any]:
    """Wait for a volume's state; returns what is told of it then."""

    async def reached() -> bool:
        return await state_of(controller, name) == state

    try:
        await until(reached)
    except TimeoutError as error:
        shown = json.dumps(await drive_of(controller))
        raise AssertionError(f"{name} is not {state}: {shown}") from error
    told: dict[str, Any] = (await drive_of(controller))[name]
    return told


def is_mounted(path: Path) -> bool:
    return bool(mounts_at(read_table(), str(path)))


@contextmanager
def process(*command: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that says a line once it is under way, and is ended with the block."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, cwd="/", start_new_session=True
    ) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline()
            yield child
        finally:
            os.killpg(child.pid, signal.SIGKILL)  # with the children of its own


def hidden_namespace() -> AbstractContextManager[subprocess.Popen[bytes]]:
    """A process with a copy of all present mounts, which nobody else can unmount."""
    program = "echo in; read _"
    return process("unshare", "--mount", "--propagation", "private", "sh", "-c", program)


def transfer(source: Path, target: Path) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """rsync that takes its time, from a camera to a folder."""
    return process("rsync", "--bwlimit=200", "--info=name1", "--outbuf=L", source, f"{target}/")


def held(path: Path, how: str = "file") -> AbstractContextManager[subprocess.Popen[bytes]]:
    """A process that holds a mount: with an open file, or as its working folder."""
    program = "import os, sys; os.chdir(sys.argv[1]) if sys.argv[2] == 'cwd' else None; "
    program += "file = open(sys.argv[1] + '/held', 'w') if sys.argv[2] == 'file' else None; "
    program += "print('here', flush=True); sys.stdin.read()"
    return process(sys.executable, "-I", "-c", program, path, how)
