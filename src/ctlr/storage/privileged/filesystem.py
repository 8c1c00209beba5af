"""Checks a file system that is not mounted, and repairs what is safe to repair.

ext4: ``fsck -p`` repairs what needs no decision; more is left to a person, as it is the only
copy of the raw data. exFAT has no journal and is marked dirty by every pull; what ``-p`` leaves
is repaired with ``-y``, as what lies there can be made again from the raw data.
"""

from typing import Any

from ctlr.kernel.errors import Refusal
from ctlr.storage.privileged.commands import Done, run_command
from ctlr.storage.privileged.finding import Found, require_device
from ctlr.storage.privileged.policy import Volume
from ctlr.storage.privileged.release import require_free
from ctlr.storage.table import read_mounts

CHECK_S = 600.0
REPAIRED, LEFT = 1, 4
"""Bits of the exit code, fsck(8): errors were corrected; errors were left."""


def check(volume: Volume) -> dict[str, Any]:
    """Check and repair a volume; ``repaired`` tells whether there was something to.

    Raises ``Refusal``: ``absent``, ``mounted``, ``in_use`` (by a namespace that we don't see),
    ``damaged`` (a person is needed), ``hung``.
    """
    found = require_device(volume)
    if any(mount.device_number == found.number for mount in read_mounts()):
        raise Refusal(
            "mounted", f"The {volume.name} drive is mounted; it can only be checked unmounted."
        )
    require_free(found.device, found.number)
    done = _check(found)
    if done.returncode & ~REPAIRED:
        raise Refusal(
            "damaged",
            f"The {volume.name} drive ({found.device}) needs a person: its check ended with "
            f"{done.returncode} ({done.last_line}). Nothing is written to it until it is repaired.",
        )
    return {"repaired": bool(done.returncode & REPAIRED), "device": found.device}


def _check(found: Found) -> Done:
    if found.fs_type.startswith("ext"):
        return run_command(["e2fsck", "-p", found.device], CHECK_S)
    if found.fs_type == "exfat":
        done = run_command(["fsck.exfat", "-p", found.device], CHECK_S)
        if done.returncode & LEFT:
            done = run_command(["fsck.exfat", "-y", found.device], CHECK_S)
        return done
    raise Refusal("foreign", f"{found.device} holds {found.fs_type}, neither ext4 nor exFAT.")
