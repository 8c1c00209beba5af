"""One run at a time for each session: a lock beside the database, so that it is never on a drive that
is pulled."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from ctlr.config import Settings
from ctlr.kernel.errors import Refusal


@contextmanager
def session_lock(settings: Settings, uuid: str) -> Iterator[None]:
    """Hold the session's lock. Raises ``Refusal`` ``busy`` while another run has it."""
    state = settings.database.path.parent
    folder = state / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    fd = os.open(folder / f"{uuid}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        if os.geteuid() == 0:  # what root leaves here must not shut the controller out
            owner = state.stat()
            os.chown(folder, owner.st_uid, owner.st_gid)
            os.chown(fd, owner.st_uid, owner.st_gid)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Refusal(
                "busy", f"Session {uuid} is being processed by another run; wait for it to end."
            ) from error
        yield
    finally:
        os.close(fd)
