"""The drive is away when the machine starts, or was sent away by a person."""

import random
import time

from rig import account
from rig.machine import at_once
from rig.scenario import Outcome, Stages, scenario
from rig.scenarios.pull import wait_until_healthy
from rig.stage import CONTROLLER_UNITS, wait_until_active

AWAY_S = 5.0
STAYS_S = 20.0


@scenario("drive absent at boot")
def absent_at_boot(stages: Stages, _chance: random.Random) -> Outcome:
    """The services run, the cameras record and keep what they have until the drive comes."""
    stage = stages.installed_stage()
    at_once(lambda machine: machine.boot(), stage.machines)
    wait_until_active(stage.controller, CONTROLLER_UNITS)
    stage.phone.wait(
        "/api/status",
        lambda status: all(camera["connected"] for camera in status["cameras"]),
        60.0,
        "the cameras are there",
    )
    prober = stage.prober()
    prober.start()
    problems = []
    session = stage.phone.start()
    stage.phone.wait_until_recording(session)
    time.sleep(AWAY_S)
    status = stage.phone.ask("GET", "/api/storage/status")
    if status["healthy"] or status["logging"]["mounted"] or status["sync"]["mounted"]:
        problems.append(f"there is no drive, and the API says {status}")
    problems += account.below_mount_points(stage.controller)
    stage.controller.plug(stage.drive)
    recover_s = wait_until_healthy(stage)
    stage.phone.stop(session)
    outcome = Outcome(account.take(stage, [session], prober.stop()), [recover_s], [0.0])
    outcome.account.problems += problems
    return outcome


@scenario("ejected, pulled and plugged in again")
def replug_after_eject(stages: Stages, _chance: random.Random) -> Outcome:
    """What a person has ejected is in no use again before a person says so."""
    stage = stages.installed_stage()
    stage.boot()
    prober = stage.prober()
    prober.start()
    problems = []
    answer = stage.phone.insist("POST", "/api/storage/eject")
    if (answer["success"], answer["message"]) != (True, "Safe to remove drive"):
        problems.append(f"the eject is refused: {answer}")
    stage.controller.pull(stage.drive)
    problems += account.check_drive(stage.drive)  # it said that nothing would be lost
    stage.controller.plug(stage.drive, 1)
    time.sleep(STAYS_S)
    status = stage.phone.ask("GET", "/api/storage/status")
    if status["logging"]["mounted"] or status["sync"]["mounted"]:
        problems.append("an ejected drive was mounted without being asked to")
    answer = stage.phone.insist("POST", "/api/storage/mount")
    if not answer["success"]:
        problems.append(f"it cannot be mounted: {answer}")
    recover_s = wait_until_healthy(stage)
    stage.phone.wait_until_ready(len(stage.cameras))
    session = stage.phone.start()
    stage.phone.wait_until_recording(session)
    time.sleep(AWAY_S)
    stage.phone.stop(session)
    outcome = Outcome(account.take(stage, [session], prober.stop()), [recover_s], [0.0])
    outcome.account.problems += problems
    return outcome
