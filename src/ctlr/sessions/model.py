"""A session and its nodes as values. Pure: no clock, no disk, no database.

All times are Unix milliseconds. ``started_at`` in the API and the manifest is ``start_at_ms``:
the instant that all cameras were told to begin at.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

STOPPED_BEFORE_START = "stopped_before_start"
"""The event of a session that was stopped within its start delay, before any camera began."""


REHEARSAL = "rehearsal"
"""The event of a session that was begun to see whether all is well: it is in the bin from its start."""


class SessionState(StrEnum):
    """Where a session is; ``lifecycle`` holds which state follows which."""

    ARMING = "arming"
    RECORDING = "recording"
    STOPPING = "stopping"
    COLLECTING = "collecting"
    PROCESSING = "processing"
    DONE = "done"
    FAILED = "failed"


ACTIVE_STATES = frozenset({SessionState.ARMING, SessionState.RECORDING, SessionState.STOPPING})
"""States of which only one session can be in at a time."""


@dataclass(frozen=True)
class TakeStart:
    """When a node was told to begin one of its takes, on the controller's clock. The first take is
    listed only if it began after the session."""

    take: int
    at_ms: int


class HashedFile(NamedTuple):
    """A delivered file as it was when it was read back from the drive."""

    size: int
    mtime_ns: int
    xxh128: str
    inode: int | None = None

    def is_still(self, size: int, mtime_ns: int, inode: int) -> bool:
        """Whether a file that is found under its name is the same, as far as can be seen."""
        same_inode = self.inode is None or self.inode == inode
        return same_inode and (self.size, self.mtime_ns) == (size, mtime_ns)


@dataclass(frozen=True)
class SessionNode:
    """One camera's part in a session.

    ``started`` says that the node acknowledged a start; ``start_at_ms`` is the start that holds
    for it, on its own clock. ``segments_total`` is what the node says it made; None from plain nodes.
    ``starts`` are those that it was told while the session was going on, in order;
    ``stopped_at_ms`` is when it was told the stop that it confirmed, on the controller's clock: None
    where it was only seen not to record any more. ``lost`` names segments that were durable here and
    in whose place another file was found.
    """

    name: str
    started: bool = False
    start_at_ms: int | None = None
    error: str | None = None
    stop_acknowledged: bool = False
    stopped_at_ms: int | None = None
    segments_total: int | None = None
    complete: bool = False
    remaining: int | None = None
    starts: tuple[TakeStart, ...] = ()
    lost: tuple[str, ...] = ()


@dataclass(frozen=True)
class SessionEvent:
    """Something that happened to a session and that its reader should know."""

    at_ms: int
    kind: str
    text: str


@dataclass(frozen=True)
class ClockSample:
    """A source's clock minus the controller's at ``at_ms`` (the controller's), in milliseconds.

    The truth lies within ``uncertainty_ms`` of ``offset_ms``. ``method`` says how it was
    measured: ``exchange`` (over the controller's calls) or ``phone`` (by the phone itself).
    """

    at_ms: int
    offset_ms: float
    uncertainty_ms: float
    method: str = "exchange"


@dataclass(frozen=True)
class Mark:
    """An instant that somebody marked while it was recorded; on the controller's clock."""

    at_ms: int
    label: str | None = None


@dataclass(frozen=True)
class ClockStep:
    """The controller's clock was set by ``step_ms`` at ``at_ms``, on the clock as it is now: the
    session's times have moved with it."""

    at_ms: int
    step_ms: int


@dataclass(frozen=True)
class Session:
    """One recording, from the tap to the drive."""

    uuid: str
    state: SessionState
    created_at_ms: int = 0
    start_at_ms: int | None = None
    stop_requested_at_ms: int | None = None
    stopped_at_ms: int | None = None
    processed_at: str | None = None
    folder: str | None = None
    error: str | None = None
    label: str | None = None
    notes: str | None = None
    verdict: str | None = None
    """``good`` or ``bad``; None: nobody has said."""
    binned_at_ms: int | None = None
    """When it was thrown into the bin; None: it is not in it."""
    bin_scope: str | None = None
    """``copy`` or ``everything``: what goes when the bin is emptied; None: it is not in it."""
    nodes: tuple[SessionNode, ...] = ()
    events: tuple[SessionEvent, ...] = ()
    clocks: dict[str, tuple[ClockSample, ...]] = field(default_factory=dict)
    """Samples in time order, by source: node names and ``phone``."""
    marks: tuple[Mark, ...] = ()
    """In the order of their instants."""
    clock_steps: tuple[ClockStep, ...] = ()
    """In the order in which they happened."""

    @property
    def is_rehearsal(self) -> bool:
        """Whether it was begun as one; somebody may have taken it out of the bin since."""
        return any(event.kind == REHEARSAL for event in self.events)

    @property
    def start_failed(self) -> bool:
        """Whether it was told to start and too few cameras did: nothing was recorded on purpose.
        What came for it all the same is made ready, and it may still be started."""
        return (
            self.state not in ACTIVE_STATES
            and self.start_at_ms is not None
            and self.stopped_at_ms is None
        )

    @property
    def never_began(self) -> bool:
        """Whether it was stopped before it began: then no camera owes it a picture. What comes for
        it all the same is made ready. The record says so; the instants may lie in any order, as the
        wall clock may have been set between them."""
        return any(event.kind == STOPPED_BEFORE_START for event in self.events)

    def node(self, name: str) -> SessionNode | None:
        return next((node for node in self.nodes if node.name == name), None)
