"""Keeps an answer ready to "are the disks well?", without ever waiting for one.

Three things wake it: a change of the mount table, every second a look at whether the devices are
still plugged in, and every half minute a probe of each mount, in a process of its own with a
deadline. What they say is judged by ``states``; everybody else reads the last verdict from memory.
"""

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from uuid import uuid4

import structlog

from ctlr.config import StorageSettings
from ctlr.kernel.clock import Clock
from ctlr.kernel.errors import Refusal
from ctlr.layout.raw import RESERVED_FOLDERS
from ctlr.storage.known_volumes import KnownVolumes
from ctlr.storage.mount_snapshot import MountSnapshot, take_snapshot
from ctlr.storage.probe_runner import ProbeRunner
from ctlr.storage.rate import minutes_left
from ctlr.storage.states import MountFacts, MountState, State, Verdict, judge
from ctlr.storage.table import read_table
from ctlr.storage.table_watch import MountTableWatch
from ctlr.storage.volume import Volume

POLL_INTERVAL_S = 1.0
LONGEST_PROBE_INTERVAL_S = 45.0
"""A volume is not called healthy on the word of a write that is older than a minute."""
SOON_S = 5.0
"""One that takes nothing is asked again sooner: rights may be given to it, or room made."""

_log = structlog.get_logger("storage")


