"""A run keeps to itself: networks, mounts and processes of its own, gone when it ends.

The driver starts itself again under unshare(1). What it boots, mounts and connects there is seen
by nobody else, and the kernel ends and unmounts all of it with the driver's last process, however
that ends. Two runs at a time do not disturb each other.
"""

import os
import sys
from pathlib import Path

from rig.lan import make_bridge
from rig.shell import sh

_MARK = "CTLR_RIG_ISOLATED"


def enter_isolation() -> None:
    """Does not return the first time: the program begins again inside. Needs root."""
    if os.environ.get(_MARK) != "1":
        namespaces = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        environment = os.environ | {_MARK: "1"}
        command = ["unshare", *namespaces, sys.executable, *sys.orig_argv[1:]]
        os.execvpe(command[0], command, environment)
    # unshare has cut these mounts off from everybody else's. The machines' own copies follow them,
    # so that what is unmounted here is unmounted everywhere.
    sh(["mount", "--make-rshared", "/"])
    # systemd-nspawn keeps locks and links there, which are no other run's business.
    own = Path("/run/systemd/nspawn")
    own.mkdir(parents=True, exist_ok=True)
    sh(["mount", "-t", "tmpfs", "rig", own])
    make_bridge()
