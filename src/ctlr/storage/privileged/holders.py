"""Who holds a mount: processes with a file, a folder, a program or a mapping on it.

Read from ``/proc`` alone: a file descriptor's ``fdinfo`` names the mount by its number, so not
one path of the drive is touched, which a dead drive would answer with silence. Bounded in time.
"""

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from ctlr.storage.table import read_mounts

SEARCH_S = 2.0
MOST_HOLDERS = 20
_UNIT = re.compile(r"/([^/]+\.(?:service|scope))(?:/|$)")

Holder = dict[str, Any]


def find_holders(path: str) -> list[Holder]:
    """The processes that keep ``path`` from being unmounted: ``{"pid", "process", "unit",
    "how", "name"}``, of which ``name`` is for people."""
    table = read_mounts()
    below = [m for m in table if m.mount_point == path or m.mount_point.startswith(f"{path}/")]
    ids = {str(mount.mount_id) for mount in below}
    found = []
    for pid in _processes():
        how = _hold(pid, path, ids)
        if how:
            found.append(_describe(pid, how))
        if len(found) == MOST_HOLDERS:
            break
    nested = [m for m in below if m.mount_point != path]
    found += [
        {"pid": 0, "process": "", "unit": "", "how": "mount", "name": f"the mount {m.mount_point}"}
        for m in nested
    ]
    return found


def find_mounters(number: str) -> list[Holder]:
    """The processes in whose namespace a device is mounted, one for each namespace."""
    found, seen = [], set()
    for pid in _processes():
        with suppress(OSError):
            namespace = os.readlink(f"/proc/{pid}/ns/mnt")
            if namespace in seen:
                continue
            seen.add(namespace)
            mounts = read_mounts(f"/proc/{pid}/mountinfo")
            if any(mount.device_number == number for mount in mounts):
                found.append(_describe(pid, "namespace"))
    return found


def _processes() -> Iterator[int]:
    until = time.monotonic() + SEARCH_S
    for name in os.listdir("/proc"):
        if time.monotonic() > until:
            return
        if name.isdigit() and int(name) != os.getpid():
            yield int(name)


def _hold(pid: int, path: str, ids: set[str]) -> str | None:
    """How a process holds a mount; None when it does not or has ended."""
    with suppress(OSError):
        for link in ("cwd", "root", "exe"):
            target = os.readlink(f"/proc/{pid}/{link}")
            if target == path or target.startswith(f"{path}/"):
                return link
    with suppress(OSError):
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                if _mount_id(pid, fd) in ids:
                    return "file"
    with suppress(OSError), open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as maps:
        if any(f" {path}/" in line for line in maps):
            return "mapping"
    return None


def _mount_id(pid: int, fd: str) -> str:
    with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii", errors="replace") as info:
        return next((line.split()[1] for line in info if line.startswith("mnt_id:")), "")


def _describe(pid: int, how: str) -> Holder:
    process, unit = _read(pid, "comm").strip() or "?", ""
    if match := _UNIT.search(_read(pid, "cgroup")):
        unit = match[1]
    name = f"{process} (process {pid}{f', {unit}' if unit else ''})"
    return {"pid": pid, "process": process, "unit": unit, "how": how, "name": name}


def _read(pid: int, name: str) -> str:
    try:
        with open(f"/proc/{pid}/{name}", encoding="utf-8", errors="replace") as file:
            return file.read(4096)
    except OSError:
        return ""
