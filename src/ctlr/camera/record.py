"""What a camera keeps of one recording: how it stands, how it ended, and what happened to it."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

MAX_EVENTS = 200

Ending = Literal["stopped", "interrupted", "failed"]


class NodeEvent(BaseModel):
    """Something that a reader of the recording should know: ``kind`` for programs, ``text`` for
    people, ``size_us`` where it has a size. ``at_ms`` is Unix time by the node's wall clock."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    at_ms: int
    kind: str
    text: str
    size_us: int | None = None


class SessionRecord(BaseModel):
    """The state of one recording, as stored. Times in Unix milliseconds.

    ``stopped_at`` is set when a stop was accepted, ``ended`` when no more frames are to come
    and the last segment is on the card. A record without ``ended`` is a recording that runs,
    or that the node takes up again as soon as it can. ``segments``, with frames up to
    ``recorded_until_us``, were finished when the record was written; a card that was put in
    during the session counts those that went before it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    uuid: str
    start_at: int
    stopped_at: int | None = None
    ended: Ending | None = None
    error: str | None = None
    segments: int = 0
    recorded_until_us: int | None = None
    events: tuple[NodeEvent, ...] = ()

    @property
    def came_to_nothing(self) -> bool:
        """Called back before its first frame: the session may still be recorded here."""
        return self.stopped_at is not None and self.ended is not None and self.segments == 0

    @property
    def is_over(self) -> bool:
        """Whether it was told to stop, with something to show for it."""
        return self.stopped_at is not None and not self.came_to_nothing

    def with_event(self, event: NodeEvent) -> "SessionRecord":
        """The record with one event more; of very many, the middle ones are let go."""
        events = (*self.events, event)
        if len(events) > MAX_EVENTS:
            events = (*events[: MAX_EVENTS // 2], *events[MAX_EVENTS // 2 + 1 :])
        return self.model_copy(update={"events": events})


def read_record(path: Path) -> SessionRecord | None:
    """None where there is none, and for one that makes no sense: recovery writes a new one.

    Raises ``OSError``.
    """
    try:
        return SessionRecord.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
