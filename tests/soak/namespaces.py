"""A machine of its own for each camera: a network namespace, with a cable to the controller's.

The program itself runs as the controller's machine, in a namespace that ``enter`` puts it into. A
cable is pulled at the camera's end: what is open hangs without a word, the camera finds its network
unreachable, and nobody answers when the controller asks who has that address. All ends with the
processes that hold the namespaces.
"""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

from tests.soak.links import Joined
from tests.soak.steps import CAMERAS, UPLINK

from ctlr.kernel.process import die_with_parent
from ctlr.simulator.places import Section
from ctlr.simulator.rig import Rig

CONTROLLER = "10.77.0.1"
_INSIDE = "--in-a-namespace"
_WAYS = (["unshare", "--net"], ["unshare", "--user", "--map-root-user", "--net"])
_HOLD = ("unshare", "--net", "sh", "-c", "echo ready; exec sleep infinity")


def enter(arguments: Sequence[str]) -> None:
    """Go on as this program in a network namespace. Returns where that is not allowed."""
    for way in _WAYS:
        try:
            allowed = subprocess.run([*way, "true"], capture_output=True, check=False)
        except FileNotFoundError:
            return
        if allowed.returncode == 0:
            again = [sys.executable, "-m", "tests.soak", _INSIDE, *arguments]
            os.execvp(way[0], [*way, *again])


def is_inside(arguments: list[str]) -> bool:
    """Whether ``enter`` has started this program; takes its mark off the arguments."""
    if _INSIDE not in arguments:
        return False
    arguments.remove(_INSIDE)
    return True


class Cables:
    """The links as cables; ``machines`` are the processes that hold the cameras' namespaces."""

    kind = "network namespaces"

    def __init__(self, machines: dict[str, int]) -> None:
        self._machines = machines
        self._pulled: dict[str, set[str]] = {name: set() for name in machines}

    def cut(self, name: str) -> None:
        for camera in self._cameras(name):
            if not self._pulled[camera]:
                self._ip(camera, "link", "set", "cable", "down")
            self._pulled[camera].add(name)

    def mend(self, name: str) -> None:
        for camera in self._cameras(name):
            self._pulled[camera].discard(name)
            if not self._pulled[camera]:
                self.plug_in(camera)

    def plug_in(self, camera: str) -> None:
        self._ip(camera, "link", "set", "cable", "up")
        self._ip(camera, "route", "replace", CONTROLLER, "via", gateway(camera))

    def through(self, camera: str) -> list[str]:
        """What a program is run with on the camera's machine."""
        return ["nsenter", f"--net=/proc/{self._machines[camera]}/ns/net"]

    def _cameras(self, name: str) -> Sequence[str]:
        return CAMERAS if name == UPLINK else (name,)

    def _ip(self, camera: str, *arguments: str) -> None:
        subprocess.run([*self.through(camera), "ip", *arguments], check=True)


def address(camera: str) -> str:
    return f"10.77.{CAMERAS.index(camera) + 1}.2"


def gateway(camera: str) -> str:
    return f"10.77.{CAMERAS.index(camera) + 1}.1"


@contextmanager
def cabled() -> Iterator[Cables]:
    """Every camera's machine, plugged in. The program has to be in a namespace of its own."""
    _ip("link", "set", "lo", "up")
    _ip("addr", "add", f"{CONTROLLER}/32", "dev", "lo")
    with ExitStack() as stack:
        machines = {camera: stack.enter_context(_machine()) for camera in CAMERAS}
        cables = Cables(machines)
        for camera, pid in machines.items():
            _ip("link", "add", camera, "type", "veth", "peer", "name", "cable", "netns", str(pid))
            _ip("addr", "add", f"{gateway(camera)}/24", "dev", camera)
            _ip("link", "set", camera, "up")
            inside = [*cables.through(camera), "ip"]
            subprocess.run([*inside, "link", "set", "lo", "up"], check=True)
            subprocess.run(
                [*inside, "addr", "add", f"{address(camera)}/24", "dev", "cable"], check=True
            )
            cables.plug_in(camera)
        yield cables


@contextmanager
def _machine() -> Iterator[int]:
    with subprocess.Popen(
        _HOLD,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=die_with_parent(os.getpid()),  # noqa: PLW1509 - before any thread
    ) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "ready\n"
            yield holder.pid
        finally:
            holder.kill()


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


@asynccontextmanager
async def joined_by_cables(folder: Path, on_cameras: Section) -> AsyncIterator[Joined]:
    """A rig of one machine for the controller and one for each camera."""
    with cabled() as cables:
        rig = Rig(
            folder,
            CAMERAS,
            on_cameras=on_cameras,
            through={camera: cables.through(camera) for camera in CAMERAS},
            host=CONTROLLER,
            camera_hosts={camera: address(camera) for camera in CAMERAS},
        )
        async with rig:
            yield Joined(rig, cables)
