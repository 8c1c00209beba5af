"""A machine of its own: Debian's kernel, USB ports and a power cord, by emulation.

``qemu-system-x86_64`` in software (``-accel tcg``): a kernel may hang in ways that the host's
must not, and the host's own virtualization cannot run one. It boots in 20 to 30 s on two shared
cores and computes about six times slower than the host.

Its disks keep a log of what is written (``rig.qemu_disk``), so that ``cut_power`` and ``pull``
lose what was not flushed. A drive sits in a numbered port of a USB controller: pulling it is what
the kernel sees when somebody pulls the cable. Commands come in over a virtual serial line.
"""

import io
import json
import random
import shlex
import subprocess
import tarfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from rig.drive import Drive
from rig.json_socket import Agent, Monitor
from rig.machine import RUN_DEADLINE_S, Completed, MachineError
from rig.qemu_disk import QemuDisk
from rig.shell import ShellError, sh
from rig.write_log import Cut

BOOT_DEADLINE_S = 300.0
OFF_DEADLINE_S = 120.0
USB_PORTS = 4
_KERNEL_COMMAND_LINE = (
    "root=/dev/vda rw console=ttyS0 quiet loglevel=4 panic=10 mitigations=off "
    "net.ifnames=0 systemd.show_status=0"
)


@dataclass(frozen=True)
class VmImage:
    """What a machine starts from: a root file system as a disk, Debian's kernel and its initrd."""

    disk: Path
    kernel: Path
    initrd: Path

    @classmethod
    def in_folder(cls, folder: Path) -> "VmImage":
        return cls(folder / "disk.img", folder / "vmlinuz", folder / "initrd")


