"""What a seed does, and when: drawn before anything runs. Pure."""

import random
from dataclasses import dataclass

CAMERAS = ("cam-1", "cam-2", "cam-3")
UPLINK = "uplink"
"""The link of the controller itself: when it is cut, no camera is reached."""
ACTIONS = {"start": 4, "stop": 2, "kill": 4, "freeze": 3, "cut": 4}
PARTS = ("controller", "controller", *CAMERAS, "rsync")
LINKS = (*CAMERAS, UPLINK)


@dataclass(frozen=True)
class Step:
    """After ``wait_s`` do ``action`` to ``what``; what is disturbed stays so for ``lasts_s``."""

    wait_s: float
    action: str
    what: str
    lasts_s: float


def draw_steps(seed: int, seconds: float) -> list[Step]:
    """The whole story of a seed; it begins with a start."""
    chance = random.Random(seed)
    steps = [Step(0.0, "start", _uuid(chance), 0.0)]
    left_s = seconds
    while left_s > 0:
        wait_s = chance.uniform(0.5, 3.5)
        (action,) = chance.choices(list(ACTIONS), list(ACTIONS.values()))
        what = {"start": _uuid(chance), "stop": ""}.get(action) or {
            "kill": chance.choice(PARTS),
            "freeze": chance.choice(PARTS[:-1]),
            "cut": chance.choice(LINKS),
        }.get(action, "")
        steps.append(Step(wait_s, action, what, chance.uniform(0.2, 5.0)))
        left_s -= wait_s
    return steps


def _uuid(chance: random.Random) -> str:
    digits = f"{chance.getrandbits(128):032x}"
    return "-".join(
        (digits[:8], digits[8:12], "4" + digits[13:16], "8" + digits[17:20], digits[20:])
    )
