"""The two programs from outside that a rig needs: an MQTT broker and an rsync daemon.

Both run as the present user on one address and keep nothing but what they are sent.
"""

import os
import pwd
import shutil
from pathlib import Path

from ctlr.simulator.child import RigError

_SBIN = "/usr/sbin"  # not on an ordinary user's PATH in Debian; mosquitto lives there


def find_program(name: str, package: str) -> str:
    """Path of a program. Raises ``RigError`` naming the Debian package to install."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{_SBIN}")
    if found is None:
        raise RigError(f"{name} is not installed. Run: sudo apt-get install {package}")
    return found


def broker_command(folder: Path, host: str, port: int) -> list[str]:
    """Write a broker's configuration into ``folder``; returns the command that runs it."""
    config = folder / "mosquitto.conf"
    config.write_text(
        f"listener {port} {host}\n"
        "allow_anonymous true\n"
        "persistence false\n"
        "log_dest stdout\n"
        f"user {_user_name()}\n"
    )
    return [find_program("mosquitto", "mosquitto"), "-c", str(config)]


def rsync_daemon_command(folder: Path, host: str, port: int, logging: Path) -> list[str]:
    """Write an rsync daemon's configuration with one module, ``logging``; returns its command."""
    config = folder / "rsyncd.conf"
    as_root = "uid = root\ngid = root\n" if os.getuid() == 0 else ""
    config.write_text(
        f"port = {port}\n"
        f"address = {host}\n"
        "use chroot = no\n"
        f"{as_root}"
        "timeout = 30\n"
        "[logging]\n"
        f"path = {logging}\n"
        "read only = no\n"
        "write only = yes\n"
    )
    rsync = find_program("rsync", "rsync")
    return [rsync, "--daemon", "--no-detach", f"--config={config}", "--log-file=/dev/stdout"]


def _user_name() -> str:
    return pwd.getpwuid(os.getuid()).pw_name
