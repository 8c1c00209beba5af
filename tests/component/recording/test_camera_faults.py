"""Cameras that fail in every way at a start or a stop: the others record, the phone hears soon."""

import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import aiohttp
import pytest
from tests.fakes.camera_node import COMMANDS, CameraNode, Fault, Recording
from tests.fakes.controller import Controller, running, settings_in, until

from ctlr.sessions.reading import read_session

UUID = "3f2b8c1e-9d4a-4c6b-8f0e-1a2b3c4d5e6f"
OTHER = "11111111-2222-4333-8444-555555555555"
ANSWERED_WITHIN_S = 10.0
"""A camera that hangs does so for 30 s. The promise is 1.8 s, which ``bench/fanout.py`` measures:
here the machine may be busy with anything."""
UNHEARD = [fault for fault in Fault if fault is not Fault.ANSWER_LOST]


class Rig:
    """Two good cameras, one installed and one ours, and one camera for each fault."""

    def __init__(self, controller: Controller, nodes: list[CameraNode]) -> None:
        self.controller = controller
        self.nodes = {node.name: node for node in nodes}
        self.bad = {node.name: node for node in nodes if node.name.startswith("bad-")}

    async def break_(self, faults: Sequence[Fault]) -> None:
        names = iter(self.bad.values())
        for fault, node in zip(faults, names, strict=False):
            node.fault, node.faulty = fault, COMMANDS
        await self.bad["bad-off"].power_off()

    async def heal(self) -> None:
        for node in self.bad.values():
            node.fault = None
        await self.bad["bad-off"].power_on()


async def until_polled(node: CameraNode, times: int = 2) -> None:
    """Until a node has been asked so many more times what it does."""
    enough = node.asked["/status"] + times

    async def asked() -> bool:
        return node.asked["/status"] >= enough

    await until(asked)


def make_nodes() -> Iterator[CameraNode]:
    yield CameraNode("good-plain")
    yield CameraNode("good-ours", ours=True)
    for fault in UNHEARD:
        yield CameraNode(f"bad-{fault.name.lower().replace('_', '-')}", ours=True)
    yield CameraNode("bad-off")


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with AsyncExitStack() as stack:
        nodes = [await stack.enter_async_context(node) for node in make_nodes()]
        settings = settings_in(tmp_path, [node.address for node in nodes])
        controller = await stack.enter_async_context(running(settings))
        await controller.until_connected(*(node.name for node in nodes))
        yield Rig(controller, nodes)


async def test_bad_cameras_at_the_start_are_named_and_join_late(rig: Rig) -> None:
    await rig.break_(UNHEARD)
    began = time.monotonic()
    answer = (await rig.controller.start(UUID)).expect()
    assert time.monotonic() - began < ANSWERED_WITHIN_S
    started = {camera["name"]: camera["started"] for camera in answer["cameras"]}
    assert started == {name: name not in rig.bad for name in rig.nodes}
    errors = {camera["name"]: camera["error"] for camera in answer["cameras"]}
    assert all(errors[name] for name in rig.bad)
    assert errors["bad-refuses"] == "camera is covered"
    named = " ".join(warning["message"] for warning in answer["warnings"])
    assert all(name in named for name in rig.bad)
    assert rig.bad["bad-endless"].sent_bytes < 64 << 20

    await rig.heal()

    async def all_record() -> bool:
        return all(node.recording for node in rig.nodes.values())

    await until(all_record, 30)
    late = rig.bad["bad-off"].recording
    assert late is not None
    assert late.uuid == UUID
    assert late.start_at > answer["start_at"]
    assert [start.start_at for start in rig.nodes["good-plain"].starts] == [answer["start_at"]]

    async def all_noted() -> bool:
        sources = (await rig.controller.session(UUID))["sources"]
        return all(source["started"] for source in sources.values())

    await until(all_noted)
    problems = (await rig.controller.session(UUID))["problems"]
    assert {p["code"] for p in problems} == {"node_joined_late"}


