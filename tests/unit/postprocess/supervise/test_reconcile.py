"""Who starts a worker on which session, and that nothing kills the one who does."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.model.database import open_database

from ctlr.ingest.arrivals import Arrivals
from ctlr.ingest.inventory import Inventory
from ctlr.kernel.clock import SystemClock
from ctlr.kernel.errors import Refusal
from ctlr.kernel.tasks import BackgroundTasks
from ctlr.layout.raw import LoggingLayout
from ctlr.postprocess.supervise.jobs import Job, JobResult, JobState
from ctlr.postprocess.supervise.reconcile import Reconciler
from ctlr.postprocess.supervise.workers import Task
from ctlr.sessions.model import STOPPED_BEFORE_START, SessionState
from ctlr.sessions.store import SessionStore

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"


class Shop:
    """Workers that note what they were given, take a moment, and end as told."""

    def __init__(self) -> None:
        self.begun: list[tuple[Task, str]] = []
        self.at_once = 0
        self.most_at_once = 0
        self.reading_back = 0
        self.most_read_back = 0
        self.result = JobResult(failed=False, folder=UUID, processed_at="2026-04-14T10:40:00Z")
        self.made: set[str] = set()
        self.sync_is_away = False
        self.comparing: OSError | None = None
        self.damage: str | None = None
        self.while_comparing: Callable[[], Awaitable[None]] | None = None
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.ends_early = False  # one that follows

    async def run(
        self,
        task: Task,
        job: Job,
        keep: Callable[[Job], None],
        finish: asyncio.Event | None,
    ) -> JobResult:
        self.begun.append((task, job.uuid))
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        self.reading_back += task is Task.VERIFY
        self.most_read_back = max(self.reading_back, self.most_read_back)
        await (finish.wait() if finish and not self.ends_early else asyncio.sleep(0.005))
        await self.go_on.wait()
        self.at_once -= 1
        self.reading_back -= task is Task.VERIFY
        if task is Task.VERIFY and self.damage:
            self.made.discard(job.uuid)
            return JobResult(failed=False, error=self.damage)
        if not self.result.failed:
            self.made.add(job.uuid)
        return self.result

    def check_sync(self) -> None:
        if self.sync_is_away:
            raise Refusal("storage_unavailable", "The sync drive is not there.")

    async def needs_processing(self, uuid: str) -> bool:
        await asyncio.sleep(0.001)
        if self.comparing:
            raise self.comparing
        if self.while_comparing:
            await self.while_comparing()
        return uuid not in self.made

    async def needs_verification(self, uuid: str) -> bool:
        return (Task.VERIFY, uuid) not in self.begun

    def count(self, task: Task, uuid: str = UUID) -> int:
        return self.begun.count((task, uuid))


class LaterClock(SystemClock):
    """The real one, which a test can put forward."""

    ahead_s = 0.0

    def now_ms(self) -> int:
        return super().now_ms() + round(self.ahead_s * 1000)

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead_s


class Bench:
    def __init__(
        self,
        store: SessionStore,
        reconciler: Reconciler,
        shop: Shop,
        logging: Path,
        clock: LaterClock,
    ) -> None:
        self.clock = clock
        self.store = store
        self._logging = logging
        self.reconciler = reconciler
        self.shop = shop
        self.deaths = 0
        self.refuse_writes: Callable[[bool], None]

    async def add(self, state: SessionState, uuid: str = UUID) -> None:
        await self.store.create(
            uuid, SessionState.COLLECTING, created_at_ms=1, start_at_ms=1, node_names=[]
        )
        if state is SessionState.DONE:
            await self.store.change(uuid, SessionState.PROCESSING)
            await self.store.change(uuid, SessionState.DONE)

    def put_file(self) -> None:
        """As where a phone has uploaded one."""
        folder = self._logging / "phone" / UUID
        folder.mkdir(parents=True)
        (folder / "gps.csv").write_text("t,lat,lon\n")

    async def fail_start(self) -> None:
        """As where no camera was ready."""
        await self.store.create(
            UUID, SessionState.ARMING, created_at_ms=1, start_at_ms=1, node_names=["cam-01"]
        )
        await self.store.change(UUID, SessionState.FAILED, error="No camera started.")

    async def reaches(self, state: SessionState, uuid: str = UUID) -> None:
        async with asyncio.timeout(30):
            while True:
                session = await self.store.get(uuid)
                if session is not None and session.state is state:
                    return
                await asyncio.sleep(0.005)

    async def settles(self) -> None:
        """Until no worker is busy and none is coming."""
        async with asyncio.timeout(30):
            await self.reconciler.idle()
        assert self.deaths == 0

    async def rounds(self, count: int) -> None:
        """Let the loop go round so often, whatever is at work."""
        async with asyncio.timeout(30):
            for _ in range(count):
                await self.reconciler.next_round()

    def error(self) -> str | None:
        (job,) = self.reconciler.jobs()
        return job.error

    async def fails(self, error: str, times: int) -> None:
        """Until so many followers have begun, and the last one has ended so."""
        async with asyncio.timeout(30):
            while True:
                if self.shop.count(Task.FOLLOW) >= times and self.error() == error:
                    return
                await asyncio.sleep(0.005)

    async def why(self, uuid: str = UUID) -> str | None:
        session = await self.store.get(uuid)
        assert session is not None
        return self.reconciler.why(session)


@asynccontextmanager
async def opened(
    folder: Path, logging: Path, looks_s: Sequence[float] = ()
) -> AsyncIterator[Bench]:
    clock, shop = LaterClock(), Shop()
    database, connection = open_database(folder / "ctlr.db")
    store = SessionStore(database)
    tasks = BackgroundTasks(lambda: setattr(bench, "deaths", 1))
    inventory = Inventory(store, LoggingLayout(logging), clock.monotonic)
    reconciler = Reconciler(
        store,
        inventory,
        Arrivals(inventory, clock, quiet_s=1, give_up_s=5),
        clock,
        tasks,
        shop.run,
        on_change=lambda: None,
        check_sync=shop.check_sync,
        needs_processing=shop.needs_processing,
        needs_verification=shop.needs_verification,
        looks_s=looks_s,
    )
    bench = Bench(store, reconciler, shop, logging, clock)
    bench.refuse_writes = connection.take_nothing
    try:
        yield bench
    finally:
        await tasks.close()
        connection.cut()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    (tmp_path / "logging").mkdir()
    async with opened(tmp_path, tmp_path / "logging") as made:
        yield made


@asynccontextmanager
async def reconciling(bench: Bench) -> AsyncIterator[None]:
    running = asyncio.create_task(bench.reconciler.run_forever())
    try:
        yield
        assert not running.done(), "the loop has ended"
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_session_that_is_all_here_is_made_and_read_back(bench: Bench) -> None:
    await bench.add(SessionState.COLLECTING)
    async with reconciling(bench):
        await bench.reaches(SessionState.DONE)
        await bench.settles()
    assert bench.shop.begun == [(Task.PROCESS, UUID), (Task.VERIFY, UUID)]
    session = await bench.store.get(UUID)
    assert session is not None
    assert session.folder == UUID


async def test_a_session_that_never_began_is_done_with_nothing_to_make(bench: Bench) -> None:
    await bench.add(SessionState.COLLECTING)
    await bench.store.change_node(UUID, "cam-01", started=True, stop_acknowledged=True)
    await bench.store.add_event(UUID, 2, STOPPED_BEFORE_START, "Stopped before it began.")
    async with reconciling(bench):
        await bench.reaches(SessionState.DONE)
        await bench.settles()
        assert await bench.reconciler.request(UUID) == Job(UUID, JobState.DONE)
        await bench.settles()
    assert bench.shop.count(Task.PROCESS) == 0
    assert bench.reconciler.jobs() == []


async def test_what_comes_for_a_session_that_never_began_is_made(bench: Bench) -> None:
    await bench.add(SessionState.COLLECTING)
    await bench.store.add_event(UUID, 2, STOPPED_BEFORE_START, "Stopped before it began.")
    async with reconciling(bench):
        await bench.reaches(SessionState.DONE)
        bench.put_file()
        await bench.reconciler.uploaded(UUID)
        while not bench.shop.count(Task.PROCESS):
            await bench.rounds(1)
        await bench.reaches(SessionState.DONE)


async def test_twenty_requests_are_one_worker(bench: Bench) -> None:
    await bench.add(SessionState.DONE)
    async with reconciling(bench):
        await asyncio.gather(*(bench.reconciler.request(UUID) for _ in range(20)))
        await bench.reaches(SessionState.DONE)
        await bench.settles()
    assert bench.shop.most_at_once == 1
    assert bench.shop.count(Task.PROCESS) == 1


async def test_requests_uploads_and_the_loop_never_cross(bench: Bench) -> None:
    await bench.add(SessionState.DONE)
    async with reconciling(bench):
        for number in range(40):
            bench.shop.made.discard(UUID)
            await asyncio.gather(bench.reconciler.uploaded(UUID), bench.reconciler.request(UUID))
            await asyncio.sleep(0.001 * (number % 7))
        await bench.settles()
    assert bench.shop.most_at_once == 1


async def test_a_session_is_looked_at_again_some_time_after_its_stop(tmp_path: Path) -> None:
    (tmp_path / "logging").mkdir()
    async with opened(tmp_path, tmp_path / "logging", looks_s=(125, 3600)) as bench:
        await bench.add(SessionState.COLLECTING)
        await bench.store.change(UUID, stopped_at_ms=bench.clock.now_ms())
        async with reconciling(bench):
            await bench.settles()
            bench.shop.made.discard(UUID)  # nobody says that anything is new
            bench.clock.ahead_s = 120
            await bench.rounds(2)
            assert bench.shop.count(Task.PROCESS) == 1
            bench.clock.ahead_s = 130
            bench.reconciler.wake()  # as its rounds do, every half minute
            await bench.settles()
    assert bench.shop.count(Task.PROCESS) == 2


async def test_work_without_effect_is_not_repeated_at_once(bench: Bench) -> None:
    await bench.add(SessionState.COLLECTING)
    bench.shop.result = replace(bench.shop.result, folder=None)
    bench.shop.made = NeverHolds()
    async with reconciling(bench):
        await bench.settles()
        await bench.settles()
    assert bench.shop.count(Task.PROCESS) == 1


class NeverHolds(set[str]):
    def __contains__(self, item: object) -> bool:
        return False


async def test_a_failure_is_kept_and_tried_again_later(bench: Bench) -> None:
    await bench.add(SessionState.COLLECTING)
    bench.shop.result = JobResult(failed=True, error="No space left on device.")
    async with reconciling(bench):
        await bench.reaches(SessionState.FAILED)
        await bench.settles()
        assert bench.error() == "No space left on device."
        assert bench.shop.count(Task.PROCESS) == 1
        bench.shop.result = JobResult(failed=False)
        await bench.reconciler.request(UUID)
        await bench.reaches(SessionState.DONE)


async def test_what_failed_is_tried_at_once_when_a_drive_comes_back(bench: Bench) -> None:
    await bench.add(SessionState.COLLECTING)
    await bench.store.change(UUID, stopped_at_ms=2)
    bench.shop.result = JobResult(failed=True, error="Input/output error.")
    async with reconciling(bench):
        await bench.reaches(SessionState.FAILED)
        bench.shop.result = JobResult(failed=False)
        bench.reconciler.disks_changed()
        await bench.reaches(SessionState.DONE)


async def test_what_a_drive_cannot_hold_is_tried_once(bench: Bench) -> None:
    """A file that is larger than FAT32 knows: named, and not tried again until a drive comes."""
    await bench.store.create(
        UUID, SessionState.ARMING, created_at_ms=1, start_at_ms=1, node_names=["cam-01"]
    )
    await bench.store.change(UUID, SessionState.RECORDING)
    why = "The sync drive cannot hold a file of that size."
    bench.shop.ends_early, bench.shop.result = True, JobResult(failed=True, error=why, lasting=True)
    async with reconciling(bench):
        await bench.fails(why, times=1)
        for _ in range(3):
            bench.clock.ahead_s += 3600
            await bench.rounds(2)
        assert bench.shop.count(Task.FOLLOW) == 1
        bench.shop.result = JobResult(failed=True, error="Input/output error.")
        bench.reconciler.disks_changed()
        await bench.fails("Input/output error.", times=2)
        bench.clock.ahead_s += 3600
        bench.reconciler.wake()
        await bench.fails("Input/output error.", times=3)


async def test_what_was_not_read_back_is_read_at_once_when_a_drive_comes_back(
    bench: Bench,
) -> None:
    await bench.add(SessionState.DONE)
    bench.shop.made.add(UUID)
    bench.shop.damage = "Input/output error."
    async with reconciling(bench):
        await bench.settles()
        bench.shop.damage = None
        bench.shop.made.add(UUID)
        bench.shop.begun.clear()
        await bench.settles()
        assert bench.shop.begun == []
        bench.reconciler.disks_changed()
        await bench.settles()
    assert bench.shop.count(Task.VERIFY) == 1


async def test_without_the_sync_disk_it_waits_and_says_so(bench: Bench) -> None:
    await bench.add(SessionState.COLLECTING)
    bench.shop.sync_is_away = True
    async with reconciling(bench):
        await bench.settles()
        assert bench.shop.begun == []
        assert bench.error() == "The sync drive is not there."
        bench.shop.sync_is_away = False
        bench.reconciler.wake()
        await bench.reaches(SessionState.DONE)


async def test_it_says_which_camera_it_waits_for(bench: Bench) -> None:
    await bench.add(SessionState.COLLECTING)
    await bench.store.change_node(UUID, "cam-02", started=True)
    async with reconciling(bench):
        await bench.settles()
        (job,) = bench.reconciler.jobs()
        assert (job.state, job.waiting_for) == (JobState.FOLLOWING, ("cam-02",))
        await bench.store.change_node(UUID, "cam-02", segments_total=0, complete=True)
        bench.reconciler.wake()
        await bench.reaches(SessionState.DONE)
        (job,) = bench.reconciler.jobs()
        assert job.waiting_for == ()


async def test_a_session_found_recording_while_it_is_made_is_made_after_its_stop(
    bench: Bench,
) -> None:
    await bench.add(SessionState.COLLECTING)
    bench.shop.go_on.clear()
    async with reconciling(bench):
        await bench.reaches(SessionState.PROCESSING)
        await bench.store.create(  # what the camera reconciler does with a session that it adopts
            UUID, SessionState.RECORDING, created_at_ms=1, start_at_ms=1, node_names=[]
        )
        bench.shop.go_on.set()
        await bench.settles()
        assert (await bench.store.get(UUID)).state is SessionState.RECORDING  # type: ignore[union-attr]
        await bench.store.change(UUID, SessionState.STOPPING)
        await bench.store.change(UUID, SessionState.COLLECTING)
        bench.reconciler.wake()
        await bench.reaches(SessionState.DONE)
    assert bench.deaths == 0


async def test_a_comparison_that_fails_is_made_again(bench: Bench) -> None:
    await bench.add(SessionState.DONE)
    for error in (TimeoutError(), OSError(5, "Input/output error")):
        bench.shop.comparing = error
        async with reconciling(bench):
            await bench.settles()
            assert bench.shop.begun == []
    bench.shop.comparing = None
    async with reconciling(bench):
        await bench.settles()
    assert bench.shop.count(Task.PROCESS) == 1


async def test_a_logging_drive_that_fails_does_not_end_the_loop(tmp_path: Path) -> None:
    endless = tmp_path / "logging"
    endless.symlink_to(endless)  # each look at it is an error, as on a broken drive
    async with opened(tmp_path, endless) as bench:
        await bench.store.create(
            UUID, SessionState.COLLECTING, created_at_ms=1, start_at_ms=1, node_names=["cam-01"]
        )
        await bench.store.change_node(UUID, "cam-01", started=True)
        async with reconciling(bench):
            await bench.settles()
            assert "logging drive failed" in (bench.error() or "")
            endless.unlink()
            endless.mkdir()


async def test_work_that_a_restart_cut_off_is_taken_up(bench: Bench) -> None:
    await bench.add(SessionState.COLLECTING)
    await bench.store.change(UUID, SessionState.PROCESSING)
    async with reconciling(bench):
        await bench.reaches(SessionState.DONE)


async def test_what_cannot_be_processed_is_refused(bench: Bench) -> None:
    with pytest.raises(Refusal, match="unknown_session"):
        await bench.reconciler.request(UUID)
    await bench.store.create(
        UUID, SessionState.RECORDING, created_at_ms=1, start_at_ms=1, node_names=["cam-01"]
    )
    with pytest.raises(Refusal, match="recording_in_progress"):
        await bench.reconciler.request(UUID)


async def test_what_proves_damaged_is_collected_to_be_made_again(bench: Bench) -> None:
    bench.shop.damage = "1 fault: cam-a.mp4 differs"
    await bench.add(SessionState.DONE)
    bench.shop.made.add(UUID)
    async with reconciling(bench):
        await bench.reaches(SessionState.COLLECTING)
        await bench.settles()
    session = await bench.store.get(UUID)
    assert session is not None
    assert "cam-a.mp4 differs" in (session.error or "")
    assert bench.shop.begun == [(Task.VERIFY, UUID)], "it is made again a while later"


async def test_after_a_restart_sessions_are_read_back_one_by_one(bench: Bench) -> None:
    finished = [UUID.replace("3f2b", f"000{number}") for number in range(4)]
    for uuid in finished:
        await bench.add(SessionState.DONE, uuid)
        bench.shop.made.add(uuid)
    async with reconciling(bench):
        await bench.settles()
    assert sorted(bench.shop.begun) == [(Task.VERIFY, uuid) for uuid in finished]
    assert bench.shop.most_read_back == 1


async def test_reading_back_never_keeps_a_session_from_being_made(bench: Bench) -> None:
    finished = [UUID.replace("3f2b", f"000{number}") for number in range(4)]
    for uuid in finished:
        await bench.add(SessionState.DONE, uuid)
        bench.shop.made.add(uuid)
    bench.shop.go_on.clear()
    async with reconciling(bench):
        await bench.rounds(3)
        assert [task for task, _ in bench.shop.begun] == [Task.VERIFY]
        await bench.add(SessionState.COLLECTING)
        await bench.rounds(3)
        assert bench.shop.begun[1:] == [(Task.PROCESS, UUID)]
        bench.shop.go_on.set()
        await bench.settles()
    assert bench.shop.most_read_back == 1


async def test_nothing_is_read_back_while_a_session_is_made(bench: Bench) -> None:
    other = UUID.replace("3f2b", "0000")
    await bench.add(SessionState.DONE, other)
    bench.shop.made.add(other)
    await bench.add(SessionState.COLLECTING)
    bench.shop.go_on.clear()
    async with reconciling(bench):
        await bench.rounds(3)
        assert bench.shop.begun == [(Task.PROCESS, UUID)]
        bench.shop.go_on.set()
        await bench.settles()
    assert bench.shop.begun[1:] == [(Task.VERIFY, other), (Task.VERIFY, UUID)]


async def test_what_the_database_does_not_take_is_stored_later(bench: Bench) -> None:
    await bench.add(SessionState.COLLECTING)
    bench.shop.go_on.clear()
    async with reconciling(bench):
        await bench.reaches(SessionState.PROCESSING)
        bench.refuse_writes(True)  # as on a disk that was made read-only
        bench.shop.go_on.set()
        async with asyncio.timeout(30):
            while bench.store.problem is None:  # noqa: ASYNC110 - shows only when asked
                await asyncio.sleep(0.005)
        await bench.rounds(3)
        bench.refuse_writes(False)
        await bench.reaches(SessionState.DONE)
        await bench.settles()
    assert bench.shop.begun == [(Task.PROCESS, UUID), (Task.VERIFY, UUID)]
    assert bench.store.problem is None


async def test_a_round_that_the_database_fails_does_not_end_the_loop(bench: Bench) -> None:
    await bench.add(SessionState.COLLECTING)
    bench.refuse_writes(True)
    async with reconciling(bench):
        await bench.rounds(3)
        assert bench.shop.begun == []
        bench.refuse_writes(False)
        bench.reconciler.wake()
        await bench.reaches(SessionState.DONE)
        await bench.settles()


def upload(tmp_path: Path) -> None:
    folder = tmp_path / "logging" / "phone" / UUID
    folder.mkdir(parents=True)
    (folder / "gps.csv").write_text("time,lat,lon\n")


async def test_what_is_uploaded_for_a_start_that_failed_is_made(
    bench: Bench, tmp_path: Path
) -> None:
    await bench.fail_start()
    async with reconciling(bench):
        await bench.settles()
        assert bench.shop.begun == [], "nothing of it exists"
        upload(tmp_path)
        assert await bench.reconciler.uploaded(UUID) == (True, [])
        await bench.reaches(SessionState.DONE)
        await bench.settles()
    assert bench.shop.count(Task.PROCESS) == 1


async def test_what_was_uploaded_for_a_start_that_failed_is_made_after_a_restart(
    bench: Bench, tmp_path: Path
) -> None:
    await bench.fail_start()
    upload(tmp_path)
    async with reconciling(bench):
        await bench.reaches(SessionState.DONE)


async def test_a_start_that_failed_is_armed_again_while_its_folder_is_compared(
    bench: Bench, tmp_path: Path
) -> None:
    """The session is recorded then; what came for it is made once that is stopped."""
    await bench.fail_start()
    upload(tmp_path)
    async with reconciling(bench):
        await bench.reaches(SessionState.DONE)
        await bench.settles()
        armed = asyncio.Event()

        async def arm_again() -> None:
            if not armed.is_set():
                await bench.store.create(
                    UUID, SessionState.ARMING, created_at_ms=2, start_at_ms=2, node_names=[]
                )
                armed.set()

        bench.shop.while_comparing = arm_again
        bench.shop.made.discard(UUID)
        await bench.reconciler.uploaded(UUID)
        await armed.wait()
        await bench.settles()
        session = await bench.store.get(UUID)
        assert session is not None
        assert session.state is SessionState.ARMING


@pytest.mark.parametrize("problem", [None, "incomplete: cam-02 is missing"])
async def test_a_good_reading_back_takes_a_failed_one_back(
    bench: Bench, problem: str | None
) -> None:
    await bench.add(SessionState.DONE)
    await bench.store.change(UUID, error=problem)
    bench.shop.made.add(UUID)
    bench.shop.result = JobResult(failed=True, error="Input/output error.")
    async with reconciling(bench):
        await bench.settles()
        session = await bench.store.get(UUID)
        assert session is not None
        assert session.error == " ".join(
            filter(None, (problem, "Reading back failed: Input/output error."))
        )
        bench.shop.result = JobResult(failed=False)
        bench.shop.begun.clear()
        bench.reconciler.disks_changed()
        await bench.settles()
    session = await bench.store.get(UUID)
    assert session is not None
    assert session.error == problem


async def test_what_nobody_has_started_is_made_last(bench: Bench) -> None:
    """Anybody can send files for any id; what was recorded on purpose does not wait for those."""
    strangers = [f"00000000-0000-4000-8000-{number:012d}" for number in range(6)]
    for uuid in strangers:
        await bench.store.create(
            uuid, SessionState.COLLECTING, created_at_ms=1, start_at_ms=None, node_names=[]
        )
    bench.shop.go_on.clear()
    await bench.add(SessionState.COLLECTING)
    async with reconciling(bench):
        await bench.rounds(2)
        assert bench.shop.begun == [(Task.PROCESS, UUID)]
        bench.shop.go_on.set()
        await bench.settles()
    assert {uuid for task, uuid in bench.shop.begun if task is Task.PROCESS} == {UUID, *strangers}
    assert bench.shop.most_at_once == 1


async def test_a_session_that_makes_no_sense_holds_up_no_other(bench: Bench) -> None:
    other = "00000000-0000-4000-8000-000000000001"
    await bench.add(SessionState.DONE, other)
    await bench.add(SessionState.DONE)

    async def fail() -> None:
        bench.shop.while_comparing = None
        raise ValueError("surrogates not allowed")

    bench.shop.while_comparing = fail
    async with reconciling(bench):
        await bench.rounds(2)
        await bench.settles()
    assert bench.shop.count(Task.PROCESS, UUID) + bench.shop.count(Task.PROCESS, other) == 1
