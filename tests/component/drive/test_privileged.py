"""The privileged verbs on a real disk: each does its one thing, and says what is in its way."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.component.drive.disks import Disk, run

from ctlr.config import StorageSettings
from ctlr.kernel.errors import Refusal
from ctlr.storage.mountinfo import mounts_at
from ctlr.storage.privileged import session
from ctlr.storage.privileged.policy import policy_of, read_policy
from ctlr.storage.privileged.verbs import perform
from ctlr.storage.table import read_table


def do(storage: StorageSettings, verb: str, target: str) -> dict[str, Any]:
    return perform(verb, target, policy_of(storage.model_dump(mode="json")))


def refused(storage: StorageSettings, verb: str, target: str) -> Refusal:
    with pytest.raises(Refusal) as raised:
        do(storage, verb, target)
    return raised.value


@pytest.fixture
def mounted(storage: StorageSettings) -> StorageSettings:
    do(storage, "mount", "logging")
    do(storage, "mount", "sync")
    return storage


def types_at(path: Path) -> list[str]:
    return [mount.fs_type for mount in mounts_at(read_table(), str(path))]


def test_mount_and_unmount(storage: StorageSettings, disk: Disk) -> None:
    for name, fs_type in (("logging", "ext4"), ("sync", "fuseblk")):
        path = getattr(storage, name)
        assert do(storage, "mount", name) == {"device": getattr(disk, name), "already": False}
        assert do(storage, "mount", name)["already"] is True
        assert types_at(path) in ([fs_type], ["exfat"])
        (path / "file").write_text("data")
        assert do(storage, "unmount", name)["unmounted"] == [getattr(disk, name)]
        assert types_at(path) == []
        assert do(storage, "unmount", name)["unmounted"] == []


def test_root_cannot_write_below_a_bare_mount_point(mounted: StorageSettings) -> None:
    do(mounted, "unmount", "logging")
    with pytest.raises(PermissionError):
        (mounted.logging / "lost").write_text("for ever")
    with pytest.raises(PermissionError):
        (mounted.logging / "melb-01-cam-01").mkdir()
    do(mounted, "mount", "logging")
    (mounted.logging / "kept").write_text("data")


def test_a_mount_point_is_never_guarded_while_mounted(mounted: StorageSettings) -> None:
    assert refused(mounted, "guard", "logging").code == "mounted"
    (mounted.logging / "kept").write_text("data")


def test_a_missing_mount_point_is_made(storage: StorageSettings) -> None:
    storage.logging.rmdir()
    assert do(storage, "guard", "logging") == {"immutable": True, "empty": True}


def test_m10_another_disk_is_not_mounted(storage: StorageSettings, tmp_path: Path) -> None:
    other = Disk(tmp_path / "other.img")
    try:
        gone = storage.model_copy(update={"logging_device": "UUID=01234567-89ab-4cde-8f01-000000"})
        assert refused(gone, "mount", "logging").code == "absent"
        found = do(gone, "find", "logging")
        assert found["found"] is None
        assert {"uuid": other.logging_uuid, "label": "ctlr-logging"} in [
            {"uuid": item["fs_uuid"], "label": item["label"]} for item in found["others"]
        ]
        assert types_at(storage.logging) == []
    finally:
        other.unplug()


def test_a_disk_is_found_by_label_and_by_partition(storage: StorageSettings, disk: Disk) -> None:
    part = run("blkid", "-p", "-s", "PART_ENTRY_UUID", "-o", "value", disk.logging).strip()
    for tag in (f"PARTUUID={part}", f"UUID={disk.logging_uuid}"):
        named = storage.model_copy(update={"logging_device": tag})
        assert do(named, "find", "logging")["found"]["device"] == disk.logging
    run("e2label", disk.logging, f"t{os.getpid()}")
    named = storage.model_copy(update={"logging_device": f"LABEL=t{os.getpid()}"})
    assert do(named, "find", "logging")["found"]["device"] == disk.logging


def test_m12_a_busy_volume_names_who_holds_it(mounted: StorageSettings) -> None:
    with (
        (mounted.logging / "held").open("w") as held,
        subprocess.Popen(["sleep", "60"], stdout=held) as holder,
    ):
        held.close()
        try:
            refusal = refused(mounted, "unmount", "logging")
            assert refusal.code == "busy"
            (found,) = do(mounted, "holders", "logging")["holders"]
            assert (found["pid"], found["process"]) == (holder.pid, "sleep")
            assert f"sleep (process {holder.pid}" in refusal.detail
            assert refusal.extra["holders"] == [found]
        finally:
            holder.kill()
    do(mounted, "unmount", "logging")


def test_a_working_folder_holds_too(mounted: StorageSettings) -> None:
    with subprocess.Popen(["sleep", "60"], cwd=mounted.sync) as holder:
        try:
            (found,) = do(mounted, "holders", "sync")["holders"]
            assert (found["pid"], found["how"]) == (holder.pid, "cwd")
        finally:
            holder.kill()


def test_release_is_refused_while_anything_is_mounted(mounted: StorageSettings) -> None:
    assert refused(mounted, "release", "drive").code == "in_use"
    do(mounted, "unmount", "logging")
    assert refused(mounted, "release", "drive").code == "in_use"


def test_a_free_disk_is_released(mounted: StorageSettings, disk: Disk) -> None:
    do(mounted, "unmount", "logging")
    do(mounted, "unmount", "sync")
    released = do(mounted, "release", "drive")
    assert released["released"] == sorted([disk.loop, disk.logging, disk.sync])


def test_m13_a_copy_of_the_mount_in_another_namespace_is_found(mounted: StorageSettings) -> None:
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", "echo in; read _"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as hidden:
        assert hidden.stdout is not None
        assert hidden.stdout.readline() == b"in\n"
        do(mounted, "unmount", "logging")
        do(mounted, "unmount", "sync")
        refusal = refused(mounted, "release", "drive")
        assert refusal.code == "in_use"
        assert str(hidden.pid) in refusal.detail
        hidden.communicate(b"\n")
    do(mounted, "release", "drive")


def test_m14_stacked_mounts_are_unwound(mounted: StorageSettings) -> None:
    run("mount", "-t", "tmpfs", "over-it", mounted.logging)
    assert types_at(mounted.logging) == ["ext4", "tmpfs"]
    assert refused(mounted, "mount", "logging").code == "occupied"
    do(mounted, "unmount", "logging")
    assert types_at(mounted.logging) == []


def test_check_repairs_what_is_safe(storage: StorageSettings, disk: Disk) -> None:
    assert do(storage, "check", "logging") == {"repaired": False, "device": disk.logging}
    run("debugfs", "-w", "-R", "set_super_value free_blocks_count 1", disk.logging)
    run("debugfs", "-w", "-R", "set_super_value state 0", disk.logging)
    assert do(storage, "check", "logging")["repaired"] is True
    assert do(storage, "check", "logging")["repaired"] is False


def test_m19_a_dirty_exfat_is_repaired_before_it_is_mounted(
    mounted: StorageSettings, disk: Disk
) -> None:
    do(mounted, "unmount", "sync")
    with open(disk.sync, "r+b") as device:
        device.seek(106)  # VolumeFlags: the drive was pulled while it was written to
        device.write(b"\x02\x00")
        os.fsync(device.fileno())
    assert do(mounted, "check", "sync")["device"] == disk.sync
    do(mounted, "mount", "sync")


def test_a_mounted_volume_is_not_checked(mounted: StorageSettings) -> None:
    assert refused(mounted, "check", "logging").code == "mounted"


def test_what_is_not_on_the_list_is_refused(storage: StorageSettings) -> None:
    wrong = [("mount", "drive"), ("mount", "/dev/sda1"), ("start", "ssh"), ("start", "logging")]
    wrong += [("release", "logging"), ("rm", "logging"), ("", ""), ("mount", "../logging")]
    for verb, target in wrong:
        assert refused(storage, verb, target).code == "unknown_verb"


def test_a_place_that_others_can_bend_is_refused(storage: StorageSettings, tmp_path: Path) -> None:
    os.symlink(storage.logging, tmp_path / "link")
    bent = storage.model_copy(update={"logging": tmp_path / "link"})
    assert refused(bent, "mount", "logging").code == "bad_config"
    open_to_all = tmp_path / "open"
    (open_to_all / "logging").mkdir(parents=True)
    open_to_all.chmod(0o777)
    bent = storage.model_copy(update={"logging": open_to_all / "logging"})
    assert refused(bent, "mount", "logging").code == "bad_config"


def test_the_configuration_must_be_roots_alone(tmp_path: Path) -> None:
    config = tmp_path / "ctlr.toml"
    config.write_text('[storage]\nlogging = "/mnt/logging"\n')
    config.chmod(0o644)
    assert read_policy(config)["logging"].path == "/mnt/logging"
    config.chmod(0o664)
    with pytest.raises(Refusal, match="only root can write"):
        read_policy(config)
    config.chmod(0o644)
    os.chown(config, 65534, 0)
    with pytest.raises(Refusal, match="only root can write"):
        read_policy(config)


@pytest.mark.parametrize(
    "request_",
    [
        b"\n",
        b"not json\n",
        b"[]\n",
        b'{"verb": "mount"}\n',
        b'{"verb": "mount", "target": "logging", "device": "/dev/sda1"}\n',
        b'{"verb": "mount", "target": "' + b"x" * 2000 + b'"}\n',
        b"[" * 900 + b"\n",
        b"",
    ],
)
def test_s11_garbage_is_refused(request_: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(request_)
        ours.shutdown(socket.SHUT_WR)
        assert session.serve(theirs)["code"] == "bad_request"


def test_s11_other_users_are_refused() -> None:
    name = f"\0ctlr-test-{os.getpid()}"
    program = f"import socket; s = socket.socket(socket.AF_UNIX); s.connect({name!r})"
    command = ["setpriv", "--reuid=65534", "--clear-groups", "/usr/bin/python3", "-I", "-c"]
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(name)
        listener.listen()
        subprocess.run([*command, f"{program}; s.send(b'{{}}')"], check=True, cwd="/")
        connection, _ = listener.accept()
        with connection:
            assert session.serve(connection)["code"] == "not_allowed"


def test_as_a_program_it_answers_one_line_on_its_standard_input() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            command = [Path(sys.executable).with_name("ctlr-privileged")]
            child = subprocess.Popen(command, stdin=theirs.fileno(), stderr=subprocess.DEVNULL)
        ours.sendall(b'{"verb": "open", "target": "sesame"}\n')
        with ours.makefile() as lines:
            answer = json.loads(lines.readline())
        assert child.wait(timeout=60) == 0
    assert answer["ok"] is False
    assert answer["code"] in {"unknown_verb", "bad_config"}
