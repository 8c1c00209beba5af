"""What can be seen of a mount without asking the drive: all of it is the kernel's own memory."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ctlr.config import StorageSettings
from ctlr.storage.blockdevices import has_udev_tags, is_plugged_in, name_of, number_of_tag
from ctlr.storage.drive_file import read_record
from ctlr.storage.known_volumes import is_certain
from ctlr.storage.mountinfo import Mount, mounts_at
from ctlr.storage.states import MountFacts, State, judge
from ctlr.storage.table import read_table


@dataclass(frozen=True)
class MountSnapshot:
    """The mounts on a path; whether the topmost one's device is plugged in; the number of the
    configured device, None while it is away; whether that can be looked up; and how many errors
    ext4 has counted on it."""

    there: tuple[Mount, ...] = ()
    plugged_in: bool = True
    expected: str | None = None
    named: bool = False
    errors: int = 0

    @property
    def ids(self) -> list[int]:
        return [mount.mount_id for mount in self.there]


def take_snapshot(path: Path, tag: str, table: str | None = None) -> MountSnapshot:
    """Look at a mount point whose file system has a tag ("": none is configured). ``table`` is the
    mount table where that has just been read."""
    there = tuple(mounts_at(table or read_table(), os.path.abspath(path)))
    number = there[-1].device_number if there else ""
    named = bool(tag) and has_udev_tags()
    return MountSnapshot(
        there,
        plugged_in=not there or is_plugged_in(number),
        expected=number_of_tag(tag) if named else None,
        named=named,
        errors=_count_errors(number),
    )


def _count_errors(number: str) -> int:
    """Since Linux 6.12 ext4 turns read-only after an error without showing it as ``ro``."""
    name = name_of(number)
    if name is None:
        return 0
    try:
        return int(Path(f"/sys/fs/ext4/{name}/errors_count").read_text("ascii"))
    except (OSError, ValueError):
        return 0


def mount_problem(storage: StorageSettings, name: Literal["logging", "sync"]) -> str | None:
    """Why nothing may be written below a mount, in words, as far as can be seen without asking
    it; None when it may. Never hangs."""
    return _find_problem(storage, take_snapshot(*_path_and_tag(storage, name)), ours=False)


def _find_problem(storage: StorageSettings, view: MountSnapshot, *, ours: bool) -> str | None:
    verdict = judge(
        MountFacts(
            there=view.there,
            plugged_in=view.plugged_in,
            expected=view.expected,
            named=view.named,
            must_be_mounted=storage.require_mounts,
            ours=ours,
        )
    )
    return None if verdict.state is State.MOUNTING else verdict.error


class CheckedMount:
    """The same for a service that writes by itself: called, it says why not, None when it may.

    A drive that is not known by its UUID may be a stranger's, so it is written to only once the
    controller has read its mark, as the record in ``folder`` tells; from then on for as long as
    it is mounted, though the controller may end.
    """

    def __init__(
        self, storage: StorageSettings, name: Literal["logging", "sync"], folder: Path
    ) -> None:
        self._storage = storage
        self._name = name
        self._folder = folder
        self._path, self._tag = _path_and_tag(storage, name)
        self._is_certain = is_certain(self._tag) or not storage.require_mounts
        self._checked: Mount | None = None

    def __call__(self) -> str | None:
        view = take_snapshot(self._path, self._tag)
        mount = view.there[-1] if view.there else None
        if mount != self._checked:
            self._checked = mount if mount is not None and self._is_checked(mount) else None
        if mount is not None and not self._is_certain and self._checked is None:
            return "the controller has not checked it"
        return _find_problem(self._storage, view, ours=self._checked is not None)

    def _is_checked(self, mount: Mount) -> bool:
        return read_record(self._folder).open.get(self._name) == mount.device_number


def _path_and_tag(storage: StorageSettings, name: Literal["logging", "sync"]) -> tuple[Path, str]:
    if name == "logging":
        return storage.logging, storage.logging_device
    return storage.sync, storage.sync_device
