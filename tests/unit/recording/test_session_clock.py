"""The controller's clock is set while sessions are recorded: their lengths stay."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.unit.recording.test_stopwatch import EPOCH_MS, HOUR_MS, SetClock

from ctlr.kernel.database import Database, load_migrations
from ctlr.recording.session_clock import STEP_WHILE_AWAY_MS, SessionClock
from ctlr.sessions.clock_steps import ClockSteps, say_step
from ctlr.sessions.model import ClockSample, ClockStep, Mark, Session, SessionState, TakeStart
from ctlr.sessions.reading import read_session
from ctlr.sessions.store import SessionStore

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
OTHER = "11111111-2222-4333-8444-555555555555"
DAY_MS = 24 * HOUR_MS


@dataclass
class Rig:
    store: SessionStore
    steps: ClockSteps
    clock: SetClock
    session_clock: SessionClock

    async def session(self, uuid: str = UUID) -> Session:
        found = await self.store.get(uuid)
        assert found is not None
        return await self.store.with_measurements(found)

    async def start(self, uuid: str, state: SessionState = SessionState.RECORDING) -> None:
        now_ms = self.session_clock.now_ms()
        nodes = ["cam-01"]
        await self.store.create(
            uuid,
            state,
            created_at_ms=now_ms,
            start_at_ms=now_ms,
            node_names=nodes,
            on_clock=self.session_clock.current,
        )


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    database = await Database.open(tmp_path / "ctlr.db", load_migrations("ctlr.sessions.schema"))
    clock, steps = SetClock(), ClockSteps(database)
    yield Rig(SessionStore(database), steps, clock, SessionClock(steps, clock, "this boot"))
    await database.close()


@pytest.mark.parametrize("step_ms", [14 * DAY_MS, -14 * DAY_MS, 3400, EPOCH_MS])
async def test_all_times_of_a_session_move_with_the_clock(
    rig: Rig, step_ms: int, tmp_path: Path
) -> None:
    await rig.start(UUID)
    await rig.store.change_node(UUID, "cam-01", start_at_ms=7, stopped_at_ms=EPOCH_MS + 1)
    await rig.store.add_mark(UUID, Mark(EPOCH_MS + 2))
    await rig.store.keep_start(UUID, "cam-01", TakeStart(2, EPOCH_MS + 3))
    samples = [ClockSample(EPOCH_MS + n * 3400, 5.0, 1.0) for n in range(3)]
    for sample in samples:
        await rig.store.add_clock_samples(UUID, {"cam-01": sample})
    rig.clock.wait(10)
    rig.clock.wall_ms += step_ms
    assert rig.session_clock.is_behind
    assert rig.session_clock.now_ms() == EPOCH_MS + 10_000
    rig.clock.wait(2)
    assert await rig.session_clock.follow()
    assert not rig.session_clock.is_behind
    assert rig.session_clock.now_ms() == rig.clock.now_ms() == EPOCH_MS + 12_000 + step_ms
    session = await rig.session()
    assert session.start_at_ms == session.created_at_ms == EPOCH_MS + step_ms
    assert session.stopped_at_ms is None
    assert session.nodes[0].start_at_ms == 7
    assert session.nodes[0].stopped_at_ms == EPOCH_MS + 1 + step_ms
    assert session.nodes[0].starts == (TakeStart(2, EPOCH_MS + 3 + step_ms),)
    assert session.marks == (Mark(EPOCH_MS + 2 + step_ms),)
    moved = [ClockSample(s.at_ms + step_ms, 5.0 - step_ms, 1.0) for s in samples]
    assert session.clocks == {"cam-01": tuple(moved)}
    assert session.clock_steps == (ClockStep(EPOCH_MS + 10_000 + step_ms, step_ms),)
    assert [(event.kind, event.text) for event in session.events] == [
        ("clock_set", say_step(step_ms))
    ]
    assert read_session(tmp_path / "ctlr.db", UUID) == session


async def test_slewing_is_no_step(rig: Rig) -> None:
    await rig.start(UUID)
    for _ in range(100):
        rig.clock.wait(1)
        rig.clock.wall_ms += 83
        assert not await rig.session_clock.follow()
    assert (await rig.session()).start_at_ms == EPOCH_MS


async def test_what_was_finished_before_stays(rig: Rig) -> None:
    await rig.start(OTHER, SessionState.PROCESSING)
    await rig.store.change(OTHER, SessionState.DONE)
    await rig.start(UUID)
    rig.clock.wall_ms += DAY_MS
    await rig.session_clock.follow()
    assert (await rig.session(OTHER)).start_at_ms == EPOCH_MS
    assert (await rig.session()).start_at_ms == EPOCH_MS + DAY_MS


async def test_two_steps_of_one_session(rig: Rig) -> None:
    await rig.start(UUID)
    for step_ms in (DAY_MS, -HOUR_MS):
        rig.clock.wait(5)
        rig.clock.wall_ms += step_ms
        assert await rig.session_clock.follow()
    session = await rig.session()
    assert session.start_at_ms == EPOCH_MS + DAY_MS - HOUR_MS
    assert session.clock_steps == (
        ClockStep(EPOCH_MS + 5_000 + DAY_MS - HOUR_MS, DAY_MS),
        ClockStep(EPOCH_MS + 10_000 + DAY_MS - HOUR_MS, -HOUR_MS),
    )


@pytest.mark.parametrize(
    ("boot_id", "step_ms", "moves"),
    [
        ("this boot", DAY_MS, True),
        ("this boot", STEP_WHILE_AWAY_MS - 1, False),  # slewing may add up to that
        ("another boot", DAY_MS, False),  # whose monotonic clock says nothing of this one's
    ],
)
async def test_a_step_while_the_controller_was_away(
    rig: Rig, boot_id: str, step_ms: int, moves: bool
) -> None:
    await rig.start(UUID)
    rig.clock.wait(60)
    rig.clock.wall_ms += step_ms
    again = SessionClock(rig.steps, rig.clock, boot_id)
    assert not again.is_behind
    await again.resume()
    assert (await rig.session()).start_at_ms == EPOCH_MS + (step_ms if moves else 0)


def test_a_step_in_words() -> None:
    assert say_step(14 * DAY_MS + 3_723_004).startswith(
        "The controller's clock was set forward by 14 d 01:02:03.004 during the session"
    )
    assert "set back by 0 d 00:00:01.500" in say_step(-1500)