async def test_a_late_join_is_told_once(tmp_path: Path) -> None:
    """Also where the camera was called back, as it waited for another hour, and joined again."""
    async with (
        CameraNode("cam-01") as node,
        CameraNode("cam-02", ours=True) as late,
        running(settings_in(tmp_path, [node.address, late.address])) as controller,
    ):
        await controller.until_connected(node.name, late.name)
        late.fault, late.faulty = Fault.REFUSES, frozenset({"/record/start"})
        (await controller.start(UUID)).expect()
        late.status_changes = {"starts_in_ms": 10 * 3600 * 1000}
        late.fault = None

        async def called_back() -> bool:
            return late.stops > 0

        await until(called_back)
        late.status_changes = {}

        async def joined_again() -> bool:
            source = (await controller.session(UUID))["sources"]["cam-02"]
            return len(late.starts) > 1 and bool(source["started"])

        await until(joined_again)
        problems = (await controller.session(UUID))["problems"]
        assert [problem["code"] for problem in problems] == ["node_joined_late", "node_disarmed"]


async def test_a_stop_is_news_of_the_session_that_it_ended(tmp_path: Path) -> None:
    """A camera of ours went on with a session that was over and was stopped once more. In the next
    one it is only seen not to record any more: nobody knows when it heard of that stop."""
    async with CameraNode("cam-01", ours=True) as node:
        settings = settings_in(tmp_path, [node.address])
        async with running(settings) as controller:
            await controller.until_connected(node.name)
            (await controller.start(OTHER)).expect()
            was = node.recording
            (await controller.stop(OTHER)).expect()
            node.recording = was

            async def stopped_again() -> bool:
                return node.recording is None

            await until(stopped_again)
            (await controller.start(UUID)).expect()
            node.fault, node.faulty = Fault.CUTS_OFF, frozenset({"/record/stop"})
            (await controller.stop(UUID)).expect()
            node.recording = None
            node.fault = None

            async def noted() -> bool:
                return bool((await controller.session(UUID))["sources"]["cam-01"]["stopped"])

            await until(noted)
    session = read_session(settings.database.path, UUID)
    assert session is not None
    assert session.nodes[0].stopped_at_ms is None


async def test_bad_cameras_at_the_stop_are_told_again(rig: Rig) -> None:
    (await rig.controller.start(UUID)).expect()
    recording_off = rig.bad["bad-off"].recording
    await rig.break_(UNHEARD)
    began = time.monotonic()
    answer = (await rig.controller.stop(UUID)).expect()
    assert time.monotonic() - began < ANSWERED_WITHIN_S
    stopped = {camera["name"]: camera["stopped"] for camera in answer["cameras"]}
    assert stopped == {name: name not in rig.bad for name in rig.nodes}
    assert all(any(name in error for error in answer["errors"]) for name in rig.bad)
    assert (await rig.controller.status())["recording"] is False

    rig.bad["bad-off"].recording = recording_off  # it was only out of reach
    await rig.heal()

    async def none_records() -> bool:
        return not any(node.recording for node in rig.nodes.values())

    await until(none_records, 30)
    assert rig.bad["bad-off"].stops == 1
    assert (await rig.controller.stop(UUID)).expect() == answer


async def test_a_bad_camera_does_not_delay_status_or_the_next_session(rig: Rig) -> None:
    for fault, node in zip(UNHEARD, rig.bad.values(), strict=False):
        node.fault = fault
    await rig.bad["bad-off"].power_off()

    async def all_lost() -> bool:
        cameras = (await rig.controller.status())["cameras"]
        return all(c["connected"] != (c["name"] in rig.bad) for c in cameras)

    await until(all_lost)
    status = await rig.controller.status()
    assert {w["code"] for w in status["warnings"]} == {"camera_unreachable"}
    assert all(c["error"] for c in status["cameras"] if c["name"] in rig.bad)
    for uuid in (UUID, OTHER):
        began = time.monotonic()
        (await rig.controller.start(uuid)).expect()
        (await rig.controller.stop(uuid)).expect()
        assert time.monotonic() - began < 2 * ANSWERED_WITHIN_S
    assert [start.uuid for start in rig.nodes["good-plain"].starts] == [UUID, OTHER]


