"""Anything in any order, and what must hold all the same.

Two people tap start and stop, cameras go and come back, answers get lost, clocks are set, drives
are pulled, and the controller loses its power between two statements; all on virtual time. After
every step the record is held to what was acknowledged. In the end everything comes back, and
then every camera must be idle, every segment delivered and every session finished.

``CTLR_MODEL_EXAMPLES`` sets how many stories are told (default 40).
"""

import asyncio
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from tests.model.cameras import Camera, Link
from tests.model.controller import GIVE_UP_S, Controller, Drive
from tests.model.virtual_time import SettableClock, VirtualLoop

from ctlr.kernel.errors import Refusal
from ctlr.sessions.model import ACTIVE_STATES, Session, SessionState

UUIDS = [f"{digit * 8}-2222-4333-8444-555555555555" for digit in "abcdef"]
NAMES = ["cam-01", "cam-02", "cam-03"]
CONVERGED_S = 90.0
REPORT_EVERY_S = 10.0
HOUR_MS = 3_600_000

cameras = st.sampled_from(NAMES)
uuids = st.sampled_from(UUIDS)
commands = st.one_of(
    st.tuples(st.just("start"), uuids),
    st.tuples(st.just("stop"), st.one_of(st.none(), uuids)),
)
steps_ms = st.sampled_from([-24 * HOUR_MS, -HOUR_MS, -3000, -40, 40, 3000, HOUR_MS, 24 * HOUR_MS])


class RecordingModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.folder = tempfile.TemporaryDirectory(prefix="ctlr-model-")
        self.clock = SettableClock(self.loop)
        self.cameras = {
            name: Camera(name, SettableClock(self.loop), ours=name != "cam-01") for name in NAMES
        }
        self.drive = Drive()
        self.controller: Controller | None = None
        self.started: dict[str, int] = {}  # acknowledged, with the start_at that was said
        self.stopped: set[str] = set()  # acknowledged
        self.asked_to_start: set[str] = set()
        self.asked_to_stop: set[str] = set()  # acknowledged or not

    @initialize()
    def boot(self) -> None:
        self.loop.run(self._boot())

    async def _boot(self) -> None:
        self.controller = Controller(
            Path(self.folder.name) / "ctlr.db", self.clock, self.cameras.values(), self.drive
        )
        await self.controller.start()

    @property
    def up(self) -> bool:
        return self.controller is not None

    # What people do

    @precondition(lambda self: self.up)
    @rule(command=commands)
    def tap(self, command: tuple[str, str | None]) -> None:
        self.loop.run(self._command(*command))

    @precondition(lambda self: self.up)
    @rule(several=st.lists(commands, min_size=2, max_size=4))
    def tap_at_once(self, several: list[tuple[str, str | None]]) -> None:
        async def race() -> None:
            await asyncio.gather(*(self._command(*command) for command in several))

        self.loop.run(race())

    @precondition(lambda self: self.up)
    @rule(uuid=uuids)
    def upload_from_the_phone(self, uuid: str) -> None:
        assert self.controller is not None
        if self.loop.run(self.controller.store.get(uuid)) is not None:
            self.drive.put("phone", uuid, f"{len(self.drive.found(uuid))}.csv")
            self.loop.run(self.controller.reconciler.uploaded(uuid))

    def recorded(self, uuid: str) -> tuple[Session, dict[str, Any]]:
        """What the record says of a session that was stopped, and what the stop was answered."""
        assert self.controller is not None
        store = self.controller.store

        async def read() -> tuple[Session, dict[str, Any]]:
            session, answer = await store.get(uuid), await store.kept_answer(uuid, "stop")
            assert session is not None
            assert answer is not None
            return await store.with_measurements(session), answer

        return self.loop.run(read())

    # What happens to the controller

    @precondition(lambda self: self.up)
    @rule(command=st.one_of(st.none(), commands), statements=st.integers(0, 120))
    def lose_power(self, command: tuple[str, str | None] | None, statements: int) -> None:
        self.loop.run(self._lose_power(command, statements))

    async def _lose_power(self, command: tuple[str, str | None] | None, statements: int) -> None:
        assert self.controller is not None
        if command is not None:
            self.controller.begin(asyncio.create_task(self._command(*command)))
        for _ in range(statements):
            await asyncio.sleep(0 if statements < 60 else 0.001)
        await self.controller.lose_power()
        self.controller = None

    @precondition(lambda self: not self.up)
    @rule()
    def come_back(self) -> None:
        self.loop.run(self._boot())

    @rule(step_ms=steps_ms)
    def set_the_clock(self, step_ms: int) -> None:
        self.clock.ahead_ms += step_ms

    @rule()
    def pull_or_plug_the_drive(self) -> None:
        self.drive.sync_is_there = not self.drive.sync_is_there

    # What happens to the cameras

    @rule(name=cameras, link=st.sampled_from(Link))
    def change_the_link(self, name: str, link: Link) -> None:
        self.cameras[name].link = link

    @rule(name=cameras, answers=st.integers(1, 3))
    def lose_answers(self, name: str, answers: int) -> None:
        self.cameras[name].answers_to_lose = answers

    @rule(name=cameras)
    def switch_off_or_on(self, name: str) -> None:
        camera = self.cameras[name]
        if camera.powered:
            camera.power_off()
        else:
            camera.power_on()

    @rule(name=cameras, step_ms=steps_ms)
    def set_a_camera_clock(self, name: str, step_ms: int) -> None:
        self.cameras[name].clock.ahead_ms += step_ms

    @rule(name=cameras, files=st.integers(1, 3))
    def send(self, name: str, files: int) -> None:
        camera = self.cameras[name]
        for _ in range(files):
            if camera.powered and camera.link is Link.GOOD:
                camera.send_next(self.drive.put)

    @precondition(lambda self: self.up)
    @rule(name=cameras)
    def report(self, name: str) -> None:
        camera = self.cameras[name]
        if camera.powered and camera.link is Link.GOOD:
            assert self.controller is not None
            self.loop.run(camera.report(self.controller.reports.receive))

    # Time

    @rule(seconds=st.sampled_from([0.01, 0.5, 2.0, 7.0, 30.0]))
    def time_passes(self, seconds: float) -> None:
        self.loop.run(asyncio.sleep(seconds))

    @rule()
    def all_is_well_for_a_while(self) -> None:
        self.loop.run(self._heal())
        self._check_cameras_follow_the_record()

    # What must hold at every moment

    @invariant()
    def no_task_has_died(self) -> None:
        assert self.controller is None or not self.controller.died

    @invariant()
    def what_was_acknowledged_is_kept(self) -> None:
        if self.controller is None:
            return
        sessions = {session.uuid: session for session in self.sessions()}
        active = [uuid for uuid, session in sessions.items() if session.state in ACTIVE_STATES]
        assert len(active) <= 1
        for uuid in self.started.keys() - self.asked_to_stop:
            assert uuid in active, f"the start of {uuid} was forgotten: {sessions.get(uuid)}"
        for uuid in self.stopped:
            assert sessions[uuid].state not in ACTIVE_STATES, f"the stop of {uuid} was forgotten"

    @invariant()
    def every_finished_segment_is_somewhere(self) -> None:
        for camera in self.cameras.values():
            for uuid, name in camera.finished:
                there = camera.holds(uuid, name) or self.drive.holds(camera.name, uuid, name)
                assert there, f"{camera.name} lost {name} of {uuid}"

    # The end of every story

    def teardown(self) -> None:
        try:
            if self.controller is not None or self.started:
                self.loop.run(self._heal())
                self._check_cameras_follow_the_record()
                self.loop.run(self._end_everything())
                self._check_the_end()
        finally:
            if self.controller is not None:
                self.loop.run(self.controller.lose_power())
            self.loop.close()
            self.folder.cleanup()

    async def _heal(self) -> None:
        for camera in self.cameras.values():
            camera.link, camera.answers_to_lose = Link.GOOD, 0
            if not camera.powered:
                camera.power_on()
        self.drive.sync_is_there = True
        if self.controller is None:
            await self._boot()
        await self._live(CONVERGED_S)

    async def _live(self, seconds: float) -> None:
        """Cameras send and report, as they do when nothing keeps them from it."""
        assert self.controller is not None
        for _ in range(int(seconds / REPORT_EVERY_S)):
            await asyncio.sleep(REPORT_EVERY_S)
            for camera in self.cameras.values():
                while camera.send_next(self.drive.put):
                    pass
                await camera.report(self.controller.reports.receive)

    def _check_cameras_follow_the_record(self) -> None:
        assert self.controller is not None
        active = self.loop.run(self.controller.store.active())
        for camera in self.cameras.values():
            if active is None:
                assert not camera.is_busy, f"{camera.name} goes on with {camera.recording}"
            else:
                assert camera.recording == active.uuid, f"{camera.name}: {camera.recording}"

    async def _end_everything(self) -> None:
        assert self.controller is not None
        await self._command("stop", None)
        await self._live(CONVERGED_S)
        waited_s = 0.0
        while not await self._all_has_ended() and waited_s < CONVERGED_S + 2 * GIVE_UP_S:
            await self._live(REPORT_EVERY_S)
            waited_s += REPORT_EVERY_S
        await self._live(2 * REPORT_EVERY_S)  # and that is how it stays

    async def _all_has_ended(self) -> bool:
        assert self.controller is not None
        sessions = await self.controller.store.with_states(list(SessionState))
        return all(
            session.state is SessionState.FAILED
            or (session.state is SessionState.DONE and self._holds_all(session))
            for session in sessions
        )

    def _holds_all(self, session: Session) -> bool:
        """Nothing is made of a session that never began, unless something came for it."""
        found = self.drive.found(session.uuid)
        made = self.drive.made.get(session.uuid)
        return made == found or (session.never_began and not found and not made)

    def _check_the_end(self) -> None:
        for camera in self.cameras.values():
            assert not camera.is_busy, f"{camera.name} was not stopped"
            for uuid, name in camera.finished:
                assert self.drive.holds(camera.name, uuid, name)
        for session in self.sessions():
            assert session.state in {SessionState.DONE, SessionState.FAILED}, session
            assert session.state is SessionState.DONE or session.error
            if session.state is SessionState.DONE:
                assert self._holds_all(session)

    # Commands and what they promise

    async def _command(self, command: str, uuid: str | None) -> None:
        with suppress(Refusal):
            await (self._start(uuid) if command == "start" and uuid else self._stop(uuid))

    async def _start(self, uuid: str) -> None:
        assert self.controller is not None
        self.asked_to_start.add(uuid)
        answer = await self.controller.coordinator.start(uuid)
        assert answer["success"]
        assert answer["uuid"] == uuid
        first = self.started.setdefault(answer["uuid"], answer["start_at"])
        assert answer["start_at"] == first, "a repeated start got another answer"

    async def _stop(self, uuid: str | None) -> None:
        assert self.controller is not None
        self.asked_to_stop |= {uuid} if uuid else self.asked_to_start
        answer = await self.controller.coordinator.stop(uuid)
        assert answer["success"]
        assert answer["uuid"] in self.asked_to_stop
        assert answer["duration"] >= 0
        self.stopped.add(answer["uuid"])

    def sessions(self) -> list[Session]:
        assert self.controller is not None
        return self.loop.run(self.controller.store.with_states(list(SessionState)))


TestRecordingModel = RecordingModel.TestCase
TestRecordingModel.settings = settings(
    max_examples=int(os.environ.get("CTLR_MODEL_EXAMPLES", "40")),
    stateful_step_count=30,
    deadline=None,
    derandomize="CTLR_MODEL_EXAMPLES" not in os.environ,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    phases=[Phase.explicit, Phase.generate],  # to shrink a story takes longer than to read it
)
