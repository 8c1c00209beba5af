"""``python -m rig``: tell scenarios and print what came of them. Exit code 0 if nothing is wrong."""

import argparse
import os
import platform
import random
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

from rig import scenarios
from rig.containers import EXTRA_PACKAGES
from rig.emulated import EmulatedWorkshop
from rig.image import PYTHON, prepare
from rig.isolation import enter_isolation, remove_run
from rig.machine import MachineError
from rig.report import Row, document, table
from rig.scenario import SCENARIOS, Scenario
from rig.stage import Stage
from rig.vm_image import PACKAGES

TOOLS = {
    "debootstrap": "debootstrap",
    "systemd-nspawn": "systemd-container",
    "mkfs.exfat": "exfatprogs",
    "mount.exfat-fuse": "exfat-fuse",
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
}


def main() -> int:
    assert scenarios.__all__, "importing them has listed them"
    arguments = _arguments()
    if arguments.list:
        for known in SCENARIOS:
            print(f"{known.name} (short: {known.short}, full: {known.full})")
        return 0
    if missing := _what_is_missing():
        print(f"rig: {missing}", file=sys.stderr)
        return 2
    image = prepare(arguments.suite, (*EXTRA_PACKAGES, *PACKAGES))
    enter_isolation()
    folder = Path(tempfile.mkdtemp(prefix="ctlr-rig-"))
    rows = []
    try:
        for chosen in SCENARIOS:
            times = arguments.times or (chosen.full if arguments.full else chosen.short)
            if times and any(word in chosen.name for word in arguments.names or [chosen.name]):
                rows.append(
                    _tell(chosen, times, arguments.seed, EmulatedWorkshop(image, _sub(folder)))
                )
    finally:
        remove_run(folder)
    print(table(rows))
    if arguments.write:
        arguments.write.write_text(document(rows, _this_machine()))
    for row in rows:
        for problem in row.problems:
            print(f"{row.name}: {problem}", file=sys.stderr)
    return 1 if any(row.problems for row in rows) or not rows else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="rig", description=__doc__)
    parser.add_argument("names", nargs="*", help="words of the scenarios' names [all]")
    parser.add_argument("--full", action="store_true", help="all, as often as they should be told")
    parser.add_argument("--times", type=int, default=0, help="each so many times")
    parser.add_argument("--seed", type=int, default=1, help="the same seed, the same instants")
    parser.add_argument(
        "--suite", choices=sorted(PYTHON), default="bookworm", help="Debian release"
    )
    parser.add_argument("--write", type=Path, help="write the table as a page to this file")
    parser.add_argument("--list", action="store_true", help="print the names")
    return parser.parse_args()


def _what_is_missing() -> str | None:
    if os.geteuid() != 0:
        return "booting machines needs root: sudo make rig"
    packages = [package for tool, package in TOOLS.items() if not shutil.which(tool)]
    return f"please install {' '.join(packages)}" if packages else None


def _this_machine() -> str:
    return (
        f"{os.cpu_count()} cores of {platform.machine()}, Linux {platform.release().split('-')[0]}"
    )


def _sub(folder: Path) -> Path:
    return Path(tempfile.mkdtemp(dir=folder))


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


def _tell(chosen: Scenario, times: int, seed: int, workshop: EmulatedWorkshop) -> Row:
    row = Row(chosen.name)
    for turn in range(times):
        began = time.monotonic()
        stages = _Closing(workshop)
        try:
            outcome = chosen.tell(stages, random.Random(f"{chosen.name} {seed} {turn}"))
            row.outcomes.append(outcome)
            said = "; ".join(outcome.account.problems) or "ok"
        except (Exception, MachineError) as error:
            said = f"did not get to its end: {error}"
            row.failures.append(said)
            traceback.print_exc()
            _show_journals(stages.open)
        finally:
            stages.close()
        print(
            f"{chosen.name} ({turn + 1}/{times}, {time.monotonic() - began:.0f} s): {said}",
            flush=True,
        )
    return row


def _show_journals(stages: list[Stage]) -> None:
    for machine in (machine for stage in stages for machine in stage.machines):
        try:
            said = machine.run(["journalctl", "--no-pager", "-n", "40"]).stdout
        except MachineError as error:
            said = str(error)
        print(f"--- {machine.name}\n{said}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
