"""Whose news a report is."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ctlr.ingest.inventory import Inventory
from ctlr.ingest.reports import Reports
from ctlr.ingest.takes import Takes
from ctlr.kernel.clock import SystemClock
from ctlr.kernel.errors import Refusal
from ctlr.layout.raw import LoggingLayout
from ctlr.nodes.fleet import NodeView
from ctlr.nodes.messages import NodeStatus, NodeSync, SyncReport
from ctlr.sessions.model import SessionNode, SessionState
from ctlr.sessions.store import SessionStore

OLDER = "11111111-2222-4333-8444-555555555555"
NOW = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
REPORT = SyncReport.model_validate({"camera": "cam-01", "status": "ok", "files": 1})


class Desk:
    """A controller with one finished session of two cameras, and one that is being recorded."""

    def __init__(self, store: SessionStore, logging: Path) -> None:
        self.store = store
        self.logging = logging
        self.news: list[tuple[str | None, str]] = []
        self.drive_is_full = False
        clock, layout = SystemClock(), LoggingLayout(logging)
        self.reports = Reports(
            store,
            Inventory(store, layout, clock.monotonic),
            Takes(store, layout, clock),
            clock,
            check_storage=self._check_storage,
            on_report=lambda uuid, node: self.news.append((uuid, node)),
        )

    def _check_storage(self) -> None:
        if self.drive_is_full:
            raise Refusal("storage_full", "The logging drive is full.")

    async def record(self) -> None:
        for uuid, state in ((OLDER, SessionState.COLLECTING), (NOW, SessionState.RECORDING)):
            names = ["cam-01", "cam-02"]
            await self.store.create(uuid, state, created_at_ms=1, start_at_ms=1, node_names=names)
            self.deliver(uuid, 0)
        await self.store.change(OLDER, SessionState.PROCESSING)
        await self.store.change(OLDER, SessionState.DONE)

    def deliver(self, uuid: str, number: int) -> None:
        folder = self.logging / "cam-01" / uuid
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"seg_{number:04d}.mp4").write_bytes(b"x")

    async def hear(self, report: SyncReport = REPORT) -> list[tuple[str | None, str]]:
        self.news.clear()
        await self.reports.receive(report)
        return self.news


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    store = await SessionStore.open(tmp_path / "ctlr.db")
    made = Desk(store, tmp_path / "logging")
    await made.record()
    yield made
    await store.close()


async def test_what_an_installed_camera_delivers_late_is_news_of_the_older_session(
    desk: Desk,
) -> None:
    await desk.hear()
    assert await desk.hear() == [(NOW, "cam-01")], "nothing came for the other"
    desk.deliver(OLDER, 1)
    assert await desk.hear() == [(NOW, "cam-01"), (OLDER, "cam-01")]
    assert await desk.hear() == [(NOW, "cam-01")]


async def test_after_a_restart_the_first_report_has_older_sessions_looked_at(desk: Desk) -> None:
    assert await desk.hear() == [(NOW, "cam-01"), (OLDER, "cam-01")]


async def test_a_camera_that_names_its_session_means_that_one(desk: Desk) -> None:
    report = REPORT.model_copy(update={"uuid": OLDER})
    desk.deliver(OLDER, 1)
    assert await desk.hear(report) == [(OLDER, "cam-01")]


def said(status: str, **more: object) -> SyncReport:
    return SyncReport.model_validate({"camera": "cam-01", "status": status, **more})


async def test_a_camera_fails_from_its_first_failure_until_a_success(desk: Desk) -> None:
    assert desk.reports.failure("cam-01") is None
    await desk.hear(said("error", error="no route to host"))
    first = desk.reports.failure("cam-01")
    assert first is not None
    assert first.reason == "no route to host"
    await desk.hear(said("syncing", remaining=3))  # it tries again
    assert desk.reports.failure("cam-01") == first
    await desk.hear(said("error"))
    again = desk.reports.failure("cam-01")
    assert again is not None
    assert (again.since_ms, again.reason) == (first.since_ms, None)
    assert desk.reports.failure("cam-02") is None
    await desk.hear(said("ok"))
    assert desk.reports.failure("cam-01") is None


async def test_a_failure_is_kept_though_the_report_is_refused(desk: Desk) -> None:
    desk.drive_is_full = True
    with pytest.raises(Refusal):
        await desk.hear(said("error"))
    assert desk.reports.failure("cam-01") is not None


class Camera:
    """``cam-01`` of the rig as it answers for itself."""

    def __init__(self) -> None:
        self.status: NodeStatus | None = NodeStatus(state="recording", uuid=NOW, frames=9)

    def view(self, name: str) -> NodeView | None:
        return NodeView(name, connected=self.status is not None, current=True, status=self.status)

    async def ask(self, name: str) -> NodeView:
        view = self.view(name)
        assert view is not None
        return view


@pytest.fixture
def camera(desk: Desk) -> Camera:
    made, clock, layout = Camera(), SystemClock(), LoggingLayout(desk.logging)
    desk.reports = Reports(
        desk.store,
        Inventory(desk.store, layout, clock.monotonic),
        Takes(desk.store, layout, clock),
        clock,
        check_storage=lambda: None,
        on_report=lambda uuid, node: desk.news.append((uuid, node)),
        members=lambda: ["cam-01"],
        ask=made.ask,
        view=made.view,
    )
    return made


ALL_SENT = SyncReport(camera="cam-01", status="ok", uuid=NOW, segments_total=1, complete=True)


async def part(desk: Desk) -> SessionNode:
    session = await desk.store.get(NOW)
    found = session.node("cam-01") if session else None
    assert found is not None
    return found


@pytest.mark.usefixtures("camera")
async def test_nobody_ends_a_recording_for_a_camera(desk: Desk) -> None:
    await desk.hear(ALL_SENT)
    told = await part(desk)
    assert (told.segments_total, told.complete, told.stop_acknowledged) == (None, False, False)


async def test_what_a_camera_said_too_early_counts_once_it_bears_it_out(
    desk: Desk, camera: Camera
) -> None:
    await desk.hear(ALL_SENT)
    await desk.store.change(NOW, SessionState.STOPPING)
    await desk.store.change(NOW, SessionState.COLLECTING)
    settling = asyncio.create_task(desk.reports.settle_forever())
    try:
        camera.status = NodeStatus(state="idle", frames=9)
        async with asyncio.timeout(20):
            while not (await part(desk)).complete:  # noqa: ASYNC110 - a row of the database
                await asyncio.sleep(0.05)
    finally:
        settling.cancel()
    assert (await part(desk)).segments_total == 1


async def test_who_has_delivered_all_is_not_made_to_owe_something(
    desk: Desk, camera: Camera
) -> None:
    await desk.store.change(NOW, SessionState.STOPPING)
    await desk.store.change(NOW, SessionState.COLLECTING)
    camera.status = NodeStatus(state="idle", frames=9, sync=NodeSync(delivered={NOW: 1}))
    await desk.hear(ALL_SENT)
    told = await part(desk)
    assert told.complete
    for forged in ({"complete": False, "remaining": 99}, {"segments_total": 99}):
        await desk.hear(ALL_SENT.model_copy(update=forged))
    assert await part(desk) == told


@pytest.mark.usefixtures("camera")
async def test_a_strangers_report_leaves_nothing_behind(desk: Desk) -> None:
    before = await desk.store.get(NOW)
    for number in range(20):
        forged = {"camera": f"stranger-{number}", "asks": ["seg_0000.mp4"]}
        answer = await desk.reports.receive(ALL_SENT.model_copy(update=forged))
        assert (answer.ok, answer.durable, answer.absent) == (True, [], ["seg_0000.mp4"])
        assert desk.reports.last(f"stranger-{number}") is None
    assert await desk.store.get(NOW) == before
    assert desk.news == []


@pytest.mark.usefixtures("camera")
async def test_a_stranger_fails_for_nobody(desk: Desk) -> None:
    await desk.hear(said("error", error="x").model_copy(update={"camera": "stranger"}))
    assert desk.reports.failure("stranger") is None
