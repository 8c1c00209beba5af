"""The account at the end of every scenario, taken from the disks: what must hold, and what did not.

- No finished segment is lost: each that a witness saw is on the drive or still on its camera, with
  the same SHA-256.
- Every session has ended: its manifest says complete and verified, or names what is missing.
- Nothing lies below a mount point while nothing is mounted there; both file systems pass fsck.
- The API answered within its limit all the time that it was meant to.
- Every unit is active.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from rig.drive import Drive, loop_over
from rig.machine import Machine, at_once
from rig.prober import Probe
from rig.shell import ShellError, sh
from rig.stage import CAMERA_UNITS, CONTROLLER_UNITS, SEEN, SPOOL, Stage, wait_until_active

API_LIMIT_MS = 100.0
DONE_DEADLINE_S = 240.0
_HASH = "find {} -type f {} -exec sha256sum {{}} +"


@dataclass
class Account:
    """``problems`` and what took too long (``late``) in words, none when all is well; the rest is
    what the table shows."""

    problems: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    finished: int = 0
    lost: int = 0
    worst_ms: float = 0.0
    probes: int = 0
    manifests: dict[str, dict[str, Any]] = field(default_factory=dict)


def take(
    stage: Stage,
    sessions: Sequence[str],
    probes: Sequence[Probe],
) -> Account:
    """Wait for the sessions to end, take stock, shut everything down and look at the drive.

    The drive must be in place. The machines are off afterwards.
    """
    account = Account()
    for session in sessions:
        _take_session(stage, session, account)
    _take_segments(stage, account)
    _take_units(stage, account)
    take_probes(probes, API_LIMIT_MS * stage.slowness, account)
    account.problems += below_mount_points(stage.controller)
    at_once(lambda machine: machine.shut_down(), stage.machines)
    account.problems += check_drive(stage.drive)
    return account


def _take_session(stage: Stage, session: str, account: Account) -> None:
    try:
        found = stage.phone.wait(
            f"/api/sessions/{session}",
            lambda seen: seen["state"] in {"done", "failed"} and _manifest(stage, seen),
            DONE_DEADLINE_S,
            f"session {session} ends",
        )
    except Exception as error:
        account.problems.append(str(error))
        return
    manifest = _manifest(stage, found)
    account.manifests[session] = manifest
    if not manifest.get("verified_at"):
        account.problems.append(f"session {session} is not verified")
    if not manifest["complete"] and not _names_what_is_missing(manifest):
        account.problems.append(f"session {session} is incomplete and does not say what is missing")


def _names_what_is_missing(manifest: dict[str, Any]) -> bool:
    sources = manifest["sources"].values()
    return bool(manifest["missing"]) or any(
        source.get("error") or source.get("gaps") or source.get("problems") for source in sources
    )


def _manifest(stage: Stage, session: dict[str, Any]) -> dict[str, Any]:
    """The manifest once it is verified; empty before."""
    path = f"/mnt/sync/{session['folder']}/manifest.json"
    read = stage.controller.run(["cat", path], check=False)
    manifest: dict[str, Any] = json.loads(read.stdout) if read.returncode == 0 else {}
    return manifest if manifest.get("verified_at") else {}


def _take_segments(stage: Stage, account: Account) -> None:
    held = _hashes(stage.controller, "/mnt/logging", "-name 'seg_*.mp4'")
    for camera in stage.cameras:
        spooled = set(_hashes(camera, SPOOL, "-name 'seg_*.mp4'").values())
        here = {digest for path, digest in held.items() if f"/{camera.name}/" in path}
        for segment, digest in newest_of(_hashes(camera, SEEN, "")).items():
            account.finished += 1
            if digest not in here | spooled:
                account.lost += 1
                account.problems.append(f"{camera.name}: {segment} was finished and is lost")


def _hashes(machine: Machine, folder: str, which: str) -> dict[str, str]:
    """SHA-256 by path below a folder; empty where it is not there."""
    found = machine.run(["sh", "-c", _HASH.format(folder, which)], check=False, deadline_s=120)
    pairs = (line.split("  ", 1) for line in found.stdout.splitlines())
    return {path: digest for digest, path in pairs}


def newest_of(seen: dict[str, str]) -> dict[str, str]:
    """By session and segment, without the inode: a segment that is written again replaces the old."""
    newest: dict[str, tuple[int, str]] = {}
    for path, digest in seen.items():
        segment, _, inode = path.rsplit("/", 1)[-1].rpartition(".")
        newest[segment] = max(newest.get(segment, (0, "")), (int(inode), digest))
    return {segment: digest for segment, (_inode, digest) in newest.items()}


def _take_units(stage: Stage, account: Account) -> None:
    expected: list[tuple[Machine, Sequence[str]]] = [(stage.controller, CONTROLLER_UNITS)]
    expected += [(camera, CAMERA_UNITS) for camera in stage.cameras]
    for machine, units in expected:
        try:
            wait_until_active(machine, units, stage.up_deadline_s)
        except TimeoutError as error:
            account.problems.append(str(error))
        failed = machine.run(["systemctl", "list-units", "--failed", "--plain", "--no-legend"])
        account.problems += [
            f"{machine.name}: failed: {line}" for line in failed.stdout.splitlines()
        ]


def take_probes(probes: Sequence[Probe], limit_ms: float, account: Account) -> None:
    account.probes = len(probes)
    account.worst_ms = max((probe.took_ms for probe in probes), default=0.0)
    failed = [probe for probe in probes if probe.status != 200]
    slow = [probe for probe in probes if probe.took_ms > limit_ms]
    if not probes:
        account.problems.append("the API was not probed")
    if failed:
        account.problems.append(
            f"{len(failed)} of {len(probes)} requests failed; the first: {failed[0]}"
        )
    if slow:
        worst = max(slow, key=lambda probe: probe.took_ms)
        account.late.append(
            f"{len(slow)} of {len(probes)} answers took longer than {limit_ms:g} ms; "
            f"the worst, {worst.path}: {worst.took_ms:.0f} ms"
        )


def below_mount_points(controller: Machine) -> list[str]:
    """What lies on the system disk where the drive belongs, seen beneath what is mounted there."""
    look = "mkdir -p {0}; mount --bind / {0}; find {0}/mnt -mindepth 2; umount {0}"
    found = controller.run(["sh", "-c", look.format("/run/rig-beneath")])
    return [f"{path} lies below an empty mount point" for path in found.stdout.splitlines()]


def check_drive(drive: Drive) -> list[str]:
    """Both file systems, checked without repairing; the drive is in no port."""
    checks: Iterable[tuple[int, int, list[str]]] = (
        (drive.logging.offset, drive.logging.length, ["fsck.ext4", "-f", "-n"]),
        (drive.sync.offset, drive.sync.length, ["fsck.exfat", "-n"]),
    )
    problems = []
    for offset, length, command in checks:
        with loop_over(drive.image, offset, length) as device:
            try:
                sh([*command, device])
            except ShellError as error:
                problems.append(f"the drive does not pass: {error}")
    return problems
