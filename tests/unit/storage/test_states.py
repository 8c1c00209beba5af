"""The state of a mount, from what was seen of it."""

import errno
import os
from dataclasses import replace
from typing import Any

import pytest

from ctlr.storage.mountinfo import Mount
from ctlr.storage.states import READ_ONLY, Answer, MountFacts, State, judge

MOUNT = Mount(31, "/mnt/logging", "ext4", "/dev/sda1", "8:1", frozenset({"rw"}))
GOOD = Answer(free_bytes=10, total_bytes=20, latency_ms=3.0, identity="id")
WELL = MountFacts(there=(MOUNT,), expected="8:1", named=True, answer=GOOD)


def failed(number: int) -> Answer:
    return Answer(error=os.strerror(number), error_number=number)


@pytest.mark.parametrize(
    ("changes", "state", "error"),
    [
        ({}, State.OK, None),
        ({"named": False, "expected": None}, State.OK, None),
        ({"answer": None}, State.MOUNTING, "not checked yet"),
        ({"there": (), "expected": None}, State.ABSENT, "not plugged in"),
        ({"there": (), "expected": None, "named": False}, State.ABSENT, "not mounted"),
        ({"there": ()}, State.ABSENT, "plugged in, but not mounted"),
        ({"there": (), "expected": None, "other": "/dev/sdb1"}, State.FOREIGN, "/dev/sdb1"),
        ({"there": (MOUNT, MOUNT)}, State.STACKED, "mounted twice"),
        ({"plugged_in": False}, State.STALE, "pulled out"),
        ({"plugged_in": False, "expected": "8:17"}, State.STALE, "pulled out"),
        ({"expected": "8:17"}, State.FOREIGN, "not the configured drive"),
        ({"expected": None}, State.FOREIGN, "not the configured drive"),
        ({"expected": "8:17", "ours": True}, State.OK, None),
        ({"there": (replace(MOUNT, options=frozenset({"ro"})),)}, State.RO, READ_ONLY),
        ({"there": (replace(MOUNT, options=frozenset({"emergency_ro"})),)}, State.RO, READ_ONLY),
        ({"unanswered": True}, State.HUNG, "does not answer"),
        ({"answer": Answer(foreign="it is another")}, State.FOREIGN, "it is another"),
        ({"answer": failed(errno.EROFS)}, State.RO, READ_ONLY),
        ({"answer": failed(errno.EIO)}, State.STALE, "Input/output error"),
        ({"answer": failed(errno.ENOTCONN)}, State.STALE, "endpoint is not connected"),
        ({"answer": failed(errno.ENOSPC)}, State.OK, "it is full"),
        ({"answer": failed(errno.EACCES)}, State.OK, "Permission denied"),
        ({"busy": True, "plugged_in": False}, State.MOUNTING, "being mounted"),
        ({"ejected": True, "there": ()}, State.EJECTED, "it is ejected"),
        ({"ejected": True}, State.EJECTED, "mounted again"),
        ({"must_be_mounted": False, "there": (), "expected": None}, State.OK, None),
        ({"must_be_mounted": False, "there": (), "answer": failed(2)}, State.OK, "No such file"),
    ],
    ids=str,
)
def test_each_state(changes: dict[str, Any], state: State, error: str | None) -> None:
    verdict = judge(replace(WELL, **changes))
    assert verdict.state is state
    assert verdict.error == error if error is None else error in (verdict.error or "")


def test_what_the_kernel_says_comes_before_what_a_probe_said() -> None:
    """A drive that was pulled answers from its cache for long."""
    assert judge(replace(WELL, plugged_in=False, answer=GOOD)).state is State.STALE
    assert judge(replace(WELL, plugged_in=False, unanswered=True)).state is State.STALE
