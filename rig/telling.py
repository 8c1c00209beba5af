"""Telling a scenario: on stages of its own, as often as asked, its outcome noted.

What is late is told once more. A machine that other people use too stands still for a moment now
and then; what is slow by itself is slow again, and counts.
"""

import random
import sys
import time
import traceback

from rig.emulated import EmulatedWorkshop
from rig.machine import MachineError
from rig.report import Row
from rig.scenario import Outcome, Scenario
from rig.stage import Stage

_LAST_LINES = "journalctl --no-pager -n 2000 | grep -v qemu-ga | tail -n 100"
"""What a machine said last, without what it says about being asked."""


class _Closing:
    """Stages that are closed when the story is over, whatever its end."""

    def __init__(self, workshop: EmulatedWorkshop) -> None:
        self._workshop = workshop
        self.open: list[Stage] = []

    def bare_stage(self) -> Stage:
        self.open.append(self._workshop.bare_stage())
        return self.open[-1]

    def installed_stage(self) -> Stage:
        self.open.append(self._workshop.installed_stage())
        return self.open[-1]

    def emulated_stage(self, chance: random.Random) -> Stage:
        self.open.append(self._workshop.emulated_stage(chance))
        return self.open[-1]

    def emulated_camera_stage(self, chance: random.Random) -> Stage:
        self.open.append(self._workshop.emulated_camera_stage(chance))
        return self.open[-1]

    def close(self) -> None:
        for stage in self.open:
            stage.close()


def tell(chosen: Scenario, seed: str, workshop: EmulatedWorkshop) -> Row:
    """Tell a scenario with the instants that ``seed`` gives; what was late, a second time."""
    row = _tell_once(chosen, seed, workshop)
    if any(outcome.account.late for outcome in row.outcomes):
        for outcome in (again := _tell_once(chosen, seed, workshop)).outcomes:
            outcome.account.problems += [f"again: {late}" for late in outcome.account.late]
        row.add(again)
    return row


def _tell_once(chosen: Scenario, seed: str, workshop: EmulatedWorkshop) -> Row:
    row, began, stages = Row(chosen.name), time.monotonic(), _Closing(workshop)
    try:
        outcome = chosen.tell(stages, random.Random(f"{chosen.name} {seed}"))
        row.outcomes.append(outcome)
        said = _say(outcome)
    except (Exception, MachineError) as error:
        said = f"did not get to its end: {error}"
        row.failures.append(said)
        traceback.print_exc()
        _show_journals(stages.open)
    finally:
        stages.close()
    print(f"{chosen.name} ({time.monotonic() - began:.0f} s): {said}", flush=True)
    return row


def _say(outcome: Outcome) -> str:
    account = outcome.account
    late = [f"late: {late}" for late in account.late]
    return "; ".join(account.problems + late) or f"ok, slowest answer {account.worst_ms:.0f} ms"


def _show_journals(stages: list[Stage]) -> None:
    for machine in (machine for stage in stages for machine in stage.machines):
        try:
            said = machine.run(["sh", "-c", _LAST_LINES]).stdout
        except MachineError as error:
            said = str(error)
        print(f"--- {machine.name}\n{said}", file=sys.stderr)
