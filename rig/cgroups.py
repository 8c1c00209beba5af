"""Control groups of a machine's own, in each hierarchy that systemd looks at.

Without them two machines would find each other's services in the same groups, and stop them.
"""

import os
import time
from contextlib import suppress
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
GONE_S = 5.0


class Cgroups:
    """One group in the unified hierarchy, and where there are old ones, in systemd's own."""

    def __init__(self, name: str) -> None:
        group = f"ctlr-rig-{os.stat('/proc/self/ns/pid').st_ino}-{name}"
        hierarchies = [ROOT, ROOT / "unified", ROOT / "systemd"]
        self._groups = [place / group for place in hierarchies if (place / "cgroup.procs").exists()]

    def make(self) -> None:
        for group in self._groups:
            group.mkdir(exist_ok=True)

    def enter(self) -> list[str]:
        """The beginning of a command that runs the rest in these groups."""
        join = "".join(f"echo $$ > {group}/cgroup.procs; " for group in self._groups)
        return ["sh", "-c", f'{join}exec "$@"', "sh"]

    def remove(self) -> None:
        """After the machine's end; what the kernel has not let go of yet is waited for."""
        for group in self._groups:
            until = time.monotonic() + GONE_S
            while group.is_dir() and time.monotonic() < until:
                for folder in sorted(group.rglob("*/"), reverse=True):
                    with suppress(OSError):
                        folder.rmdir()
                with suppress(OSError):
                    group.rmdir()
                    break
                time.sleep(0.05)
