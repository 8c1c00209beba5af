"""Delivery against everything that gets in its way; nothing leaves the card unconfirmed."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.component.camera.rig import (
    NODE,
    UUID,
    CameraProcess,
    Controller,
    RsyncDaemon,
    check_delivered,
    free_port,
    wait_for,
)

SSHD = "/usr/sbin/sshd"


def _record_a_little(camera: CameraProcess) -> tuple[int, int]:
    """Returns ``start_at`` and the number of segments: two, or more on a busy machine."""
    start_at = camera.start_recording(delay_ms=300)
    camera.until_segment(1)
    segments = camera.stop_recording()
    wait_for("the end", lambda: camera.status()["state"] == "idle")
    return start_at, segments


def _kept(camera: CameraProcess) -> list[str]:
    return sorted(file.name for file in camera.session().glob("seg_*"))


def test_an_rsync_daemon_that_is_away_for_a_while(
    camera: CameraProcess, daemon: RsyncDaemon, controller: Controller
) -> None:
    daemon.close()
    start_at, segments = _record_a_little(camera)
    wait_for("the failure", lambda: camera.status()["sync"]["error"])
    failed = wait_for("a report of it", lambda: [r for r in controller.reports if r.get("error")])
    assert failed[0]["status"] == "error"
    assert len(_kept(camera)) == 2 * segments

    daemon.start()
    wait_for("the session", controller.completed)
    assert len(check_delivered(daemon.session(), start_at)) == segments
    wait_for("no error", lambda: camera.status()["sync"]["error"] is None)


@pytest.mark.parametrize("status", [503, 507])
def test_a_controller_without_room_gets_nothing_until_it_has_some(
    status: int, camera: CameraProcess, daemon: RsyncDaemon, controller: Controller
) -> None:
    controller.mood = status
    start_at, segments = _record_a_little(camera)
    wait_for("the refusal", lambda: str(status) in (camera.status()["sync"]["error"] or ""))
    refused = controller.asked
    wait_for("another try", lambda: controller.asked >= refused + 2)  # which must not send either
    assert not daemon.session().exists()
    assert len(_kept(camera)) == 2 * segments

    controller.mood = "well"
    wait_for("the session", controller.completed)
    assert len(check_delivered(daemon.session(), start_at)) == segments


@pytest.mark.parametrize("mood", ["garbage", "hang up", 500])
def test_an_answer_that_confirms_nothing_deletes_nothing(
    mood: str | int, camera: CameraProcess, daemon: RsyncDaemon, controller: Controller
) -> None:
    controller.mood = mood
    start_at, segments = _record_a_little(camera)
    wait_for("the files", lambda: len(list(daemon.root.rglob("seg_*.mp4"))) == segments)
    wait_for("the failure", lambda: camera.status()["sync"]["error"])
    assert len(_kept(camera)) == 2 * segments

    controller.mood = "well"
    wait_for("the session", controller.completed)
    assert len(check_delivered(daemon.session(), start_at)) == segments


def test_an_installed_controller_gets_the_files_and_the_camera_keeps_them(
    camera: CameraProcess, daemon: RsyncDaemon, controller: Controller
) -> None:
    controller.mood = "plain"
    start_at, segments = _record_a_little(camera)
    last = wait_for(
        "everything sent",
        lambda: [
            r
            for r in controller.reports
            if r.get("segments_total") == segments and not r["remaining"]
        ],
    )
    assert last[-1]["status"] == "ok"
    assert len(check_delivered(daemon.session(), start_at)) == segments
    assert len(_kept(camera)) == 2 * segments


def test_a_file_with_another_hash_at_the_controller_is_sent_again(
    camera: CameraProcess, daemon: RsyncDaemon, controller: Controller
) -> None:
    controller.liar = "seg_0000.mp4"
    start_at, segments = _record_a_little(camera)
    wait_for("the session", controller.completed)
    assert controller.liar is None
    assert "damaged or gone" in camera.log.read_text()
    assert len(check_delivered(daemon.session(), start_at)) == segments


def test_a_file_damaged_at_the_controller_is_replaced(
    camera: CameraProcess, daemon: RsyncDaemon, controller: Controller
) -> None:
    controller.mood = "garbage"
    start_at, segments = _record_a_little(camera)
    video = daemon.session() / "seg_0000.mp4"
    wait_for("the files", lambda: len(list(daemon.session().glob("seg_*.mp4"))) == segments)
    sent = video.stat()
    good = video.read_bytes()
    video.write_bytes(good[:-1000] + bytes(1000))
    os.utime(video, ns=(sent.st_atime_ns, sent.st_mtime_ns))  # nothing but the bytes tells

    controller.mood = "well"
    wait_for("the session", controller.completed)
    assert video.read_bytes() == good
    assert len(check_delivered(daemon.session(), start_at)) == segments


def test_a_restarted_node_asks_first_and_sends_only_what_is_missing(
    camera: CameraProcess, daemon: RsyncDaemon, controller: Controller
) -> None:
    controller.mood = "garbage"
    _, segments = _record_a_little(camera)
    wait_for("the files", lambda: len(list(daemon.session().glob("seg_*.mp4"))) == segments)
    camera.end()
    daemon.close()  # so nothing can be sent
    controller.mood = "well"
    camera.start()
    report = wait_for("the session", controller.completed)
    assert report["segments_total"] == segments
    wait_for("the card to be cleared", lambda: not camera.session().exists())


@pytest.fixture
def ssh_target(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A real sshd on a port of its own with a throw-away key: a target, and its ssh config."""
    if not os.access(SSHD, os.X_OK):
        pytest.skip("sshd is not installed")
    keys = tmp_path / "keys"
    keys.mkdir(mode=0o700)
    for key in ("host", "camera"):
        make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(keys / key)]
        subprocess.run(make, check=True)
    (keys / "authorized").write_text((keys / "camera.pub").read_text())
    port = free_port()
    config = tmp_path / "sshd_config"
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {keys}/host\nPidFile none\n"
        f"AuthorizedKeysFile {keys}/authorized\nStrictModes no\nUsePAM no\n"
        "PasswordAuthentication no\nPermitRootLogin prohibit-password\n"
    )
    client = tmp_path / "ssh_config"
    client.write_text(
        f"Host ctlr\n HostName 127.0.0.1\n Port {port}\n IdentityFile {keys}/camera\n"
        f" IdentitiesOnly yes\n UserKnownHostsFile {keys}/known_hosts\n LogLevel ERROR\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    (tmp_path / "logging").mkdir()
    sshd = subprocess.Popen([SSHD, "-D", "-f", str(config), "-E", str(tmp_path / "sshd.log")])
    yield f"ctlr:{tmp_path}/logging/", client
    sshd.terminate()
    sshd.wait(10)


def test_delivery_over_ssh(
    ssh_target: tuple[str, Path],
    make_camera: Callable[..., CameraProcess],
    controller: Controller,
    tmp_path: Path,
) -> None:
    target, ssh_config = ssh_target
    camera = make_camera(target, ssh_config=ssh_config)
    start_at, segments = _record_a_little(camera)
    wait_for("the session", controller.completed)
    assert len(check_delivered(tmp_path / "logging" / NODE / UUID, start_at)) == segments


def test_delivery_into_a_local_folder(
    make_camera: Callable[..., CameraProcess], controller: Controller, tmp_path: Path
) -> None:
    (tmp_path / "logging").mkdir()
    camera = make_camera(str(tmp_path / "logging"))
    start_at, segments = _record_a_little(camera)
    wait_for("the session", controller.completed)
    assert len(check_delivered(tmp_path / "logging" / NODE / UUID, start_at)) == segments


def test_a_second_node_cannot_share_a_spool(
    make_camera: Callable[..., CameraProcess], daemon: RsyncDaemon, tmp_path: Path
) -> None:
    first = make_camera(daemon.target)
    second = CameraProcess(tmp_path, daemon.target, "http://127.0.0.1:1", {"CTLR_NODE": "cam-b"})
    second.log = tmp_path / "second.log"
    with pytest.raises(AssertionError, match="the camera ended with 1"):
        second.start()
    assert f"in use by the camera node {NODE}" in second.log.read_text()
    assert first.call("/status")[1]["data"]["state"] == "idle"
    assert first.end() == 0
    second.start()
    second.close()
