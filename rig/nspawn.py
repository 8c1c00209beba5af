"""A machine by systemd-nspawn: boots in a second, shares the kernel of this one.

What only a kernel of its own shows (exFAT by the kernel, USB, its clock, its CAN buses) is qemu's
part; exFAT is FUSE's here.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from rig.cgroups import Cgroups
from rig.drive import Drive
from rig.lan import BRIDGE
from rig.layers import Layers
from rig.machine import RUN_DEADLINE_S, Completed, MachineError
from rig.ports import Ports

BOOT_DEADLINE_S = 60.0
OFF_DEADLINE_S = 60.0
POLL_S = 0.05
_ENVIRONMENT = [
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/root",
    "LANG=C.UTF-8",
]


class Container:
    """One booted Debian. ``binds`` are folders of this machine, shown read-only inside."""

    def __init__(
        self, name: str, address: str, layers: Layers, folder: Path, binds: dict[Path, str]
    ) -> None:
        self.name = name
        self.address = address
        self.layers = layers
        self.console = folder / "console.log"
        self._binds = binds
        self._ports = Ports()
        self._cgroups = Cgroups(name)
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._init = 0

    def boot(self) -> None:
        self.layers.mount()
        self.layers.flush()
        self._cgroups.make()
        with open(self.console, "ab") as console:
            self._nspawn = subprocess.Popen(
                [*self._cgroups.enter(), *self._command()],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )
        self._come_up()

    def run(
        self,
        argv: Sequence[str],
        *,
        check: bool = True,
        stdin: str | None = None,
        deadline_s: float = RUN_DEADLINE_S,
    ) -> Completed:
        if not self._init:
            raise MachineError(f"{self.name} is off.")
        enter = ["nsenter", "--target", str(self._init), "--all", "--wdns=/"]
        try:
            ended = subprocess.run(
                [*enter, "env", "-i", *_ENVIRONMENT, *argv],
                input=stdin,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=deadline_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise MachineError(
                f"{self.name}: {' '.join(argv)} did not end in {deadline_s:g} s."
            ) from error
        done = Completed(tuple(argv), ended.returncode, ended.stdout, ended.stderr)
        if check and done.returncode != 0:
            said = (done.stdout + done.stderr).rstrip().splitlines()[-30:]
            raise MachineError(
                "\n".join([f"{self.name}: {' '.join(argv)}: exit code {done.returncode}", *said])
            )
        return done

    def copy_in(self, source: Path, target: str) -> None:
        inside = self.layers.root / target.lstrip("/")
        inside.parent.mkdir(parents=True, exist_ok=True)
        _copy(source, inside)

    def copy_out(self, source: str, target: Path) -> None:
        """Through the first process's view, which has the mounts that were made inside."""
        root = Path(f"/proc/{self._init}/root") if self._init else self.layers.root
        _copy(root / source.lstrip("/"), target)

    def plug(self, drive: Drive, port: int = 0) -> None:
        self._ports.plug(drive, port, self.run if self._init else None)

    def pull(self, drive: Drive) -> None:
        self._ports.pull(drive, self.run if self._init else None)

    def device(self, drive: Drive, partition: int) -> str:
        """The kernel's name of a plugged drive's partition, such as ``loop3p1``."""
        return self._ports.device(drive, partition)

    def shut_down(self) -> None:
        self.run(["systemctl", "poweroff"])
        self._wait_until_off()

    def reboot(self) -> None:
        self.run(["systemctl", "reboot"])
        self._wait_until_off()
        self.boot()

    def cut_power(self) -> None:
        self._ports.die()
        self.layers.cut_power()
        self._kill()
        self.layers.unmount()

    def close(self) -> None:
        self._kill()
        self._ports.close()
        self._cgroups.remove()
        self.layers.remove()

    def _command(self) -> list[str]:
        return [
            "systemd-nspawn",
            *("--boot", f"--directory={self.layers.root}", f"--machine={self.name}"),
            *("--register=no", "--keep-unit", "--console=pipe", "--resolv-conf=off"),
            *("--network-veth", f"--network-bridge={BRIDGE}", "--bind=/dev/fuse"),
            *(f"--bind-ro={source}:{target}" for source, target in self._binds.items()),
        ]

    def _come_up(self) -> None:
        """Wait for the first process, show it its drives, let it start up."""
        until = time.monotonic() + BOOT_DEADLINE_S
        self._wait(until, self._find_init, "did not start")
        self._wait(until, self._has_mounts, "has no /dev and /sys of its own")
        # nspawn's own boot id is laid over the kernel's; a sandboxed service would not see it. So a
        # reboot of a container is no new boot to those who look at the id.
        self.run(["umount", "/proc/sys/kernel/random/boot_id"], check=False)
        self._ports.prepare(self.run)
        self._wait(until, self._is_up, "did not come up")

    def _find_init(self) -> bool:
        assert self._nspawn is not None
        pid = self._nspawn.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        self._init = next((int(child) for child in children if _is_init(int(child))), 0)
        return bool(self._init)

    def _has_mounts(self) -> bool:
        return self.run(["test", "-d", "/run/systemd/system"], check=False).returncode == 0

    def _is_up(self) -> bool:
        state = self.run(["systemctl", "is-system-running"], check=False).stdout.strip()
        return state in {"running", "degraded"}

    def _wait(self, until: float, is_done: Callable[[], bool], problem: str) -> None:
        while not is_done():
            if self._nspawn is None or self._nspawn.poll() is not None or time.monotonic() > until:
                last = self.console.read_text("utf-8", "replace").splitlines()[-20:]
                self._kill()
                raise MachineError("\n".join([f"{self.name} {problem}:", *last]))
            time.sleep(POLL_S)

    def _wait_until_off(self) -> None:
        assert self._nspawn is not None
        try:
            self._nspawn.wait(OFF_DEADLINE_S)
        except subprocess.TimeoutExpired as error:
            raise MachineError(f"{self.name} does not shut down.") from error
        self._nspawn, self._init = None, 0
        self.layers.unmount()

    def _kill(self) -> None:
        if self._nspawn is None:
            return
        if self._init:
            with suppress(ProcessLookupError):
                os.kill(self._init, signal.SIGKILL)  # and with it everything inside
        with suppress(subprocess.TimeoutExpired):
            self._nspawn.wait(5)
        with suppress(ProcessLookupError):
            self._nspawn.kill()
        self._nspawn.wait()
        self._nspawn, self._init = None, 0


def _is_init(pid: int) -> bool:
    """Whether nspawn's child has become the container's first process already."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip() == "systemd"
    return False


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
    else:
        shutil.copy2(source, target)