class QemuMachine:
    """A ``rig.machine.Machine`` on a network bridge of the host.

    ``files`` are put into its root file system: who it is, beside ``address`` which it must agree
    with.
    ``chance`` decides what a power cut leaves; the same seed and the same writes leave the same.
    ``cuts`` tells what each cut took from each disk.
    """

    def __init__(
        self,
        name: str,
        address: str,
        image: VmImage,
        folder: Path,
        *,
        bridge: str,
        files: Mapping[str, str | None] | None = None,
        memory_mb: int = 1024,
        chance: random.Random | None = None,
    ) -> None:
        self.name = name
        self.address = address
        self.cuts: list[dict[str, Cut]] = []
        self._image = image
        self._folder = folder
        self._tap = f"tap-{name}"[:15]
        self._memory_mb = memory_mb
        self._chance = chance or random.Random()
        self._ports: dict[int, Drive] = {}
        self._disks: dict[str, QemuDisk] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._monitor: Monitor | None = None
        self._agent = Agent(folder / "agent.sock")
        folder.mkdir(parents=True, exist_ok=True)
        self._root = folder / "root.img"
        sh(["cp", "--sparse=always", "--reflink=auto", image.disk, self._root])
        sh(["ip", "tuntap", "add", self._tap, "mode", "tap"])
        sh(["ip", "link", "set", self._tap, "master", bridge, "up"])
        write_files(self._root, files or {}, folder)

    def boot(self) -> None:
        if self._process is not None:
            raise MachineError(f"{self.name} is on already")
        self._disks = {"root": QemuDisk("root", self._root, self._folder)}
        for port, drive in self._ports.items():
            node = f"usb{port}"
            self._disks[node] = QemuDisk(node, drive.image, self._folder)
        with open(self._folder / "qemu.log", "ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._open_monitor()
        self._agent.connect(BOOT_DEADLINE_S)
        self._wait_until_started()

    def run(
        self,
        argv: Sequence[str],
        *,
        check: bool = True,
        stdin: str | None = None,
        deadline_s: float = RUN_DEADLINE_S,
    ) -> Completed:
        done = self._agent.run(argv, stdin, deadline_s)
        if check and done.returncode:
            said = (done.stderr or done.stdout).strip()[-2000:]
            raise MachineError(f"{self.name}: {shlex.join(argv)}: {done.returncode}\n{said}")
        return done

    def copy_in(self, source: Path, target: str) -> None:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            archive.add(source, arcname=PurePosixPath(target).name)
        self._agent.write_file("/run/rig.tar", packed.getvalue())
        parent = str(PurePosixPath(target).parent)
        self.run(["mkdir", "-p", parent])
        unpack = ["tar", "-xf", "/run/rig.tar", "--no-same-owner", "-C", parent]
        self.run(unpack, deadline_s=OFF_DEADLINE_S)
        self.run(["rm", "/run/rig.tar"])

    def copy_out(self, source: str, target: Path) -> None:
        path = PurePosixPath(source)
        self.run(["tar", "-cf", "/run/rig.tar", "-C", str(path.parent), path.name])
        packed = io.BytesIO(self._agent.read_file("/run/rig.tar"))
        self.run(["rm", "/run/rig.tar"])
        with tarfile.open(fileobj=packed) as archive:
            for member in archive.getmembers():
                inside = PurePosixPath(member.name).relative_to(path.name)
                member.name = str(PurePosixPath(target.name) / inside)
                archive.extract(member, target.parent)

    def plug(self, drive: Drive, port: int = 0) -> None:
        if port in self._ports or not 0 <= port < USB_PORTS:
            raise MachineError(f"{self.name} has no free port {port}")
        if self._monitor is not None:
            node = f"usb{port}"
            disk = self._disks[node] = QemuDisk(node, drive.image, self._folder)
            self._monitor.call("blockdev-add", **disk.power_on())
            self._monitor.call("device_add", **_usb_device(port))
        self._ports[port] = drive

    def pull(self, drive: Drive) -> None:
        port = next((port for port, there in self._ports.items() if there is drive), None)
        if port is None:
            raise MachineError(f"{drive.image.name} is in no port of {self.name}")
        del self._ports[port]
        if self._monitor is None:
            return
        node = f"usb{port}"
        self._monitor.call("device_del", id=f"{node}-device")
        self._let_go(node)
        self.cuts.append({node: self._disks.pop(node).power_off(self._chance)})

    def write_log(self, drive: Drive) -> Path:
        """The log of what has been written to a drive since it was plugged in or switched on."""
        port = next(port for port, there in self._ports.items() if there is drive)
        return self._disks[f"usb{port}"].log

    def shut_down(self) -> None:
        with suppress(MachineError):  # it may be off before it has answered
            self.run(["systemctl", "--no-block", "poweroff"])
        try:
            self._running().wait(OFF_DEADLINE_S)
        except subprocess.TimeoutExpired as error:
            raise MachineError(f"{self.name} does not go down\n{self._console_tail()}") from error
        self._now_off(None)

    def reboot(self) -> None:
        before = self._boot_id()
        self.run(["systemctl", "--no-block", "reboot"])
        until = time.monotonic() + BOOT_DEADLINE_S
        while time.monotonic() < until:
            with suppress(MachineError):
                self._agent.close()
                self._agent.connect(5.0)
                if self._boot_id() != before:
                    self._wait_until_started()
                    return
            time.sleep(0.5)
        raise MachineError(f"{self.name} does not come up again\n{self._console_tail()}")

    def cut_power(self) -> None:
        process = self._running()
        process.kill()
        process.wait()
        self._now_off(self._chance)

    def close(self) -> None:
        self._end_process()
        with suppress(ShellError):
            sh(["ip", "link", "delete", self._tap])

    def _end_process(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self._agent.close()
        if self._monitor is not None:
            self._monitor.close()
            self._monitor = None

    def _command(self) -> list[str]:
        agent = f"socket,path={self._folder}/agent.sock,server=on,wait=off,id=agent"
        drives = [
            argument
            for node, disk in self._disks.items()
            for argument in (
                "-blockdev",
                json.dumps(disk.power_on()),
                "-device",
                "virtio-blk-pci,drive=root" if node == "root" else _usb_argument(node),
            )
        ]
        mac = "52:54:00:" + ":".join(f"{int(part):02x}" for part in self.address.split(".")[1:])
        return [
            *("qemu-system-x86_64", "-accel", "tcg,thread=multi", "-machine", "q35"),
            *("-cpu", "max", "-smp", "2", "-m", str(self._memory_mb)),
            *("-nodefaults", "-display", "none"),
            *("-kernel", str(self._image.kernel), "-initrd", str(self._image.initrd)),
            *("-append", _KERNEL_COMMAND_LINE),
            *("-serial", f"file:{self._folder}/console.log"),
            *("-qmp", f"unix:{self._folder}/monitor.sock,server=on,wait=off"),
            *("-device", "virtio-serial-pci", "-chardev", agent),
            *("-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0"),
            *("-netdev", f"tap,id=lan,ifname={self._tap},script=no,downscript=no"),
            *("-device", f"virtio-net-pci,netdev=lan,mac={mac}"),
            *("-device", "virtio-rng-pci"),
            *("-device", f"qemu-xhci,id=usb,p2={USB_PORTS},p3={USB_PORTS}"),
            *drives,
        ]

    def _open_monitor(self) -> None:
        path = self._folder / "monitor.sock"
        until = time.monotonic() + 30
        while self._running().poll() is None and time.monotonic() < until:
            with suppress(OSError):
                self._monitor = Monitor(path)
                return
            time.sleep(0.1)
        said = (self._folder / "qemu.log").read_text("utf-8", "replace")[-1000:]
        self._end_process()
        raise MachineError(f"{self.name} cannot be switched on: {said}")

    def _wait_until_started(self) -> None:
        """systemd has started everything, or given up on a part of it."""
        asked = ["systemctl", "is-system-running", "--wait"]
        state = self.run(asked, check=False, deadline_s=BOOT_DEADLINE_S).stdout.strip()
        if state not in {"running", "degraded"}:
            raise MachineError(f"{self.name} is {state!r} after the boot\n{self._console_tail()}")

    def _let_go(self, node: str) -> None:
        """Take the block device from under a drive that was pulled, once the port has let go."""
        assert self._monitor is not None
        for _ in range(100):
            try:
                self._monitor.call("blockdev-del", **{"node-name": node})
            except MachineError:
                time.sleep(0.05)
            else:
                return
        raise MachineError(f"{self.name} does not let go of {node}")

    def _now_off(self, chance: random.Random | None) -> None:
        self._end_process()
        left = {node: disk.power_off(chance) for node, disk in self._disks.items()}
        self._disks = {}
        if chance is not None:
            self.cuts.append(left)

    def _boot_id(self) -> str:
        return self.run(["cat", "/proc/sys/kernel/random/boot_id"]).stdout.strip()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise MachineError(f"{self.name} is off")
        return self._process

    def _console_tail(self) -> str:
        with suppress(OSError):
            text = (self._folder / "console.log").read_text("utf-8", "replace")
            return "\n".join(text.splitlines()[-20:])
        return ""


def _usb_device(port: int) -> dict[str, str]:
    node = f"usb{port}"
    return {
        "driver": "usb-storage",
        "id": f"{node}-device",
        "bus": "usb.0",
        "port": str(port + 1),
        "drive": node,
    }


def _usb_argument(node: str) -> str:
    device = _usb_device(int(node.removeprefix("usb")))
    driver = device.pop("driver")
    return ",".join([driver, *(f"{key}={value}" for key, value in device.items())])


def write_files(disk: Path, files: Mapping[str, str | None], folder: Path) -> None:
    """Put small files into an ext4 image in place of those that are there; None takes one away."""
    given = folder / "given"
    for path, text in files.items():
        commands = f"rm {path}\n"
        if text is not None:
            given.write_text(text)
            commands += f"write {given} {path}\nset_inode_field {path} uid 0\n"
        sh(["debugfs", "-w", "-f", "/dev/stdin", disk], stdin=commands)
    given.unlink(missing_ok=True)