class StorageMonitor:
    """``logging`` and ``sync`` as last seen.

    ``folder`` is the state folder; ``is_ejected`` tells of a volume whether a person has taken it
    out, ``why_held`` why it takes nothing although it is well, ``is_filling`` whether a session
    comes in. ``on_change`` is called when a state has changed.
    """

    def __init__(
        self,
        settings: StorageSettings,
        node: str,
        folder: Path,
        clock: Clock,
        *,
        is_ejected: Callable[[str], bool] = lambda _name: False,
        why_held: Callable[[str], str | None] = lambda _name: None,
        is_filling: Callable[[], bool] = lambda: False,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        tags = {"logging": settings.logging_device, "sync": settings.sync_device}
        self._interval_s = min(settings.check_interval_s, LONGEST_PROBE_INTERVAL_S)
        limits = settings.require_mounts, settings.floor_mb << 20
        self._node = node
        self._clock = clock
        self._is_ejected = is_ejected
        self._why_held = why_held
        self._is_filling = is_filling
        self._on_change = on_change
        self._wake = asyncio.Event()
        self.judged = asyncio.Event()
        """Set once something is known of both volumes."""
        self._probe_runner = ProbeRunner(folder)
        self.known = KnownVolumes(folder, tags)
        self._volumes = {
            "logging": Volume("logging", settings.logging, tags["logging"], *limits),
            "sync": Volume("sync", settings.sync, tags["sync"], *limits),
        }
        self.states = {name: MountState(str(v.path)) for name, v in self._volumes.items()}

    async def watch_forever(self) -> None:
        table = MountTableWatch(self._wake.set)
        try:
            while True:
                self._wake.clear()
                self.refresh()
                self._ask_those_due()
                try:
                    async with asyncio.timeout(POLL_INTERVAL_S):
                        await self._wake.wait()
                except TimeoutError:
                    continue
        finally:
            table.close()
            asking = [v.asking for v in self._volumes.values() if v.asking is not None]
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)

    async def check(self) -> None:
        """Look at both mounts now and ask both; returns after at most twice the probe's deadline."""
        self.refresh()
        await asyncio.gather(*(self._ask(volume) for volume in self._volumes.values()))

    def refresh(self) -> None:
        """Judge both mounts again by what can be seen without asking them."""
        table = read_table()
        for volume in self._volumes.values():
            volume.update(take_snapshot(volume.path, volume.tag, table))
        for volume in self._volumes.values():
            self._judge(volume)

    async def pause_probes(self, name: str) -> None:
        """Send no probes to a volume while it is mounted or unmounted by us; returns once none
        is on it, or does not come back."""
        volume = self._volumes[name]
        volume.busy = True
        self.refresh()
        if volume.asking is not None:
            await asyncio.wait([volume.asking])

    def resume_probes(self, name: str) -> None:
        """Take a volume up again."""
        self._volumes[name].busy = False
        self.refresh()
        self._wake.set()

    def set_found(self, name: str, device: str | None, other: str | None) -> None:
        """Say which device number the configured file system has, or which ``other`` one is
        plugged in; None: none."""
        volume = self._volumes[name]
        volume.searched, volume.found, volume.other = True, device, other
        self._judge(volume)

    def forget_found(self, name: str) -> None:
        """What was found may not be so any more."""
        self._volumes[name].forget_found()

    def forget_answers(self) -> None:
        """Ask again, as what counts as one of our volumes has changed."""
        for volume in self._volumes.values():
            volume.answer, volume.due_at = None, 0.0
        self.refresh()

    def expected_at(self, name: str) -> str | None:
        """The device number of the configured file system; None: it is not plugged in, or that
        is not known."""
        return self._seen(self._volumes[name]).expected

    def knows_device(self, name: str) -> bool:
        """Whether it is known if the configured file system is plugged in."""
        return self._seen(self._volumes[name]).named

    def snapshot_of(self, name: str) -> MountSnapshot:
        return self._volumes[name].snapshot

    def find_usable(self) -> tuple[dict[str, str], dict[str, str]]:
        """The volumes that were well when last looked at, each with its device's number ("" of a
        folder), and why some take nothing all the same."""
        usable, held = {}, {}
        for name, volume in self._volumes.items():
            problem = self._judge_by(volume.snapshot, volume).error
            if problem is None:
                there = volume.snapshot.there
                usable[name] = there[-1].device_number if there else ""
            if problem is not None or self.is_full(name):
                held[name] = problem or "it is full"
        return usable, held

    def find_problem(self, name: str) -> str | None:
        """Why nothing may be written to a volume now, in words; None when it may. Never touches
        the disk. A mount is not written to before a probe has found it to be one of ours; a plain
        folder is."""
        return self._judge_now(name).error

    def _judge_now(self, name: str) -> Verdict:
        volume = self._volumes[name]
        return self._judge_by(take_snapshot(volume.path, volume.tag), volume)

    def _judge_by(self, now: MountSnapshot, volume: Volume) -> Verdict:
        if held := self._why_held(volume.name):
            return Verdict(State.MOUNTING, held)
        verdict = judge(self._seen(volume, now=now, unasked=now.ids != volume.snapshot.ids))
        stands_in = not volume.must_be_mounted and not volume.busy
        return Verdict(State.OK) if verdict.state is State.MOUNTING and stands_in else verdict

    def require(self, name: str) -> None:
        """Raise ``Refusal`` ``storage_unavailable`` or ``storage_full`` when a volume can't take
        data. From memory and the mount table; never touches the disk."""
        problem = self.find_problem(name)
        if problem is not None:
            raise Refusal(
                "storage_unavailable",
                f"The {name} drive cannot be written to ({problem}). Nothing is lost: keep the data and try again.",
            )
        if self.is_full(name):
            raise Refusal(
                "storage_full",
                f"The {name} drive is full. Keep the data and try again when there is room.",
            )

    def require_readable(self, name: str) -> None:
        """Raise ``Refusal`` ``storage_unavailable`` when a volume is away or would not answer."""
        if problem := self.why_unreadable(name):
            raise Refusal(
                "storage_unavailable",
                f"The {name} drive is not there ({problem}). Nothing is lost; try again.",
            )

    def why_unreadable(self, name: str) -> str | None:
        """Why nothing can be read from a volume now, in words; None when it can."""
        verdict = self._judge_now(name)
        return None if verdict.state in (State.OK, State.RO) else verdict.error

    def minutes_left(self, name: str, usual_bytes_s: float | None) -> float | None:
        """How long a volume still takes data at the measured rate; before one was measured, at
        the usual one. None while it is not well."""
        state, volume = self.states[name], self._volumes[name]
        if not state.healthy:
            return None
        return minutes_left(
            state.free_bytes, volume.floor_bytes, volume.rate.bytes_s or usual_bytes_s
        )

    def is_full(self, name: str) -> bool:
        """Whether less is free than what is kept for that which is on its way already."""
        return self._volumes[name].is_full()

    def _ask_those_due(self) -> None:
        now = self._clock.monotonic()
        for volume in self._volumes.values():
            if volume.asking is not None and volume.asking.done():
                volume.asking.result()  # a fault of ours ends the loop, and so is seen
                volume.asking = None
            idle = volume.asking is None
            came_back = volume.unanswered and not self._probe_runner.is_waiting(volume.name)
            if idle and (now >= volume.due_at or came_back):
                volume.due_at = now + self._interval_s
                volume.asking = asyncio.create_task(self._ask(volume), name=f"ask {volume.name}")

    async def _ask(self, volume: Volume) -> None:
        """Send a probe, if a mount is there that may be written to, and judge by its answer."""
        ids = volume.snapshot.ids
        if not self._may_be_asked(volume):
            return
        reserved = RESERVED_FOLDERS if volume.name == "logging" else ()
        expected = self._expectation(volume)
        answer = await self._probe_runner.ask(volume.name, volume.path, expected, reserved)
        if volume.snapshot.ids != ids:
            return  # the answer is about another mount than what is there now
        volume.unanswered = answer is None
        volume.answer = answer or volume.answer
        volume.answered_at = self._clock.monotonic()
        if answer is not None and (answer.error is not None or volume.is_full()):
            volume.due_at = min(volume.due_at, volume.answered_at + SOON_S)
        if answer is not None and answer.error is None:
            filling = self._is_filling()
            volume.rate.add(volume.answered_at, answer.free_bytes, filling=filling)
            self._remember(volume.name, answer.identity)
        self._judge(volume)

    def _may_be_asked(self, volume: Volume) -> bool:
        if volume.busy or (volume.must_be_mounted and len(volume.snapshot.there) != 1):
            return False
        without = judge(self._seen(volume, unasked=True))
        return without.state is State.MOUNTING

    def _expectation(self, volume: Volume) -> dict[str, object] | None:
        """What the probe is told; None for a plain folder, which has no identity."""
        if not volume.must_be_mounted:
            return None
        expected = asdict(self.known.expectation(volume.name))
        return {**expected, "node": self._node, "identity": str(uuid4())}

    def _remember(self, name: str, identity: str | None) -> None:
        try:
            if identity is not None:
                self.known.remember(name, identity)
        except OSError as error:
            _log.error("a drive in use could not be noted down", mount=name, error=str(error))

    def _seen(
        self, volume: Volume, *, now: MountSnapshot | None = None, unasked: bool = False
    ) -> MountFacts:
        ejected = self._is_ejected(volume.name)
        return volume.seen(ejected=ejected, now=now, unasked=unasked)

    def _judge(self, volume: Volume) -> None:
        verdict = judge(self._seen(volume))
        before = self.states[volume.name]
        state = volume.state(verdict)
        self.states[volume.name] = state
        if all(known.state is not State.MOUNTING for known in self.states.values()):
            self.judged.set()
        if (before.state, before.error) != (state.state, state.error):
            well = state.error is None or state.state in (State.EJECTED, State.MOUNTING)
            log = _log.info if well else _log.error
            log("drive", mount=volume.name, state=state.state.value, error=state.error)
            self._on_change()
        elif before.full != state.full:
            log = _log.error if state.full else _log.info
            log("drive is full" if state.full else "drive has room again", mount=volume.name)
            self._on_change()
