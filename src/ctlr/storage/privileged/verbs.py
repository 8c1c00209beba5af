"""The closed list: which verb goes with which target. Anything else is refused unread."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ctlr.kernel.errors import Refusal
from ctlr.layout.volumes import VOLUMES
from ctlr.storage.privileged.filesystem import check
from ctlr.storage.privileged.finding import find
from ctlr.storage.privileged.guarding import guard
from ctlr.storage.privileged.holders import find_holders
from ctlr.storage.privileged.mounting import mount, unmount
from ctlr.storage.privileged.policy import UNITS, Policy, Volume
from ctlr.storage.privileged.release import release
from ctlr.storage.privileged.units import start, stop

LOCK = "/run/ctlr-privileged.lock"
LOCK_WAIT_S = 60.0
DRIVE = "drive"
"""The target of ``release``: the disk or disks that hold the two volumes."""

Result = dict[str, Any]


def _holders(volume: Volume, _policy: Policy) -> Result:
    return {"holders": find_holders(volume.path)}


OBSERVING: dict[str, Callable[[Volume, Policy], Result]] = {"find": find, "holders": _holders}
CHANGING: dict[str, Callable[[Volume], Result]] = {
    "mount": mount,
    "unmount": unmount,
    "check": check,
    "guard": guard,
}
ON_UNITS: dict[str, Callable[[str], Result]] = {"start": start, "stop": stop}


def perform(verb: str, target: str, policy: Policy) -> Result:
    """Do one verb to one target. Raises ``Refusal`` with what was in the way, ``OSError``."""
    if target in VOLUMES and verb in OBSERVING:
        return OBSERVING[verb](policy[target], policy)
    if target in UNITS and verb in ON_UNITS:
        return ON_UNITS[verb](target)
    if target in VOLUMES and verb in CHANGING:
        with _one_at_a_time():
            return CHANGING[verb](policy[target])
    if verb == "release" and target == DRIVE:
        with _one_at_a_time():
            return release(list(policy.values()))
    raise Refusal("unknown_verb", f"There is no verb {verb!r} for {target!r}.")


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Two requests at once must not both find a place empty and mount on it."""
    fd = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    until = time.monotonic() + LOCK_WAIT_S
    try:
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise Refusal("in_use", "Another request is still under way.") from None
                time.sleep(0.05)
        yield
    finally:
        os.close(fd)