async def test_a_start_whose_answer_is_lost_is_one_recording(tmp_path: Path) -> None:
    async with (
        CameraNode("cam-01", ours=True) as ours,
        CameraNode("cam-02") as plain,
        running(settings_in(tmp_path, [ours.address, plain.address])) as controller,
    ):
        await controller.until_connected(ours.name, plain.name)
        for node in (ours, plain):
            node.fault, node.faulty = Fault.ANSWER_LOST, frozenset({"/record/start"})
            node.times_left = 1
        answer = (await controller.start(UUID)).expect()
        assert [camera["started"] for camera in answer["cameras"]] == [True, True]

        async def both_noted() -> bool:
            sources = (await controller.session(UUID))["sources"]
            return all(source["started"] for source in sources.values())

        await until(both_noted)
        assert [len(node.starts) for node in (ours, plain)] == [1, 1]
        assert (await controller.stop(UUID)).expect()["errors"] is None
        assert [node.stops for node in (ours, plain)] == [1, 1]


async def test_a_stop_whose_answer_is_lost_has_stopped(tmp_path: Path) -> None:
    async with (
        CameraNode("cam-01") as node,
        running(settings_in(tmp_path, [node.address])) as controller,
    ):
        (await controller.start(UUID)).expect()
        node.fault, node.faulty = Fault.ANSWER_LOST, frozenset({"/record/stop"})
        (await controller.stop(UUID)).expect()
        node.fault = None

        async def noted() -> bool:
            return bool((await controller.session(UUID))["sources"]["cam-01"]["stopped"])

        await until(noted)
        assert node.recording is None


@pytest.mark.parametrize("fault", [Fault.HANGS, Fault.REFUSES, Fault.CUTS_OFF])
async def test_without_any_camera_the_start_is_refused_in_time(
    tmp_path: Path, fault: Fault
) -> None:
    async with (
        CameraNode("cam-01") as bad,
        CameraNode("cam-02") as off,
        running(settings_in(tmp_path, [bad.address, off.address])) as controller,
    ):
        bad.fault = fault
        await off.power_off()
        began = time.monotonic()
        problem = (await controller.start(UUID)).expect_problem(503, "no_camera_ready")
        assert time.monotonic() - began < ANSWERED_WITHIN_S
        assert [camera["name"] for camera in problem["cameras"]] == ["cam-01", "cam-02"]
        assert (await controller.status())["recording"] is False
        bad.fault = None
        await controller.until_connected("cam-01")
        (await controller.start(UUID)).expect()


async def test_too_few_cameras_are_called_back_before_they_begin(tmp_path: Path) -> None:
    async def is_idle(node: CameraNode) -> bool:
        return node.recording is None

    async with CameraNode("cam-01") as good, CameraNode("cam-02") as lost:
        nodes = [good.address, lost.address]
        settings = settings_in(tmp_path, nodes, min_cameras=3, start_delay_ms=5000)
        async with running(settings) as controller:
            lost.fault, lost.faulty = Fault.ANSWER_LOST, COMMANDS
            (await controller.start(UUID)).expect_problem(503, "no_camera_ready")
            await until(partial(is_idle, good))
            assert time.time_ns() // 1_000_000 < good.starts[0].start_at
            lost.fault = None
            await until(partial(is_idle, lost))


async def test_a_refused_start_never_stops_what_a_camera_records_for_somebody_else(
    tmp_path: Path,
) -> None:
    async with (
        CameraNode("cam-01") as node,
        running(settings_in(tmp_path, [node.address])) as controller,
    ):
        node.recording = Recording(OTHER, 0)
        (await controller.start(UUID)).expect_problem(503, "no_camera_ready")
        await until_polled(node)  # and what it says was looked at
        assert node.recording is not None
        assert node.stops == 0


