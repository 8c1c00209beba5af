"""What is known of one volume from one moment to the next, and what state that comes to.

The monitor keeps it up to date: glances at the mount table, the last probe's answer, and where the
configured file system was found when udev's links can't be seen.
"""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ctlr.storage.mount_snapshot import MountSnapshot
from ctlr.storage.rate import FillRate
from ctlr.storage.states import Answer, MountFacts, MountState, State, Verdict


@dataclass
class Volume:
    """``must_be_mounted``: else a plain folder stands in. ``answered_at`` and ``due_at`` are on the
    monotonic clock; ``busy``: it is being mounted or unmounted; ``found``: the device number of
    its file system, once ``searched``; ``other``: a drive that is plugged in instead."""

    name: Literal["logging", "sync"]
    path: Path
    tag: str
    must_be_mounted: bool
    floor_bytes: int
    snapshot: MountSnapshot = field(default_factory=MountSnapshot)
    answer: Answer | None = None
    answered_at: float | None = None
    unanswered: bool = False
    due_at: float = 0.0
    rate: FillRate = field(default_factory=FillRate)
    asking: asyncio.Task[None] | None = None
    busy: bool = False
    searched: bool = False
    found: str | None = None
    other: str | None = None

    def forget_found(self) -> None:
        """What was found may not be so any more."""
        self.searched, self.found, self.other = False, None, None

    def update(self, now: MountSnapshot) -> None:
        """Take note of a snapshot; another mount than before is a new matter."""
        before, self.snapshot = self.snapshot, now
        if before.ids != now.ids:
            self.forget_found()
            self.answer, self.unanswered = None, False
            self.due_at = 0.0
        elif now.errors > before.errors:
            self.due_at = 0.0

    def seen(
        self, *, ejected: bool, now: MountSnapshot | None = None, unasked: bool = False
    ) -> MountFacts:
        """All of it, as it is judged; ``now``: by another snapshot than the last; ``unasked``: as if
        no probe had been sent."""
        view = now or self.snapshot
        return MountFacts(
            there=view.there,
            plugged_in=view.plugged_in,
            named=view.named or self.searched,
            expected=view.expected if view.named else self.found,
            other=self.other,
            ejected=ejected,
            busy=self.busy,
            must_be_mounted=self.must_be_mounted,
            ours=self.answer is not None and self.answer.identity is not None,
            answer=None if unasked else self.answer,
            unanswered=not unasked and self.unanswered,
        )

    def is_full(self) -> bool:
        """Whether less is free than what is kept for that which is on its way already."""
        answer = self.answer
        return answer is not None and answer.error is None and answer.free_bytes < self.floor_bytes

    def state(self, verdict: Verdict) -> MountState:
        """What everybody is told."""
        top = self.snapshot.there[-1] if self.snapshot.there else None
        answer = self.answer or Answer()
        works = verdict.error is None
        stands_in = not self.must_be_mounted and works
        return MountState(
            path=str(self.path),
            state=verdict.state,
            mounted=top is not None or stands_in,
            accessible=works,
            free_bytes=answer.free_bytes,
            total_bytes=answer.total_bytes,
            fs_type=top.fs_type if top else None,
            device=top.source if top else None,
            read_only=verdict.state is State.RO or (top is not None and top.read_only),
            latency_ms=answer.latency_ms,
            full=self.is_full(),
            error=verdict.error,
        )
