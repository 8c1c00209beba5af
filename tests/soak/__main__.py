"""A whole rig of real processes under random kills, freezes and cut links, then held to account.

What is done, and when, is drawn from the seed before anything runs; what comes of it differs from
run to run, as it does in the field. Each camera is a machine of its own (a network namespace) on
a cable that can be pulled; where that is not allowed, links are proxies, and it says so. A
witness links every segment that a camera finishes, the moment it appears, so that a segment
cannot disappear unseen. Beside the rig's own cameras one of the installed kind restarts at random and
counts from the beginning each time; all that it has ever delivered has to be there in the end.

At the end everything is brought back. From the disks it is then told whether every witnessed
segment is at the controller with the same hash, whether every session's manifest holds what was
delivered and says itself complete or what is missing, whether all cameras are idle, and whether
a process is left. Exit code 0 if so, else 1.
"""

import argparse
import asyncio
import sys
import tempfile
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

from tests.soak.namespaces import enter, is_inside, joined_by_cables
from tests.soak.phone import Phone
from tests.soak.plain import disturbed, with_plain_camera
from tests.soak.proxies import joined_by_proxies
from tests.soak.steps import draw_steps
from tests.soak.story import Story, console
from tests.soak.verdict import FINISH_S, find_faults, processes_of, table_of, wait_until_finished
from tests.soak.witness import Witness

from ctlr.simulator.story import wait_until_ready

SMALL = {"camera": {"width": 320, "height": 180, "fps": 15, "segment_s": 2}}


async def soak(folder: Path, seed: int, seconds: float, *, cables: bool) -> list[str]:
    """The story of a seed; returns the faults that were found."""
    join = joined_by_cables if cables else joined_by_proxies
    async with AsyncExitStack() as stack:
        joined = await stack.enter_async_context(join(folder / "rig", SMALL))
        rig = joined.rig
        console.print(f"links are {joined.links.kind}")
        await wait_until_ready(rig.http)
        witness, phone = Witness(folder / "witness"), Phone(rig)
        witness.folder.mkdir()
        watching = asyncio.create_task(witness.watch(rig))
        stack.callback(watching.cancel)
        plain = await stack.enter_async_context(with_plain_camera(rig, seed))
        async with disturbed(plain):
            await Story(rig, joined.links, phone).tell(draw_steps(seed, seconds))
        left = await wait_until_finished(rig, phone)
        faults = [f"after {FINISH_S:g} s {what}" for what in left]
        faults += find_faults(rig, witness, phone.started)
        faults += plain.find_faults()
        console.print(table_of(rig, witness, phone.started))
    return faults + [f"left behind: {command}" for command in processes_of(folder)]


def main(arguments: list[str]) -> int:
    cables = is_inside(arguments)
    parser = argparse.ArgumentParser(description="A rig under random faults, held to account.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--keep", type=Path, help="an empty folder for the rig, which then stays")
    parser.add_argument("--proxies", action="store_true", help="no namespaces")
    options = parser.parse_args(arguments)
    if not cables and not options.proxies:
        enter(arguments)
        console.print("Network namespaces are not allowed here; links are proxies instead.")
    console.print(f"seed {options.seed}, {options.minutes:g} minutes")
    with ExitStack() as stack:
        folder = options.keep or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="ctlr-soak-"))
        )
        folder.mkdir(parents=True, exist_ok=True)
        seconds = options.minutes * 60
        faults = asyncio.run(soak(folder.resolve(), options.seed, seconds, cables=cables))
    for fault in faults:
        console.print(f"FAULT  {fault}")
    console.print("Nothing was lost." if not faults else f"{len(faults)} faults.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
