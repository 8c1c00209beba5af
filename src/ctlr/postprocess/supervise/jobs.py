"""How post-processing of a session goes, as values. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from ctlr.kernel.backoff import Backoff


class JobState(StrEnum):
    WAITING = "waiting"
    FOLLOWING = "following"
    RUNNING = "running"
    VERIFYING = "verifying"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Job:
    """Work on one session: videos grow while it records (following), it is made ready (running),
    then read back from the disk (verifying).

    Sizes in bytes; ``eta_s`` is None while it is not known; ``error`` is why it failed last;
    ``waiting_for`` names the nodes whose files are still on their way.
    """

    uuid: str
    state: JobState = JobState.WAITING
    attempts: int = 0
    done_bytes: int = 0
    total_bytes: int = 0
    eta_s: float | None = None
    error: str | None = None
    waiting_for: tuple[str, ...] = ()


FIRST_RETRY_S = 5.0
LONGEST_RETRY_S = 300.0


def retry_after_s(attempts: int) -> float:
    """How long after its n-th failure in a row a job is tried again."""
    return Backoff(FIRST_RETRY_S, LONGEST_RETRY_S).delay_s(attempts)


@dataclass(frozen=True)
class JobResult:
    """How a child ended. ``error`` without ``failed``: made, with something missing; ``ended_early``:
    by us, because the drive was asked for; ``lasting``: it would fail again with this drive."""

    failed: bool
    ended_early: bool = False
    error: str | None = None
    folder: str | None = None
    processed_at: str | None = None
    lasting: bool = False
