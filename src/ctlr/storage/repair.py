"""What to do about a mount that is not well, and when to try again. Pure.

The first try is at once: a drive that was pulled and plugged in again should be back before
anybody has looked. Each try that does not help makes the next one later, and after ``MOST_TRIES``
a person is called; a drive that is plugged in again is a new case. What hangs is left alone: any
command on it would hang as well, and it heals by itself or by being pulled. What a person has
ejected stays away.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from ctlr.kernel.backoff import Backoff
from ctlr.storage.states import READ_ONLY, MountState, State

MOST_TRIES = 5
PAUSE = Backoff(first_s=5.0, longest_s=300.0, factor=4.0)
AT_ONCE_AGAIN = 2
"""So many faults in a row are repaired without a pause, if the repair before helped."""
WELL_AFTER_S = 60.0
"""So long a drive must have been well for its next fault to be a new case."""


class Step(StrEnum):
    """``MOUNT``: check and mount; ``REMOUNT``: unmount, check and mount; ``UNMOUNT``: take a dead
    or foreign mount off, so that nothing is written there."""

    MOUNT = "mount"
    REMOUNT = "remount"
    UNMOUNT = "unmount"


@dataclass(frozen=True)
class Case:
    """How often a fault has been tried to be repaired, and whether the last try helped.
    ``foreign``: what was mounted proved to be a stranger's, so it is not mounted again; ``device``:
    the number of the configured device then; times on the monotonic clock."""

    tries: int = 0
    last_try_at: float = 0.0
    well_since: float | None = None
    helped: bool = False
    foreign: bool = False
    device: str | None = None

    @property
    def given_up(self) -> bool:
        return self.tries >= MOST_TRIES


def needed_step(state: MountState, *, is_mounted: bool, is_plugged_in: bool) -> Step | None:
    """What would make a mount well; None where there is nothing to do, or nothing that helps.

    ``is_plugged_in``: whether the configured device is there to be mounted.
    """
    again = Step.REMOUNT if is_plugged_in else Step.UNMOUNT
    match state.state:
        case State.ABSENT:
            return Step.MOUNT if is_plugged_in else None
        case State.FOREIGN:
            return Step.UNMOUNT if is_mounted else None
        case State.STALE | State.STACKED:
            return again if is_mounted else None
        case State.RO:
            return again if state.error == READ_ONLY else None
        case _:
            return None


def may_try(case: Case, step: Step, now: float) -> bool:
    """Whether it is time for a try. To take off what must not be there is tried for ever."""
    if case.given_up and step is not Step.UNMOUNT:
        return False
    if case.foreign and step is Step.MOUNT:
        return False
    at_once = case.tries == 0 or (case.helped and case.tries <= AT_ONCE_AGAIN)
    return at_once or now >= case.last_try_at + PAUSE.delay_s(case.tries)


def follow(case: Case, state: MountState, device: str | None, now: float) -> Case:
    """The case after another look: a new one when the device was plugged or pulled, or after a
    while in which all was well."""
    if device != case.device:
        return Case(device=device)
    if not state.healthy:
        foreign = case.foreign or (state.mounted and state.state is State.FOREIGN)
        return replace(case, well_since=None, foreign=foreign)
    since = case.well_since if case.well_since is not None else now
    if now - since >= WELL_AFTER_S:
        return Case(device=case.device, well_since=since)
    return replace(case, well_since=since, helped=True)


def tried(case: Case, now: float) -> Case:
    return replace(case, tries=case.tries + 1, last_try_at=now, helped=False)


def failed(case: Case, code: str) -> Case:
    """The case after a try that the privileged program has refused. If the device was gone by then,
    what comes next was plugged in again, though it may have the number that it had before."""
    return Case() if code == "absent" else case
