"""What must be known of the drive across processes and restarts, in one small file.

``drive.json`` lies in the state folder on the system disk, beside the database. The controller
writes it; the watcher and ``ctlr-check-mount`` read it. It holds which volumes a person has
ejected, of which that is under way, and which device may be written to as which volume. It
counts for the boot that it was written in: after a restart of the machine fstab mounts what is
there, and the controller checks it again.

Standard library only, as ``ctlr-check-mount`` runs before each transfer.
"""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ctlr.kernel.atomic import write_atomic

NAME = "drive.json"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class DriveRecord:
    """``ejected``: volumes that stay away until a person mounts them; ``ejecting``: volumes whose
    unmounting was begun and neither finished nor undone; ``stopped``: services that it stopped;
    ``open``: the device number (of a folder: "") of each volume that is well; ``held``: why one
    takes nothing all the same."""

    ejected: tuple[str, ...] = ()
    ejecting: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()
    open: dict[str, str] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)


def read_record(folder: Path) -> DriveRecord:
    """The record of this boot; an empty one where there is none that can be used."""
    try:
        values = json.loads((folder / NAME).read_bytes())
        if values["boot_id"] != boot_id():
            return DriveRecord()
        return DriveRecord(
            ejected=tuple(map(str, values["ejected"])),
            ejecting=tuple(map(str, values["ejecting"])),
            stopped=tuple(map(str, values["stopped"])),
            open={str(name): str(number) for name, number in values["open"].items()},
            held={str(name): str(reason) for name, reason in values["held"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return DriveRecord()


def write_record(folder: Path, record: DriveRecord) -> None:
    """Keep the record, whole or not at all. Raises ``OSError``."""
    folder.mkdir(parents=True, exist_ok=True)
    content = json.dumps({"boot_id": boot_id(), **asdict(record)})
    write_atomic(folder / NAME, content.encode())
    os.chmod(folder / NAME, 0o644)  # rsync asks under users of its own


def boot_id() -> str:
    return _BOOT_ID.read_text("ascii").strip()
