"""Stories that once went wrong, or that chance tells too seldom, told by hand."""

from collections.abc import Callable, Iterator

import pytest
from tests.model.cameras import SEGMENT_S, Link
from tests.model.controller import GIVE_UP_S, QUIET_S
from tests.model.test_recording_model import HOUR_MS, NAMES, UUIDS, RecordingModel

from ctlr.sessions.model import SessionState

FIRST, SECOND = UUIDS[:2]


@pytest.fixture
def rig() -> Iterator[RecordingModel]:
    model = RecordingModel()
    model.boot()
    model.time_passes(30)
    yield model
    model.no_task_has_died()
    model.what_was_acknowledged_is_kept()
    model.teardown()


def test_the_answer_that_was_lost_said_already_recording(rig: RecordingModel) -> None:
    """The camera still recorded the session before; it must not go on under the new one."""
    rig.tap(("start", FIRST))
    rig.time_passes(7)
    for name in NAMES[:2]:
        rig.change_the_link(name, Link.CUT)
    rig.tap(("stop", None))
    for name in NAMES[:2]:
        rig.change_the_link(name, Link.GOOD)
        rig.lose_answers(name, 1)
    rig.tap(("start", SECOND))


def test_a_start_that_failed_is_repeated(rig: RecordingModel) -> None:
    for name in NAMES:
        rig.change_the_link(name, Link.HANGS_AFTER_ACTING)
    rig.tap(("start", FIRST))
    rig.change_the_link(NAMES[0], Link.GOOD)
    rig.tap(("start", FIRST))
    rig.time_passes(7)


def clocks_of_all(rig: RecordingModel, step_ms: int) -> None:
    rig.set_the_clock(step_ms)


def clocks_of_cameras(rig: RecordingModel, step_ms: int) -> None:
    for name in NAMES:
        rig.set_a_camera_clock(name, step_ms)


@pytest.mark.parametrize("set_clocks", [clocks_of_all, clocks_of_cameras])
@pytest.mark.parametrize("step_ms", [-HOUR_MS, HOUR_MS])
def test_a_clock_is_set_just_before_the_start(
    rig: RecordingModel, set_clocks: Callable[[RecordingModel, int], None], step_ms: int
) -> None:
    set_clocks(rig, step_ms)
    rig.tap(("start", FIRST))
    rig.time_passes(7)


def test_the_clock_goes_back_a_day_between_start_and_stop(rig: RecordingModel) -> None:
    rig.tap(("start", FIRST))
    rig.time_passes(30)
    rig.set_the_clock(-24 * HOUR_MS)
    rig.tap(("stop", None))
    rig.tap(("start", SECOND))
    rig.time_passes(30)


@pytest.mark.parametrize("step_ms", [-24 * HOUR_MS, 14 * 24 * HOUR_MS])
@pytest.mark.parametrize("just_before_the_stop", [False, True])
def test_a_session_is_as_long_as_it_was_whatever_the_clock_is_set_to(
    rig: RecordingModel, step_ms: int, just_before_the_stop: bool
) -> None:
    rig.tap(("start", FIRST))
    rig.time_passes(30)
    rig.set_the_clock(step_ms)
    if not just_before_the_stop:
        rig.time_passes(5)
    rig.tap(("stop", None))
    session, answer = rig.recorded(FIRST)
    assert session.start_at_ms is not None
    assert session.stopped_at_ms is not None
    length_s = (session.stopped_at_ms - session.start_at_ms) / 1000
    assert length_s == pytest.approx(answer["duration"], abs=0.01)
    assert length_s == pytest.approx(27 if just_before_the_stop else 32, abs=3)
    assert [step.step_ms for step in session.clock_steps] == [step_ms]


@pytest.mark.parametrize("link", [Link.GOOD, Link.HANGS_AFTER_ACTING])
def test_an_installed_camera_that_lost_the_recording_has_a_note_though_its_answer_got_lost(
    rig: RecordingModel, link: Link
) -> None:
    name = NAMES[0]
    rig.tap(("start", FIRST))
    rig.time_passes(30)
    rig.switch_off_or_on(name)
    rig.switch_off_or_on(name)
    rig.change_the_link(name, link)
    rig.time_passes(7)
    rig.change_the_link(name, Link.GOOD)
    rig.time_passes(30)
    (session,) = rig.sessions()
    assert [event.kind for event in session.events] == ["node_restarted"]
    part = session.node(name)
    assert part is not None
    assert part.start_at_ms is not None
    assert session.start_at_ms is not None
    assert part.start_at_ms > session.start_at_ms + 20_000


def test_a_stop_that_cannot_be_stored_is_as_long_when_it_is_asked_again(
    rig: RecordingModel,
) -> None:
    assert rig.controller is not None
    coordinator = rig.controller.coordinator
    rig.tap(("start", FIRST))
    rig.time_passes(10)
    rig.controller.fill_the_disk(True)
    first = rig.loop.run(coordinator.stop(FIRST))
    second = rig.loop.run(coordinator.stop(FIRST))
    rig.controller.fill_the_disk(False)
    assert (first["success"], second["success"]) == (False, False)
    assert first["duration"] == second["duration"]
    rig.tap(("stop", FIRST))
    assert rig.loop.run(coordinator.stop(FIRST))["duration"] == first["duration"]


