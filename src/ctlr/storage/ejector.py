"""Ejecting the drive: at once, or by itself when the work on it has ended.

An eject decides behind the gate's lock, which a start of a recording takes too, so of both at one
time exactly one wins. It changes nothing before it knows that it may begin, and whatever it has
stopped or unmounted is started and mounted again when a later step fails. The steps: nothing new
is taken in; nobody else holds the drive; services are stopped; everything is written out; both
volumes are unmounted; the kernel gives both partitions and the disk exclusively, which it does
only when nothing anywhere uses them; the disk is switched off.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import structlog

from ctlr.gate import Gate
from ctlr.kernel.errors import Refusal
from ctlr.kernel.tasks import BackgroundTasks
from ctlr.layout.volumes import VOLUMES
from ctlr.storage.drive_limits import USUAL, DriveLimits
from ctlr.storage.drive_operations import DriveOperations, reason_of
from ctlr.storage.drive_state import DriveState
from ctlr.storage.eject_rules import (
    SAFE,
    OperationResult,
    Phase,
    refuse_for,
    refused,
    wait_for,
)
from ctlr.storage.monitor import StorageMonitor
from ctlr.storage.privileged_client import UNITS
from ctlr.storage.states import State

_log = structlog.get_logger("storage")


class Ejector:
    """Takes the drive out; ``on_change`` is called when the phase has changed."""

    def __init__(
        self,
        drive_state: DriveState,
        operations: DriveOperations,
        monitor: StorageMonitor,
        tasks: BackgroundTasks,
        gate: Gate,
        *,
        on_change: Callable[[], None],
        limits: DriveLimits = USUAL,
    ) -> None:
        self._limits = limits
        self._drive_state = drive_state
        self._operations = operations
        self._monitor = monitor
        self._tasks = tasks
        self._gate = gate
        self._on_change = on_change
        self._ejecting: asyncio.Future[OperationResult] | None = None
        self._waiting: asyncio.Task[None] | None = None
        self._last: OperationResult | None = None

    @property
    def phase(self) -> Phase:
        record = self._drive_state.record
        if record.ejecting:
            return Phase.EJECTING
        if set(VOLUMES) <= set(record.ejected):
            return Phase.EJECTED
        return Phase.IN_USE if self._waiting is None else Phase.WAITING

    def waiting_result(self) -> OperationResult | None:
        """What an eject "when safe" would answer now; None when there is none."""
        if self._waiting is None or self.phase is Phase.EJECTED:
            return None
        work = self._gate.find_work()
        return wait_for(work) if work or self._last is None else self._last

    async def eject(self) -> OperationResult:
        """Make the drive safe to remove, or say why not. A second call joins the first."""
        if self._ejecting is None:
            self._ejecting = asyncio.get_running_loop().create_future()
            self._tasks.start_job("eject", self._run_eject(self._ejecting))
        return await asyncio.shield(self._ejecting)

    async def eject_when_safe(self) -> OperationResult:
        """Eject now if nothing goes on, else by itself once that has ended; what it waits for."""
        work = self._gate.find_work()
        if not work:
            return await self.eject()
        if self._waiting is None:
            self._last = None
            self._waiting = self._tasks.start_job("eject when safe", self._eject_later())
            self._waiting.add_done_callback(self._wait_ended)
            self._on_change()
        return wait_for(work)

    async def _eject_later(self) -> None:
        # Not only until it succeeds: an eject that was answered "not safe yet" goes on, and one
        # more after its end would switch off a drive that has been plugged in again.
        while self.phase is not Phase.EJECTED:
            if not self._gate.find_work():
                self._last = await self.eject()
                if self._last.success:
                    return
                self._on_change()
            await asyncio.sleep(self._limits.poll_interval_s)

    def _wait_ended(self, _task: asyncio.Task[None]) -> None:
        self._waiting = None
        self._on_change()

    async def _run_eject(self, reply: asyncio.Future[OperationResult]) -> None:
        try:
            _answer(reply, await self._eject(reply))
        finally:
            self._ejecting = None
            self._on_change()

    async def _eject(self, reply: asyncio.Future[OperationResult]) -> OperationResult:
        denied = await self._operations.begin(VOLUMES, self._find_reason)
        if denied is not None:
            return denied
        try:
            async with self._operations.exclusive(VOLUMES):
                outcome = await self._unmount_and_release(reply)
        except Refusal as refusal:
            outcome = refused(refusal)
        # Not where this process is ended in the middle: ``resume`` then puts the drive back.
        await self._operations.save_record(ejecting=(), stopped=())
        return outcome

    def _find_reason(self) -> OperationResult | None:
        return refuse_for(self._gate.find_work()) or self._refuse_hung()

    def _refuse_hung(self) -> OperationResult | None:
        hung = [name for name, s in self._monitor.states.items() if s.state is State.HUNG]
        if not hung:
            return None
        message = (
            f"The {' and the '.join(hung)} drive does not answer, so it cannot be ejected safely. "
            "Nothing was changed."
        )
        return OperationResult(False, message, {"hung": hung})

    async def _unmount_and_release(self, reply: asyncio.Future[OperationResult]) -> OperationResult:
        answer_at = (
            asyncio.get_running_loop().time() + self._limits.eject_s + self._limits.restore_s
        )
        mounted = self._operations.mounted()
        stopped: list[str] = []
        try:
            async with asyncio.timeout(self._limits.eject_s):
                await self._gate.release_readers()
                await self._operations.refuse_others(mounted)
                await self._operations.stop_units(UNITS, stopped)
                await self._operations.flush(mounted)
                devices = self._operations.devices(mounted)
                for name in reversed(mounted):
                    await self._operations.unmount(name)
            # Not under the limit: a drive that is being switched off cannot be put back.
            with _answered_at(answer_at, reply, _SWITCHING_OFF):
                released = await self._operations.release(devices)
        except (Refusal, TimeoutError, OSError) as error:
            await self._operations.save_record(ejecting=(), stopped=tuple(stopped))
            with _answered_at(answer_at, reply, _unfinished(error)):
                problems = await self._operations.restore(mounted, stopped)
            outcome = _failed(error, problems)
            _log.error("eject failed", reason=outcome.message, problems=problems)
            return outcome
        await self._operations.save_record(ejected=VOLUMES)
        _log.info("safe to remove drive", **released)
        return OperationResult(True, SAFE, released)

    async def resume(self) -> None:
        """After a restart of the controller in the middle of an eject: put the drive back."""
        while (record := self._drive_state.record).ejecting or record.stopped:
            try:
                async with self._operations.exclusive(VOLUMES):
                    problems = await self._operations.restore(record.ejecting, record.stopped)
            except Refusal as refusal:  # the watcher is at it, for as long as a check takes
                _log.warning("an eject was interrupted; not yet undone", reason=refusal.detail)
                await asyncio.sleep(self._limits.poll_interval_s)
                continue
            _log.warning("an eject was interrupted; undone", problems=problems)
            await self._operations.save_record(ejecting=(), stopped=())
            return

    def cancel(self) -> None:
        """Wait no longer for an eject "when safe"."""
        if self._waiting is not None:
            self._waiting.cancel()


_SWITCHING_OFF = OperationResult(
    False,
    "Not safe to remove yet. The drive takes longer than usual to be let go; that goes on, and the "
    "status tells when it is ejected.",
    {},
)


@contextmanager
def _answered_at(
    time_s: float, reply: asyncio.Future[OperationResult], outcome: OperationResult
) -> Iterator[None]:
    """Whoever asked is told this if the block has not ended by then, on the event loop's clock."""
    late = asyncio.get_running_loop().call_at(time_s, _answer, reply, outcome)
    try:
        yield
    finally:
        late.cancel()


def _answer(reply: asyncio.Future[OperationResult], outcome: OperationResult) -> None:
    if not reply.done():
        reply.set_result(outcome)


def _unfinished(error: BaseException) -> OperationResult:
    return _unsafe(error, "Putting everything back takes longer than usual and goes on.", [])


def _failed(error: BaseException, problems: Sequence[str]) -> OperationResult:
    if not problems:
        return _unsafe(error, "Everything is as it was before.", problems)
    then = f"And not everything could be put back: {'; '.join(problems)}."
    return _unsafe(error, then, problems)


def _unsafe(error: BaseException, then: str, problems: Sequence[str]) -> OperationResult:
    extra = {"code": error.code, **error.extra} if isinstance(error, Refusal) else {}
    reason = reason_of(error).rstrip(".")
    message = f"Not safe to remove. {reason}. {then}"
    return OperationResult(False, message, {**extra, "problems": problems})
