"""The module that cameras deliver to, served by a real rsync daemon, and by the camera's command."""

import os
import socket
import subprocess
import sys
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


def checked(tmp_path: Path) -> str:
    """The command that asks ``ctlr-check-mount``, for the drive of ``tmp_path``."""
    config = tmp_path / "ctlr.toml"
    values = f'logging = "{tmp_path}/drive"\nrequire_mounts = false'
    config.write_text(f'[storage]\n{values}\n[database]\npath = "{tmp_path}/state/ctlr.db"\n')
    program = Path(sys.executable).with_name("ctlr-check-mount")
    return f"{program} --config {config} logging"


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    yield from serve(tmp_path, f"test -e {tmp_path / 'open'}")


@pytest.fixture
def checking(tmp_path: Path) -> Iterator[Daemon]:
    """As installed: each transfer is looked at before it begins."""
    yield from serve(tmp_path, checked(tmp_path))


def serve(tmp_path: Path, ask: str) -> Iterator[Daemon]:
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
        "/opt/ctlr/current/bin/ctlr-check-mount logging": ask,
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


OTHER = "7a0c0d9e-0000-4000-8000-000000000002"
"""Another session, which nothing that is done here may touch."""

REPLACES = ["--force", "--delete", "--ignore-times", "--backup", "--suffix=.old", "--inplace"]
READS = ["--block-size=1", "--fuzzy", "--checksum-seed=1", "--only-write-batch={here}/batch"]
ELSEWHERE = [
    "--temp-dir=/cam-2",
    "--link-dest=/cam-2/{other}",
    "--copy-dest=/cam-2/{other}",
    "--compare-dest=/cam-2/{other}",
    "--partial-dir=/cam-2/{other}",
    "--partial-dir=../../cam-2/{other}",
    "--partial-dir=../{other}",
    "--partial-dir=.takes",
]
GIVES = ["--acls", "--xattrs", "--super", "--chown=root:root", "--groupmap=*:root"]
TAKES = ["--max-alloc=8G", "--keep-dirlinks"]


def victim(drive: Path) -> Path:
    file = drive / "cam-2" / OTHER / "seg_0000.mp4"
    file.parent.mkdir(parents=True)
    file.write_text("the only copy")
    return file


@pytest.mark.parametrize("option", REPLACES + READS + ELSEWHERE + GIVES + TAKES)
def test_a_transfer_with_such_an_option_does_nothing(
    checking: Daemon, tmp_path: Path, option: str
) -> None:
    kept = victim(checking.drive)
    option = option.format(other=OTHER, here=tmp_path)
    sent = tmp_path / "seg_0000.mp4"
    sent.write_text("of a stranger")
    said = checking.rsync("-a", option, str(sent), f"{checking.url}cam-1/{UUID}/")
    assert said.returncode != 0
    assert kept.read_text() == "the only copy"
    assert sorted(checking.drive.iterdir()) == [checking.drive / "cam-2"]


@pytest.mark.parametrize("place", ["cam-2", f"cam-2/{OTHER}"])
def test_a_file_in_place_of_a_folder_takes_nothing_away(
    checking: Daemon, tmp_path: Path, place: str
) -> None:
    kept = victim(checking.drive)
    stranger = tmp_path / "stranger" / place
    stranger.parent.mkdir(parents=True)
    stranger.write_text("of a stranger")
    for options in (("-a",), ("-a", "--force"), ("-rR",)):
        checking.rsync(*options, f"{tmp_path}/stranger/", checking.url)
    assert kept.read_text() == "the only copy"


