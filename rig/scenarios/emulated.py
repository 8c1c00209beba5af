"""What is told again on an emulated machine, with Debian's kernel, real USB and real power cuts.

The stories are those of the containers; only the controller is another.
"""

import random
from functools import partial

from rig.scenario import SCENARIOS, Outcome, Scenario, Stages, Story
from rig.stage import Stage

TOLD_AGAIN = {
    "drive pulled while idle, back in the same port": 1,
    "drive pulled while idle, back in another port": 1,
    "drive pulled while recording, back in the same port": 1,
    "drive pulled while recording, back in another port": 1,
    "drive pulled while joining, back in the same port": 1,
    "drive pulled while joining, back in another port": 1,
    "drive pulled while uploading, back in the same port": 1,
    "drive pulled while uploading, back in another port": 1,
    "wrong drive with the same labels": 1,
    "eject while idle": 1,
    "eject while recording": 1,
    "controller's power cut while recording": 3,
    "controller's power cut while stopping": 3,
    "controller's power cut while joining": 3,
    "drive absent at boot": 1,
    "ejected, pulled and plugged in again": 1,
}
"""By name: how often in a full run; in a short one, not at all."""


class _Emulated:
    """``Stages`` whose installed controller is emulated."""

    def __init__(self, stages: Stages, chance: random.Random) -> None:
        self._stages = stages
        self._chance = chance

    def bare_stage(self) -> Stage:
        return self._stages.bare_stage()

    def installed_stage(self) -> Stage:
        return self._stages.emulated_stage(self._chance)

    def emulated_stage(self, chance: random.Random) -> Stage:
        return self._stages.emulated_stage(chance)

    def emulated_camera_stage(self, chance: random.Random) -> Stage:
        return self._stages.emulated_camera_stage(chance)


def _tell_emulated(story: Story, stages: Stages, chance: random.Random) -> Outcome:
    return story(_Emulated(stages, chance), chance)


for _known in [known for known in SCENARIOS if known.name in TOLD_AGAIN]:
    _full = TOLD_AGAIN[_known.name]
    _story = partial(_tell_emulated, _known.tell)
    SCENARIOS.append(Scenario(f"emulated: {_known.name}", _story, 0, _full))
