"""Starting and stopping the three services that use the drive.

Without systemd as the first process there are no services of ours to stop: the answers say so
(``managed: false``) and nothing is done.
"""

import os
from typing import Any

from ctlr.kernel.errors import Refusal
from ctlr.storage.privileged.commands import run_command

SYSTEMCTL_S = 15.0


def has_systemd() -> bool:
    """Whether systemd is the first process here (sd_booted(3))."""
    return os.path.isdir("/run/systemd/system")


def start(unit: str) -> dict[str, Any]:
    """Start a service that is installed."""
    if not _is_installed(unit):
        return {"managed": False}
    return {"managed": True, **_change("start", unit)}


def stop(unit: str) -> dict[str, Any]:
    """Stop a service; ``was_active`` tells whether there was something to stop."""
    if not _is_installed(unit):
        return {"managed": False, "was_active": False}
    was_active = _show(f"{unit}.service", "ActiveState") in ("active", "activating", "reloading")
    return {"managed": True, "was_active": was_active, **_change("stop", unit)}


def _is_installed(unit: str) -> bool:
    return has_systemd() and _show(f"{unit}.service", "LoadState") == "loaded"


def _change(verb: str, unit: str) -> dict[str, Any]:
    done = run_command(["systemctl", verb, f"{unit}.service"], SYSTEMCTL_S)
    if done.returncode:
        raise Refusal("unit_failed", f"{unit} did not {verb}: {done.last_line}.")
    return {}


def _show(unit: str, name: str) -> str:
    command = ["systemctl", "show", "--value", "--property", name, unit]
    return run_command(command, SYSTEMCTL_S).output.strip()