@pytest.mark.parametrize(
    "options",
    [
        ("-a",),
        ("-avz", "--partial", "--timeout=30"),
        ("-rtz", "--bwlimit=9000", "--partial-dir=.rsync-partial"),
        ("-aH", "--size-only", "--no-perms", "--delay-updates"),
        ("-a", "--ignore-existing", "--stats", "--itemize-changes", "-s"),
        ("-rlt", "--no-inc-recursive", "--whole-file", "--numeric-ids"),
    ],
)
def test_what_installed_cameras_may_use_goes_on(
    checking: Daemon, tmp_path: Path, options: tuple[str, ...]
) -> None:
    card = tmp_path / "card"
    (card / UUID).mkdir(parents=True)
    (card / UUID / "seg_0000.mp4").write_text("a")
    said = checking.rsync(*options, "--remove-source-files", f"{card}/", f"{checking.url}cam-1/")
    assert said.returncode == 0, said.stderr
    assert (checking.drive / "cam-1" / UUID / "seg_0000.mp4").read_text() == "a"
    assert not (card / UUID / "seg_0000.mp4").exists()
    (card / UUID / "seg_0000.mp4").write_text("another take")  # rsync's affair: kept by the takes
    said = checking.rsync(*options, f"{card}/", f"{checking.url}cam-1/")
    assert said.returncode == 0, said.stderr


def test_what_lies_in_reserved_folders_can_be_neither_read_nor_made(
    checking: Daemon, tmp_path: Path
) -> None:
    secret = checking.drive / "phone" / UUID / "location.csv"
    secret.parent.mkdir(parents=True)
    secret.write_text("48.1,11.5")
    for name in ("phone", "watch", "can", "logs"):
        (tmp_path / "stranger" / name / UUID).mkdir(parents=True)
        (tmp_path / "stranger" / name / UUID / "location.csv").write_text("0,0")
        checking.rsync("-a", f"{tmp_path}/stranger/{name}/", f"{checking.url}{name}/")
    checking.rsync("-a", f"{tmp_path}/stranger/", checking.url)
    assert secret.read_text() == "48.1,11.5"
    made = [path for path in checking.drive.rglob("*") if path.is_file()]
    assert made == [secret]


@pytest.mark.parametrize("option", REPLACES + READS + ELSEWHERE + GIVES + TAKES)
def test_a_key_asks_for_such_an_option_without_effect(
    over_ssh: list[str], tmp_path: Path, option: str
) -> None:
    kept = victim(tmp_path / "drive")
    own = tmp_path / "drive" / "cam-1" / OTHER / "seg_0000.mp4"
    own.parent.mkdir(parents=True)
    own.write_text("its own, delivered")
    option = option.format(other=OTHER, here=tmp_path)
    assert deliver_over_ssh(over_ssh, tmp_path, option).returncode != 0
    assert kept.read_text() == "the only copy"
    assert own.read_text() == "its own, delivered"
    assert not (tmp_path / "drive" / "cam-1" / UUID).exists()


def test_a_connection_that_asks_for_nothing_is_ended(tmp_path: Path) -> None:
    """And one that delivers meanwhile is not, however long it takes."""
    claim = claim_port()
    drive = tmp_path / "drive"
    drive.mkdir()
    text = CONFIG.read_text("utf-8").replace("/run/ctlr-rsyncd", str(tmp_path))
    text = text.replace("@LOGGING@", f"{drive}\n    uid = {os.getuid()}\n    gid = {os.getgid()}")
    text = text.replace("/opt/ctlr/current/bin/ctlr-check-mount logging", "true")
    config = tmp_path / "rsyncd.conf"
    config.write_text(text.replace("port = 873", f"port = {claim.number}\naddress = 127.0.0.1"))
    serving = subprocess.Popen(["sh", str(CONFIG.with_name("serve")), str(config), "1"])
    try:
        _wait_for(claim.number)
        sent = tmp_path / "seg_0000.mp4"
        sent.write_bytes(os.urandom(60_000))
        url = f"rsync://127.0.0.1:{claim.number}/logging/cam-1/"
        slow = subprocess.Popen(["rsync", "-a", "--bwlimit=10", str(sent), url])
        silent = socket.create_connection(("127.0.0.1", claim.number), timeout=60)
        greeted = socket.create_connection(("127.0.0.1", claim.number), timeout=60)
        greeted.sendall(b"@RSYNCD: 31.0\n")
        for connection in (silent, greeted):
            with connection:
                while connection.recv(1000):
                    pass
        assert slow.wait(60) == 0
        assert (drive / "cam-1" / "seg_0000.mp4").read_bytes() == sent.read_bytes()
    finally:
        serving.terminate()
        serving.wait(20)
        claim.release()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", claim.number)) != 0, "the daemon goes with it"
