"""``python -m rig``: tell scenarios and print what came of them. Exit code 0 if nothing is wrong."""

import argparse
import os
import platform
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rig import scenarios
from rig.containers import EXTRA_PACKAGES
from rig.emulated import EmulatedWorkshop
from rig.image import PYTHON, Image, prepare
from rig.isolation import enter_isolation, remove_run
from rig.machine import MachineError
from rig.report import Row, document, merged, note, read, table
from rig.scenario import how_often, named
from rig.shell import ShellError
from rig.telling import tell
from rig.vm_image import PACKAGES

TOOLS = {
    "debootstrap": "debootstrap",
    "systemd-nspawn": "systemd-container",
    "mkfs.exfat": "exfatprogs",
    "mount.exfat-fuse": "exfat-fuse",
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
}

USUAL_SUITE = "bookworm"
EXIT_CANNOT, EXIT_TERMINATED = 2, 143


class CannotBootError(Exception):
    """What this machine lacks to be a rig; it says nothing about the project."""


def main() -> int:
    assert scenarios.__all__, "importing them has listed them"
    arguments = _arguments()
    if arguments.list:
        for one in named(arguments.names):
            print(f"{one.name} (short: {one.short}, full: {one.full})")
        return 0
    try:
        return _run(arguments)
    except CannotBootError as error:
        print(f"rig: NOT RUN, nothing is proven: {error}", file=sys.stderr)
        return 0 if arguments.if_possible else EXIT_CANNOT


def _run(arguments: argparse.Namespace) -> int:
    image = _prepare(arguments.suite)
    try:
        enter_isolation()
    except ShellError as error:
        raise CannotBootError(f"a run cannot be kept apart here: {error}") from error
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_TERMINATED))
    folder = Path(tempfile.mkdtemp(prefix="ctlr-rig-"))
    try:
        _boot_one(image, folder)
        rows = merged(_tell_chosen(arguments, image, folder))
    finally:
        remove_run(folder)
    print(table(rows))
    if arguments.write:
        known = read(arguments.log) if arguments.log else rows
        arguments.write.write_text(document(known, _this_machine()))
    for row in rows:
        for problem in row.problems:
            print(f"{row.name}: {problem}", file=sys.stderr)
    return 1 if any(row.problems for row in rows) or not rows else 0


def _tell_chosen(arguments: argparse.Namespace, image: Image, folder: Path) -> Iterator[Row]:
    """Each scenario that is meant, as often as is meant; each telling is noted at once."""
    for chosen, times in how_often(arguments.names, full=arguments.full, times=arguments.times):
        for turn in range(times):
            stages = EmulatedWorkshop(image, Path(tempfile.mkdtemp(dir=folder)))
            row = tell(chosen, f"{arguments.seed} {turn}", stages)
            if arguments.suite != USUAL_SUITE:
                row.name += f", on {arguments.suite}"
            if arguments.log:
                note(row, arguments.log)
            yield row


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="rig", description=__doc__)
    parser.add_argument("names", nargs="*", help="words of the scenarios' names [all]")
    parser.add_argument("--full", action="store_true", help="all, as often as they should be told")
    parser.add_argument("--times", type=int, default=0, help="each so many times")
    parser.add_argument("--seed", type=int, default=1, help="the same seed, the same instants")
    parser.add_argument(
        "--suite", choices=sorted(PYTHON), default=USUAL_SUITE, help="Debian release"
    )
    parser.add_argument("--log", type=Path, help="add what comes of each telling to this file")
    parser.add_argument(
        "--write",
        type=Path,
        help="write the table as a page to this file; with --log, of all that stands there",
    )
    parser.add_argument(
        "--if-possible",
        action="store_true",
        help="end well, with a notice, where no machine can be booted",
    )
    parser.add_argument("--list", action="store_true", help="print their names")
    return parser.parse_args()


def _prepare(suite: str) -> Image:
    """What machines are made of. Raises ``CannotBootError``."""
    if os.geteuid() != 0:
        raise CannotBootError("booting machines needs root: sudo make rig")
    if packages := [package for tool, package in TOOLS.items() if not shutil.which(tool)]:
        raise CannotBootError(f"please install {' '.join(packages)}")
    try:
        return prepare(suite, (*EXTRA_PACKAGES, *PACKAGES))
    except ShellError as error:
        raise CannotBootError(f"the image cannot be made: {error}") from error


def _boot_one(image: Image, folder: Path) -> None:
    """Whether bare Debian boots here at all. Raises ``CannotBootError``."""
    try:
        stage = EmulatedWorkshop(image, Path(tempfile.mkdtemp(dir=folder))).bare_stage()
        try:
            stage.controller.boot()
            stage.controller.shut_down()
        finally:
            stage.close()
    except (MachineError, ShellError, OSError) as error:
        raise CannotBootError(f"bare Debian does not boot: {error}") from error


def _this_machine() -> str:
    return (
        f"{os.cpu_count()} cores of {platform.machine()}, Linux {platform.release().split('-')[0]}"
    )


if __name__ == "__main__":
    sys.exit(main())
