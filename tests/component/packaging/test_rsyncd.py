"""The module that cameras deliver to, served by a real rsync daemon, and by the camera's command."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ctlr.camera.rsync import build_command
from ctlr.simulator.ports import claim_port

CONFIG = Path(__file__).parents[3] / "packaging" / "rsyncd" / "rsyncd.conf"
UUID = "0b6b25f2-7e4c-4a55-9c40-6b0e0d7d3f01"


@dataclass
class Daemon:
    """A module over ``drive``; transfers are let through while ``open_`` exists."""

    url: str
    drive: Path
    open_: Path
    spool: Path

    def deliver(self, *names: str, node: str = "cam-1") -> subprocess.CompletedProcess[str]:
        for name in names:
            file = self.spool / UUID / name
            file.parent.mkdir(exist_ok=True)
            if not file.is_symlink():
                file.write_text(name)
                file.chmod(0o600)
        return self.rsync(*build_command(self.spool, UUID, names, self.url, node, None)[1:])

    def rsync(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["rsync", *arguments], capture_output=True, text=True, check=False, timeout=60
        )


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    claim = claim_port()
    drive, spool, gate = tmp_path / "drive", tmp_path / "spool", tmp_path / "open"
    for folder in (drive, spool):
        folder.mkdir()
    gate.touch()
    text = CONFIG.read_text("utf-8")
    for line, instead in {
        "port = 873": f"port = {claim.number}\naddress = 127.0.0.1",
        "/run/ctlr-rsyncd/connections.lock": f"{tmp_path}/lock",
        "@LOGGING@": f"{drive}\n    uid = {os.getuid()}\n    gid = {os.getgid()}",
        "/opt/ctlr/current/bin/ctlr-check-mount logging": f"test -e {gate}",
    }.items():
        assert line in text
        text = text.replace(line, instead)
    config = tmp_path / "rsyncd.conf"
    config.write_text(text)
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen(
            ["rsync", "--daemon", "--no-detach", f"--config={config}"],
            stdout=log,
            stderr=log,
            umask=0o002,  # as the unit has it
        )
    _wait_for(claim.number)
    yield Daemon(f"rsync://127.0.0.1:{claim.number}/logging/", drive, gate, spool)
    process.terminate()
    process.wait(10)
    claim.release()


def _wait_for(port: int) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError("the daemon does not listen")


def test_a_camera_delivers_and_the_controller_may_handle_what_it_gets(daemon: Daemon) -> None:
    assert daemon.deliver("seg_0000.mp4").returncode == 0
    folder = daemon.drive / "cam-1" / UUID
    assert (folder / "seg_0000.mp4").read_text() == "seg_0000.mp4"
    assert oct((folder / "seg_0000.mp4").stat().st_mode) == "0o100664"
    assert {oct(place.stat().st_mode & 0o777) for place in (folder, folder.parent)} == {"0o775"}
    assert daemon.deliver("seg_0000.mp4", "seg_0001.mp4").returncode == 0
    assert sorted(os.listdir(folder)) == ["seg_0000.mp4", "seg_0001.mp4"]


def test_nothing_arrives_while_the_drive_is_away(daemon: Daemon) -> None:
    daemon.open_.unlink()
    said = daemon.deliver("seg_0000.mp4")
    assert said.returncode != 0
    assert "pre-xfer exec" in said.stderr
    assert list(daemon.drive.iterdir()) == []
    daemon.open_.touch()
    assert daemon.deliver("seg_0000.mp4").returncode == 0


def test_what_is_there_can_neither_be_read_nor_listed_nor_deleted(
    daemon: Daemon, tmp_path: Path
) -> None:
    daemon.deliver("seg_0000.mp4")
    for arguments in (
        (f"{daemon.url}cam-1/", str(tmp_path / "stolen")),
        (daemon.url,),
        ("-r", "--delete", f"{tmp_path}/spool/", f"{daemon.url}cam-1/"),
        ("-r", "--inplace", f"{tmp_path}/spool/", f"{daemon.url}cam-1/"),
        ("-r", "--append-verify", f"{tmp_path}/spool/", f"{daemon.url}cam-1/"),
    ):
        assert daemon.rsync(*arguments).returncode != 0, arguments
    assert not (tmp_path / "stolen").exists()
    assert (daemon.drive / "cam-1" / UUID / "seg_0000.mp4").read_text() == "seg_0000.mp4"
    assert "logging" not in daemon.rsync(daemon.url.removesuffix("logging/")).stdout


def test_a_link_leads_nowhere(daemon: Daemon, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("of the controller")
    link = daemon.spool / UUID / "seg_0000.mp4"
    link.parent.mkdir()
    link.symlink_to(secret)
    daemon.rsync("-a", str(link), f"{daemon.url}cam-1/{UUID}/")
    arrived = daemon.drive / "cam-1" / UUID / "seg_0000.mp4"
    assert not os.path.lexists(arrived) or not arrived.exists()


def test_second_names_are_out_of_reach(daemon: Daemon) -> None:
    daemon.deliver("seg_0000.mp4")
    takes = daemon.drive / "cam-1" / UUID / ".takes"
    takes.mkdir()
    (takes / "seg_0000.take1.mp4").write_text("held")
    (daemon.spool / UUID / ".takes").mkdir()
    (daemon.spool / UUID / ".takes" / "seg_0000.take1.mp4").write_text("from a camera")
    daemon.rsync("-a", f"{daemon.spool}/{UUID}", f"{daemon.url}cam-1/")
    assert (takes / "seg_0000.take1.mp4").read_text() == "held"


@pytest.fixture
def over_ssh(tmp_path: Path) -> list[str]:
    """The start of an rsync command to a controller whose sshd runs ``receive`` for cam-1."""
    drive, script, shell = tmp_path / "drive", tmp_path / "receive", tmp_path / "ssh"
    drive.mkdir()
    text = (CONFIG.parents[1] / "ssh" / "receive").read_text("utf-8")
    text = text.replace("@LOGGING@", str(drive))
    script.write_text(text.replace("/opt/ctlr/current/bin/ctlr-check-mount logging", "true"))
    shell.write_text(
        f'#!/bin/sh\nwhile [ "$1" != rsync ]; do shift; done\nSSH_ORIGINAL_COMMAND="$*" exec sh {script} cam-1\n'
    )
    shell.chmod(0o755)
    return ["rsync", "-a", f"--rsh={shell}"]


def deliver_over_ssh(
    over_ssh: list[str], tmp_path: Path, *options: str
) -> subprocess.CompletedProcess[bytes]:
    file = tmp_path / "card" / UUID / "seg_0000.mp4"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("of the camera")
    file.chmod(0o600)
    file.parent.chmod(0o700)
    target = f"pi@ctlr:{tmp_path}/drive/cam-1/"
    command = [*over_ssh, *options, str(file.parent), target]
    return subprocess.run(command, capture_output=True, check=False, timeout=60)


@pytest.mark.parametrize("options", [(), ("-z",), ("--remove-source-files",), ("--no-perms",)])
def test_what_comes_over_ssh_the_controller_may_hold(
    over_ssh: list[str], tmp_path: Path, options: tuple[str, ...]
) -> None:
    """A second name may be given by whom may write the file, and where he may write the folder."""
    said = deliver_over_ssh(over_ssh, tmp_path, *options)
    assert said.returncode == 0, said.stderr
    arrived = tmp_path / "drive" / "cam-1" / UUID / "seg_0000.mp4"
    assert arrived.read_text() == "of the camera"
    assert arrived.stat().st_mode & 0o660 == 0o660
    assert arrived.parent.stat().st_mode & 0o770 == 0o770


@pytest.mark.parametrize("option", ["--inplace", "--append", "--append-verify"])
def test_nothing_is_changed_in_place_over_ssh(
    over_ssh: list[str], tmp_path: Path, option: str
) -> None:
    assert deliver_over_ssh(over_ssh, tmp_path, option).returncode != 0
    assert not (tmp_path / "drive" / "cam-1" / UUID).exists()


@pytest.mark.parametrize("place", ["phone", "can", "logs", ".ctlr-volume.json"])
def test_what_is_not_a_cameras_is_out_of_reach(daemon: Daemon, place: str) -> None:
    mine = daemon.drive / place
    mine.write_text("of the controller")
    source = daemon.spool / place
    source.write_text("of a camera")
    daemon.rsync(str(source), f"{daemon.url}")
    daemon.deliver("seg_0000.mp4", node=place)
    assert mine.read_text() == "of the controller"
