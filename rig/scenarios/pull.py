"""The drive is pulled in the middle of things and put back, in the same port and in another."""

import random
import time
from functools import partial

from rig import account
from rig.scenario import Outcome, Stages, scenario
from rig.scenarios.phases import IDLE, JOINING, RECORDING, UPLOADING, enter
from rig.stage import Stage

AWAY_S = 4.0
NOTICED_S = 35.0
BACK_S = 10.0
"""Within so long after it has appeared, a drive is in use again. An emulated machine is not held
to that: starting one program takes it seconds."""


def _pull(phase_name: str, port: int, stages: Stages, chance: random.Random) -> Outcome:
    stage = stages.installed_stage()
    stage.boot()
    prober = stage.prober()
    prober.start()
    phase = enter(stage, phase_name, chance)
    stage.controller.pull(stage.drive)
    wait_until_unhealthy(stage)
    time.sleep(chance.uniform(0.0, AWAY_S))
    stage.controller.plug(stage.drive, port)
    recover_s = wait_until_healthy(stage)
    phase.leave()
    outcome = Outcome(account.take(stage, phase.sessions, prober.stop()), [recover_s], [0.0])
    if recover_s > BACK_S and not stage.is_emulated:
        outcome.account.late.append(f"the drive was back in use after {recover_s:.1f} s only")
    return outcome


def wait_until_unhealthy(stage: Stage) -> None:
    """Nobody may go on calling a drive well that is not."""
    stage.phone.wait(
        "/api/storage/status",
        lambda status: not status["healthy"],
        NOTICED_S * stage.slowness,
        "the drive is seen to be away",
    )


def wait_until_healthy(stage: Stage, deadline_s: float = 90.0) -> float:
    """How many seconds until both volumes are in use again."""
    began = time.monotonic()
    stage.phone.wait(
        "/api/storage/status",
        lambda status: status["healthy"],
        deadline_s * stage.slowness,
        "the drive is in use again",
    )
    return time.monotonic() - began


for _name in (IDLE, RECORDING, JOINING, UPLOADING):
    scenario(f"drive pulled while {_name}, back in the same port")(partial(_pull, _name, 0))
    scenario(f"drive pulled while {_name}, back in another port", short=int(_name == RECORDING))(
        partial(_pull, _name, 1)
    )