async def test_a_hanging_late_start_does_not_delay_the_stop(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        nodes = [await stack.enter_async_context(CameraNode(f"cam-{n}")) for n in range(4)]
        settings = settings_in(tmp_path, [node.address for node in nodes])
        controller = await stack.enter_async_context(running(settings))
        await controller.until_connected(*(node.name for node in nodes))
        for node in nodes[1:]:
            node.fault, node.faulty = Fault.HANGS, frozenset({"/record/start"})
        (await controller.start(UUID)).expect()

        async def late_starts_are_under_way() -> bool:
            return all(node.asked["/record/start"] >= 2 for node in nodes[1:])

        await until(late_starts_are_under_way)
        began = time.monotonic()
        (await controller.stop(UUID)).expect()
        assert time.monotonic() - began < ANSWERED_WITHIN_S


@pytest.mark.parametrize("ahead_ms", [-5000, 0, 250])
async def test_a_clock_that_is_off_is_measured(tmp_path: Path, ahead_ms: int) -> None:
    async with CameraNode("cam-01") as node:
        node.clock_ahead_ms = ahead_ms
        async with running(settings_in(tmp_path, [node.address])) as controller:
            await controller.until_connected("cam-01")
            camera = await controller.camera("cam-01")
            off_by = abs(camera["clock_offset_ms"] - ahead_ms)
            assert off_by <= camera["clock_uncertainty_ms"]


ODD_STATUSES = [
    {"system": {"cpu": float("nan"), "temp": float("inf")}},
    {"system": "none", "sync": [], "segment": "two"},
    {"segment": 10**400},
    {"start_at": 10**30, "state": "recording"},
    {"state": "recording", "uuid": "../../etc", "start_at": -1},
    {"state": "recording", "uuid": OTHER, "start_at": 10**30},
    {"state": "dancing"},
    {"error": "x" * 100_000},
]


@pytest.mark.parametrize("odd", ODD_STATUSES, ids=lambda odd: repr(odd)[:50])
async def test_no_status_of_a_camera_harms_the_controller(
    tmp_path: Path, odd: dict[str, object]
) -> None:
    async with CameraNode("cam-01", ours=True) as node, CameraNode("cam-02") as good:
        node.status_changes = odd
        async with running(settings_in(tmp_path, [node.address, good.address])) as controller:
            await controller.until_connected("cam-02")
            await until_polled(node)  # what it says has been acted on
            assert len((await controller.status())["cameras"]) == 2
            (await controller.get("/api/sync/status")).expect()


async def test_no_stamp_of_a_camera_harms_the_controller(tmp_path: Path) -> None:
    async with CameraNode("cam-01") as node, CameraNode("cam-02") as good:
        node.clock_ahead_ms = 10**400
        async with running(settings_in(tmp_path, [node.address, good.address])) as controller:
            await controller.until_connected("cam-02")
            assert (await controller.camera("cam-01"))["connected"] is False


async def test_a_camera_with_a_shifted_clock_is_told_the_instant_as_its_own_clock_shows_it(
    tmp_path: Path,
) -> None:
    async with CameraNode("right") as right, CameraNode("ahead", ours=True) as ahead:
        ahead.clock_ahead_ms = 7_000
        settings = settings_in(tmp_path, [right.address, ahead.address])
        async with running(settings) as controller:

            async def clocks_are_known() -> bool:
                cameras = (await controller.status())["cameras"]
                known = [camera["clock_uncertainty_ms"] for camera in cameras]
                return all(value is not None and value < 4 for value in known)

            await until(clocks_are_known)
            answer = (await controller.start(UUID)).expect()
            assert right.recording == Recording(UUID, answer["start_at"])
            assert ahead.recording is not None
            assert ahead.recording.start_at == pytest.approx(answer["start_at"] + 7_000, abs=5)
            found = await controller.session(UUID)
            assert found["sources"]["ahead"]["start_at"] == ahead.recording.start_at


async def test_a_start_that_failed_is_possible_again_though_its_uploads_were_made(
    tmp_path: Path,
) -> None:
    async with (
        CameraNode("cam-01") as node,
        running(settings_in(tmp_path, [node.address])) as controller,
    ):
        await controller.until_connected(node.name)
        node.fault, node.faulty = Fault.REFUSES, frozenset({"/record/start"})
        (await controller.start(UUID)).expect_problem(503, "no_camera_ready")
        form = aiohttp.FormData()
        form.add_field("uuid", UUID)
        form.add_field("files", b"time,lat,lon\n", filename="gps.csv")
        uploaded = (await controller.post("/api/sync/phone", data=form)).expect()
        assert uploaded["processing"] is True

        async def is_made() -> bool:
            jobs = (await controller.session(UUID))["jobs"]
            return [job["state"] for job in jobs] == ["done"]

        await until(is_made)
        node.fault = None
        (await controller.start(UUID)).expect()
        (await controller.stop(UUID)).expect()
        (await controller.start(UUID)).expect_problem(409, "uuid_already_used")


async def test_of_two_cameras_that_call_themselves_the_same_one_records(tmp_path: Path) -> None:
    """Both deliver into one folder, and would overwrite each other's segments."""
    async with CameraNode("cam-02") as owner, CameraNode("cam-03", ours=True) as clone:
        settings = settings_in(tmp_path, [clone.address, owner.address])
        clone.name = "cam-02"
        async with running(settings) as controller:
            await controller.until_connected("cam-02", "cam-03")
            answer = (await controller.start(UUID)).expect()
            started = {camera["name"]: camera["started"] for camera in answer["cameras"]}
            assert started == {"cam-02": True, "cam-03": False}
            await until_polled(clone)
            assert (len(owner.starts), len(clone.starts)) == (1, 0)
            error = (await controller.camera("cam-03"))["error"]
            assert "calls itself 'cam-02', as cam-02 does" in error
            checks = (await controller.get("/api/preflight")).expect()["checks"]
            assert "Give it a name of its own" in checks["cam-03"]["msg"]
            (await controller.stop(UUID)).expect()


async def test_cameras_whose_names_are_swapped_record_and_are_named(tmp_path: Path) -> None:
    async with CameraNode("cam-01", ours=True) as one, CameraNode("cam-02", ours=True) as two:
        settings = settings_in(tmp_path, [one.address, two.address])
        one.name, two.name = two.name, one.name
        async with running(settings) as controller:
            await controller.until_connected("cam-01", "cam-02")
            answer = (await controller.start(UUID)).expect()
            assert [camera["started"] for camera in answer["cameras"]] == [True, True]
            assert "camera_misnamed" in {warning["code"] for warning in answer["warnings"]}


async def test_installed_cameras_may_all_answer_with_one_name(tmp_path: Path) -> None:
    async with CameraNode("cam-01") as one, CameraNode("cam-02") as two:
        settings = settings_in(tmp_path, [one.address, two.address])
        one.name = two.name = "raspberrypi"
        async with running(settings) as controller:
            await controller.until_connected("cam-01", "cam-02")
            answer = (await controller.start(UUID)).expect()
            assert [camera["started"] for camera in answer["cameras"]] == [True, True]
            assert "camera_misnamed" not in {warning["code"] for warning in answer["warnings"]}


async def test_a_camera_with_a_new_card_counts_on_from_what_is_held_of_it(tmp_path: Path) -> None:
    async with CameraNode("cam-01", ours=True) as node:
        settings = settings_in(tmp_path, [node.address])
        async with running(settings) as controller:
            await controller.until_connected("cam-01")
            (await controller.start(UUID)).expect()
            folder = settings.storage.logging / "cam-01" / UUID
            folder.mkdir(parents=True)
            for name in ("seg_0002.mp4", "seg_0003.frames.csv"):
                (folder / name).write_bytes(b"of the card before")
            report = {"camera": "cam-01", "status": "ok", "uuid": UUID}
            answer = (await controller.post("/api/sync/report", json=report)).expect()
            assert len(answer["durable"]) == 2

            node.recording = None

            async def records_again() -> bool:
                return len(node.starts) == 2

            await until(records_again)
            assert [start.first_segment for start in node.starts] == [None, 4]
            (await controller.stop(UUID)).expect()
