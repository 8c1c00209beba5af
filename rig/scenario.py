"""What a scenario is: a story told on a stage, and what is noted of it."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from rig.account import Account
from rig.stage import Stage


@dataclass
class Outcome:
    """``recover_s``: from the end of the disturbance until the rig was well again, for each;
    ``lost_video_s``: video that was recorded and is nowhere, for each interruption."""

    account: Account
    recover_s: list[float] = field(default_factory=list)
    lost_video_s: list[float] = field(default_factory=list)


class Stages(Protocol):
    """Where a scenario gets its machines; they are closed for it afterwards."""

    def bare_stage(self) -> Stage:
        """Debian, nothing installed; all off."""

    def installed_stage(self) -> Stage:
        """As the installer leaves it; all off."""

    def emulated_stage(self, chance: random.Random) -> Stage:
        """The same with an emulated controller; ``chance`` decides what a cut takes of its disks."""

    def emulated_camera_stage(self, chance: random.Random) -> Stage:
        """One camera, which is emulated and has a video device of its kernel's."""


Story = Callable[[Stages, random.Random], Outcome]


@dataclass(frozen=True)
class Scenario:
    """``short`` and ``full``: how often it is told in a short run (0: not at all) and in a full."""

    name: str
    tell: Story
    short: int = 1
    full: int = 1


SCENARIOS: list[Scenario] = []


def scenario(name: str, *, short: int = 1, full: int = 1) -> Callable[[Story], Story]:
    """Makes a function one of the scenarios; they are told in the order in which they stand."""

    def add(story: Story) -> Story:
        SCENARIOS.append(Scenario(name, story, short, full))
        return story

    return add


def named(words: Sequence[str]) -> list[Scenario]:
    """Those with one of these words in their names; without a word, all."""
    return [one for one in SCENARIOS if not words or any(word in one.name for word in words)]


def how_often(words: Sequence[str], *, full: bool, times: int) -> list[tuple[Scenario, int]]:
    """The scenarios of these words, and how often each is told: ``times``, where that is not 0.

    One that a short run leaves out is told once where the words fit no other.
    """
    chosen = named(words)
    least = 1 if words and not any(one.short for one in chosen) else 0
    return [(one, times or (one.full if full else max(least, one.short))) for one in chosen]
