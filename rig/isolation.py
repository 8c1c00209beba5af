"""A run keeps to itself: networks, mounts and processes of its own, gone when it ends.

The driver starts itself again under unshare(1). What it boots, mounts and connects there is seen
by nobody else, and the kernel ends and unmounts all of it with the driver's last process, however
that ends. Two runs at a time do not disturb each other.
"""

import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path

from rig.lan import make_bridge
from rig.shell import ShellError, sh

_MOUNT_POINT = 4  # field of a line of /proc/self/mountinfo
_MARK = "CTLR_RIG_ISOLATED"


def enter_isolation() -> None:
    """Does not return the first time: the program begins again inside. Needs root. Raises
    ``ShellError``."""
    if os.environ.get(_MARK) != "1":
        apart = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        sh([*apart, "true"])  # the program that takes this one's place could only fail
        command = [*apart, sys.executable, *sys.orig_argv[1:]]
        os.execvpe(command[0], command, os.environ | {_MARK: "1"})
    # unshare has cut these mounts off from everybody else's. The machines' own copies follow them,
    # so that what is unmounted here is unmounted everywhere.
    sh(["mount", "--make-rshared", "/"])
    # systemd-nspawn keeps locks and links there, which are no other run's business.
    own = Path("/run/systemd/nspawn")
    own.mkdir(parents=True, exist_ok=True)
    sh(["mount", "-t", "tmpfs", "rig", own])
    make_bridge()


def remove_run(folder: Path) -> None:
    """Remove a run's folder, with the layers that are still mounted below it. Never raises."""
    table = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape").splitlines()
    places = [line.split(" ")[_MOUNT_POINT] for line in table]
    for place in reversed(places):  # the last mounted first
        if place.startswith(f"{folder}/"):
            with suppress(ShellError):
                sh(["umount", place])
    shutil.rmtree(folder, ignore_errors=True)
