"""What state a mount is in, from what was seen of it. Pure.

The order of the questions matters: what the kernel says at once (the mount table, whether the
device is plugged in) comes before what a probe said, because a dead drive looks healthy for long:
``statvfs`` shows free space, the mount table says ``rw``, folders are listed from the cache. Only
an uncached read and a write that is flushed tell the truth, and those are the probe's.
"""

import errno
from dataclasses import dataclass
from enum import StrEnum

from ctlr.storage.mountinfo import Mount

SLOW_MS = 1000.0


class State(StrEnum):
    """``ABSENT``: nothing is mounted there. ``MOUNTING``: somebody is about to, or nobody has
    looked yet. ``OK``: the expected file system, and it answers (it may be full). ``RO``: it takes
    no writes. ``STALE``: its device is gone or fails, the mount is dead. ``HUNG``: whoever asks it
    gets no answer. ``FOREIGN``: another file system than the expected one. ``STACKED``: several
    mounts, one over the other. ``EJECTED``: a person has taken it out."""

    ABSENT = "absent"
    MOUNTING = "mounting"
    OK = "ok"
    RO = "ro"
    STALE = "stale"
    HUNG = "hung"
    FOREIGN = "foreign"
    STACKED = "stacked"
    EJECTED = "ejected"


@dataclass(frozen=True)
class Answer:
    """What a probe found. ``error_number`` is 0 when all went well, ``foreign`` why the file
    system is not one of ours (then nothing was written), ``identity`` its id."""

    free_bytes: int = 0
    total_bytes: int = 0
    latency_ms: float | None = None
    error_number: int = 0
    error: str | None = None
    foreign: str | None = None
    identity: str | None = None


@dataclass(frozen=True)
class MountState:
    """One disk as last seen: what everybody reads. Sizes in bytes; ``error`` in words, None when
    all is well; ``full``: less than the floor is free."""

    path: str
    state: State = State.MOUNTING
    mounted: bool = False
    accessible: bool = False
    free_bytes: int = 0
    total_bytes: int = 0
    fs_type: str | None = None
    device: str | None = None
    read_only: bool = False
    latency_ms: float | None = None
    full: bool = False
    error: str | None = "not checked yet"

    @property
    def healthy(self) -> bool:
        return self.accessible and self.error is None

    @property
    def slow(self) -> bool:
        return self.latency_ms is not None and self.latency_ms > SLOW_MS


@dataclass(frozen=True)
class MountFacts:
    """One mount as it is now. ``there`` are the mounts on its path; ``plugged_in`` tells whether
    the topmost one's device is; ``expected`` is the number of the configured device where it is
    plugged in; ``named`` tells whether one is configured and can be looked up; ``other`` is
    another drive that is plugged in instead; ``ours``: the mark on it was read since it is mounted,
    and is one of ours (with two drives of one label plugged in, the label leads to either);
    ``answer`` is the last probe's, None before the first; ``unanswered`` that a probe does not
    come back."""

    there: tuple[Mount, ...] = ()
    plugged_in: bool = True
    expected: str | None = None
    named: bool = False
    other: str | None = None
    ejected: bool = False
    busy: bool = False
    must_be_mounted: bool = True
    ours: bool = False
    answer: Answer | None = None
    unanswered: bool = False


@dataclass(frozen=True)
class Verdict:
    """``error`` is what is wrong, in words that fit behind "the drive is not usable:"."""

    state: State
    error: str | None = None


READ_ONLY = "read-only, as after an error on the drive"
_DEAD = frozenset(
    {errno.EIO, errno.ENOTCONN, errno.ENODEV, errno.ENXIO, errno.ESHUTDOWN, errno.EBADMSG}
    | {errno.EUCLEAN, errno.ECONNABORTED, errno.ETIMEDOUT, errno.EREMOTEIO}
)


def judge(seen: MountFacts) -> Verdict:
    """The state of a mount, with what is wrong."""
    if seen.busy:
        return Verdict(State.MOUNTING, "it is being mounted or unmounted")
    if seen.ejected:
        again = "it was ejected and is mounted again; mount it to use it"
        return Verdict(State.EJECTED, again if seen.there else "it is ejected")
    verdict = _judge_mount(seen) if seen.must_be_mounted else None
    return verdict or _judge_answer(seen)


def _judge_mount(seen: MountFacts) -> Verdict | None:
    """What the mount table and the kernel's list of devices say against it."""
    if not seen.there:
        return _judge_absence(seen)
    if len(seen.there) > 1:
        return Verdict(State.STACKED, "mounted twice, one over the other")
    (mount,) = seen.there
    if not seen.plugged_in:
        return Verdict(State.STALE, "it has been pulled out")
    if seen.named and seen.expected != mount.device_number and not seen.ours:
        return Verdict(
            State.FOREIGN, f"{mount.source} is mounted there, which is not the configured drive"
        )
    return Verdict(State.RO, READ_ONLY) if mount.read_only else None


def _judge_absence(seen: MountFacts) -> Verdict:
    if seen.expected is not None:
        return Verdict(State.ABSENT, "plugged in, but not mounted")
    if seen.other is not None:
        return Verdict(State.FOREIGN, f"another drive is plugged in ({seen.other})")
    return Verdict(State.ABSENT, "not plugged in" if seen.named else "not mounted")


def _judge_answer(seen: MountFacts) -> Verdict:
    """What a probe says, or that it says nothing."""
    if seen.unanswered:
        return Verdict(State.HUNG, "it does not answer")
    if seen.answer is None:
        return Verdict(State.MOUNTING, "not checked yet")
    if seen.answer.foreign:
        return Verdict(State.FOREIGN, seen.answer.foreign)
    return _judge_error(seen.answer)


def _judge_error(answer: Answer) -> Verdict:
    if answer.error is None:
        return Verdict(State.OK)
    if answer.error_number == errno.EROFS:
        return Verdict(State.RO, READ_ONLY)
    if answer.error_number in _DEAD:
        return Verdict(State.STALE, f"it fails ({answer.error})")
    if answer.error_number in (errno.ENOSPC, errno.EDQUOT):
        return Verdict(State.OK, "it is full")
    return Verdict(State.OK, f"it cannot be written to ({answer.error})")