@pytest.mark.parametrize("sends", ["all", "all but one"])
def test_a_restarted_controller_takes_an_installed_cameras_status_for_the_report_it_missed(
    rig: RecordingModel, sends: str
) -> None:
    """It reports once, while nobody is there. Left with files to send, it is waited for."""
    plain, *ours = (rig.cameras[name] for name in NAMES)
    rig.tap(("start", FIRST))
    rig.time_passes(3 * SEGMENT_S)
    rig.tap(("stop", FIRST))
    rig.lose_power(None, 0)
    while plain.send_next(rig.drive.put):
        if sends == "all but one" and len(plain.takes[FIRST].files) == 1:
            break
    for camera in ours:
        while camera.send_next(rig.drive.put):
            pass
    rig.come_back()
    for camera in ours:
        rig.report(camera.name)
    rig.time_passes(2 * QUIET_S)
    assert 2 * QUIET_S < GIVE_UP_S
    (session,) = rig.sessions()
    assert rig.controller is not None
    if sends == "all":
        assert session.state is SessionState.DONE
        assert rig.controller.reconciler.why(session) is None
    else:
        assert session.state is SessionState.COLLECTING
        assert f"on their way from {plain.name} (" in (rig.controller.reconciler.why(session) or "")


def test_a_camera_whose_last_segment_is_not_queued_yet_is_waited_for(rig: RecordingModel) -> None:
    """Who heard the stop hears the report as well: a queue that is empty for a moment is no
    report."""
    plain = rig.cameras[NAMES[0]]
    rig.tap(("start", FIRST))
    rig.time_passes(3 * SEGMENT_S)
    while plain.send_next(rig.drive.put):
        pass
    rig.tap(("stop", FIRST))
    for name in NAMES:
        while rig.cameras[name].send_next(rig.drive.put):
            pass
    for name in NAMES[1:]:
        rig.report(name)
    rig.time_passes(2 * QUIET_S)
    (session,) = rig.sessions()
    assert session.state is SessionState.COLLECTING
    rig.report(plain.name)
    rig.time_passes(2 * QUIET_S)
    (session,) = rig.sessions()
    assert session.state is SessionState.DONE


def test_a_start_and_a_stop_are_one_durable_commit_each(rig: RecordingModel) -> None:
    """And one more that nobody waits for: what became of it."""
    assert rig.controller is not None
    connection, coordinator = rig.controller.connection, rig.controller.coordinator
    for command in (coordinator.start(FIRST), coordinator.stop(FIRST)):
        before = connection.commits, connection.durable_commits
        rig.loop.run(command)
        after = connection.commits, connection.durable_commits
        assert (after[0] - before[0], after[1] - before[1]) == (2, 1)


def lose_power(rig: RecordingModel) -> None:
    """Before any other commit has taken what was not waited for to the disk."""
    assert rig.controller is not None
    rig.loop.run(rig.controller.lose_power())
    rig.controller = None


def test_a_power_cut_just_after_a_start_forgets_nothing(rig: RecordingModel) -> None:
    rig.tap(("start", FIRST))
    lose_power(rig)
    rig.time_passes(30)
    rig.come_back()
    rig.time_passes(7)
    (session,) = rig.sessions()
    assert session.state is SessionState.RECORDING
    assert all(node.started for node in session.nodes)
    assert [event.kind for event in session.events] == ["controller_away"]
    rig.tap(("start", FIRST))  # asked again, it answers like the first one


def test_a_power_cut_just_after_a_stop_forgets_nothing(rig: RecordingModel) -> None:
    assert rig.controller is not None
    rig.tap(("start", FIRST))
    rig.time_passes(7)
    rig.set_the_clock(-24 * HOUR_MS)
    first = rig.loop.run(rig.controller.coordinator.stop(FIRST))
    lose_power(rig)
    rig.time_passes(30)
    rig.come_back()
    assert rig.controller is not None
    again = rig.loop.run(rig.controller.coordinator.stop(FIRST))
    assert (again["success"], again["stopped_at"]) == (True, first["stopped_at"])
    assert again["duration"] == first["duration"] > 0
    rig.tap(("stop", FIRST))


def test_a_power_cut_after_a_start_was_refused_records_nothing(rig: RecordingModel) -> None:
    for name in NAMES:
        rig.change_the_link(name, Link.CUT)
    rig.tap(("start", FIRST))
    lose_power(rig)
    rig.come_back()
    (session,) = rig.sessions()
    assert session.state is SessionState.FAILED
    assert session.error
    assert session.error.startswith("Nothing is being recorded: 0 of at least 1 cameras")


def test_a_power_cut_while_the_cameras_are_armed_makes_nobody_late(rig: RecordingModel) -> None:
    """An installed camera that waits for its start calls itself idle."""
    rig.tap(("start", FIRST))
    lose_power(rig)
    rig.come_back()
    rig.time_passes(30)
    (session,) = rig.sessions()
    assert all(node.started for node in session.nodes)
    assert "node_joined_late" not in {event.kind for event in session.events}
