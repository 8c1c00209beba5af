"""What is known of the drive by udev's links, made here in a ``/dev`` of the test's own."""

import subprocess
import sys
from pathlib import Path

from tests.component.drive.disks import Disk

from ctlr.storage.blockdevices import number_of

KNOWS_BY_LINK = """
import asyncio, json, os, sys
from pathlib import Path

from ctlr.config import StorageSettings
from ctlr.kernel.clock import SystemClock
from ctlr.storage.privileged_client import PrivilegedClient
from ctlr.storage.finder import Finder
from ctlr.storage.monitor import StorageMonitor
from ctlr.storage.states import State

folder = Path(sys.argv[1])
device = sorted(os.listdir("/sys/class/block"))[0]
number = Path(f"/sys/class/block/{device}/dev").read_text().strip()
links = Path("/dev/disk/by-uuid")
links.mkdir(parents=True)
link = links / "AAAA-0001"
link.symlink_to(f"../../{device}")

asked = {"controller": [], "watcher": []}

async def main():
    monitors = {role: await start(role) for role in asked}
    while asked["controller"].count("sync") < 2:
        await asyncio.sleep(0.01)
    assert asked == {"controller": ["sync"] * 2, "watcher": []}, asked
    for monitor in monitors.values():
        assert monitor.knows_device("logging") and monitor.knows_device("sync")
        assert (monitor.expected_at("logging"), monitor.expected_at("sync")) == (number, None)
    told = monitors["controller"].states
    assert told["logging"].error == "plugged in, but not mounted", told
    assert (told["sync"].state, told["sync"].error) == (
        State.FOREIGN, "another drive is plugged in (/dev/sdz1, holiday)"
    ), told
    assert monitors["watcher"].states["sync"].error == "not plugged in"

    link.unlink()
    while "logging" not in asked["controller"]:
        await asyncio.sleep(0.01)
    assert monitors["controller"].expected_at("logging") is None

async def start(role):
    async def answer(reader, writer):
        request = json.loads(await reader.readline())
        assert request["verb"] == "find", request
        asked[role].append(request["target"])
        found = {"found": None, "others": [{"device": "/dev/sdz1", "label": "holiday"}]}
        writer.write(json.dumps({"ok": True, "result": found}).encode() + b"\\n")
        writer.close()

    socket = folder / f"{role}.sock"
    servers.append(await asyncio.start_unix_server(answer, socket))
    storage = StorageSettings(
        logging=folder / "logging", sync=folder / "sync", require_mounts=True,
        logging_device="UUID=AAAA-0001", sync_device="UUID=AAAA-0002", privileged_socket=socket,
    )
    clock = SystemClock()
    monitor = StorageMonitor(storage, "node", folder, clock)
    finder = Finder(PrivilegedClient(storage), monitor, clock, names_others=role == "controller")
    loops.extend(map(asyncio.create_task, (monitor.watch_forever(), finder.run_forever())))
    return monitor

servers, loops = [], []
asyncio.run(asyncio.wait_for(main(), 60))
"""


FINDS_BY_LINK = """
import os, sys
from pathlib import Path

from ctlr.storage.privileged.finding import find_device
from ctlr.storage.privileged.policy import Volume

device, uuid, number = sys.argv[1:]
major, minor = map(int, number.split(":"))
os.mknod(device, 0o60600, os.makedev(major, minor))
os.mknod("/dev/null", 0o20666, os.makedev(1, 3))
links = Path("/dev/disk/by-uuid")
links.mkdir(parents=True)
for name in (uuid, "a-drive-that-was-pulled"):
    (links / name).symlink_to(f"../../{os.path.basename(device)}")
found = find_device(Volume("logging", "/mnt/logging", f"UUID={uuid}"))
assert found and (found.device, found.number, found.fs_uuid) == (device, number, uuid), found
assert find_device(Volume("logging", "/mnt/logging", "UUID=a-drive-that-was-pulled")) is None
assert find_device(Volume("logging", "/mnt/logging", "UUID=never-seen")) is None
"""


def _run_with_its_own_dev(program: str, *arguments: str | Path) -> None:
    with_its_own_dev = 'mount -t tmpfs dev /dev && exec "$@"'
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", with_its_own_dev, "sh"]
    subprocess.run([*command, sys.executable, "-c", program, *arguments], check=True)


def test_nobody_is_asked_for_a_device_that_is_linked(tmp_path: Path) -> None:
    """As in a sandboxed service, which is shown the links and none of the devices."""
    _run_with_its_own_dev(KNOWS_BY_LINK, tmp_path)


def test_a_link_that_leads_to_another_drive_already_is_not_followed(disk: Disk) -> None:
    number = str(number_of(disk.logging))
    _run_with_its_own_dev(FINDS_BY_LINK, disk.logging, disk.logging_uuid, number)
