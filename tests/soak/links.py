"""The rig's links, as the story sees them: named, cut and mended."""

from dataclasses import dataclass
from typing import Protocol

from ctlr.simulator.rig import Rig


class Links(Protocol):
    """Links named as in ``steps.LINKS``; while one is cut, nothing gets through."""

    kind: str

    def cut(self, name: str) -> None: ...

    def mend(self, name: str) -> None: ...


@dataclass(frozen=True)
class Joined:
    """A rig whose parts reach each other over links that can be cut."""

    rig: Rig
    links: Links
