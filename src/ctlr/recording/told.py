"""What nodes were told and have not been seen to do yet. Pure.

A node may act though nobody hears its answer, so what it was told is kept until the next look at it
tells. It is kept by node and session: what was said about one session is never taken for news of
another. Once a session is over and no node owes it anything, all of it is forgotten.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

MOST_KEPT = 1000


@dataclass(frozen=True)
class LateStart:
    """To begin then; ``again`` as in ``recovery.StartNode``."""

    start_at_ms: int
    again: bool


@dataclass(frozen=True)
class _Told:
    """``stopped_at_ms`` is when the stop was sent that the node confirmed."""

    start: LateStart | None = None
    stopped_at_ms: int | None = None


class Told:
    """At most ``most`` records; the oldest goes first."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most = most
        self._told: dict[tuple[str, str], _Told] = {}

    def __len__(self) -> int:
        return len(self._told)

    def start(self, node: str, uuid: str) -> LateStart | None:
        """The start that a node was told and whose answer was not heard."""
        return self._of(node, uuid).start

    def unheard(self, uuid: str) -> list[str]:
        """The nodes that were told to join a session and whose answer was not heard."""
        return [node for (node, of), told in self._told.items() if of == uuid and told.start]

    def keep_start(self, node: str, uuid: str, start: LateStart) -> None:
        self._keep(node, uuid, replace(self._of(node, uuid), start=start))

    def take_start(self, node: str, uuid: str) -> LateStart | None:
        """``start``, once: what became of it is known now."""
        told = self._of(node, uuid)
        self._keep(node, uuid, replace(told, start=None))
        return told.start

    def keep_stop(self, node: str, uuid: str, at_ms: int | None) -> None:
        """A node confirmed the stop of a session; it was sent ``at_ms``. None: the node was not
        recording then, and an earlier stop is the one that it heard."""
        if at_ms is not None:
            self._keep(node, uuid, replace(self._of(node, uuid), stopped_at_ms=at_ms))

    def take_stop(self, node: str, uuid: str) -> int | None:
        """When the stop was sent that a node confirmed, once; None where it has confirmed none."""
        told = self._of(node, uuid)
        self._keep(node, uuid, replace(told, stopped_at_ms=None))
        return told.stopped_at_ms

    def keep_only(self, uuids: Collection[str]) -> None:
        """Forget what was told about all other sessions."""
        self._told = {key: told for key, told in self._told.items() if key[1] in uuids}

    def _of(self, node: str, uuid: str) -> _Told:
        return self._told.get((node, uuid), _Told())

    def _keep(self, node: str, uuid: str, told: _Told) -> None:
        self._told.pop((node, uuid), None)
        if told == _Told():
            return
        self._told[node, uuid] = told
        if len(self._told) > self._most:
            del self._told[next(iter(self._told))]
