"""Power cuts while a session is made ready on the kernel's exFAT (fault D3).

The emulated machine publishes one session again and again; what it writes to the drive is logged
with every flush. From that one log the drive is rebuilt as cuts at random instants would have left
it, which tries a hundred cuts in the time of one boot. After each: the file system is repaired as
the watcher does it, and then the session's folder has no manifest, or every byte that its manifest
names is there. Once the machine was told that the session is ready, it has to be there.

A second folder is written beside it the careless way, copied and renamed without a flush. If the
cuts did not take some of those, they would prove nothing.
"""

import json
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xxhash

from rig.account import Account
from rig.drive import Drive, loop_over
from rig.machine import MachineError
from rig.qemu import QemuMachine
from rig.recorded import RecordedSession, record_session
from rig.scenario import Outcome, Stages, scenario
from rig.shell import sh
from rig.write_log import Entry, apply, read_entries

CARELESS = "careless"
ROUNDS, CUTS = 4, 100
_WORK = "/root/publish"
_OTHERS = ("ctlr-api", "mount-watcher", "log-subscriber", "can-listener")
_PUBLISH_S = 240.0


@dataclass(frozen=True)
class Window:
    """A span of the log, in entries, in which ``folder`` was said to be there."""

    folder: str
    begin: int
    end: int


@dataclass
class CutTally:
    """What the cuts left. ``broken`` must stay empty; ``careless_lost`` must not be 0."""

    cuts: int = 0
    promised: int = 0
    complete: int = 0
    unfinished: int = 0
    repaired: int = 0
    careless_lost: int = 0
    broken: list[str] = field(default_factory=list)


@scenario("a hundred power cuts while publishing, on the kernel's exFAT", short=0)
def cut_publishing(stages: Stages, chance: random.Random) -> Outcome:
    stage = stages.emulated_stage(chance)
    session = record_session(stage.folder / "recorded")
    before = stage.folder / "before.img"
    sh(["cp", "--sparse=always", stage.drive.image, before])
    machine, drive = stage.controller, stage.drive
    assert isinstance(machine, QemuMachine)
    machine.plug(drive)
    machine.boot()
    windows = publish_often(machine, drive, session, ROUNDS)
    log = stage.folder / "writes.log"
    sh(["cp", machine.write_log(drive), log])
    tally = try_cuts(log, before, drive, session.uuid, windows, CUTS, chance, stage.folder)
    print(f"  {tally}")
    outcome = Outcome(Account(problems=tally.broken, finished=tally.promised))
    outcome.account.lost = sum("said to be ready" in problem for problem in tally.broken)
    if not tally.careless_lost:
        outcome.account.problems.append("no cut took anything: they prove nothing")
    return outcome


def publish_often(
    machine: QemuMachine, drive: Drive, session: RecordedSession, rounds: int
) -> list[Window]:
    """Publish and remove the session ``rounds`` times; when it was said to be there."""
    _prepare(machine, drive, session)
    machine.run(["sysctl", "-q", "vm.dirty_expire_centisecs=50", "vm.dirty_writeback_centisecs=50"])
    windows = []
    for _ in range(rounds):
        publish = ["ctlr", "--config", f"{_WORK}/ctlr.toml", "postprocess", "--uuid", session.uuid]
        machine.run(publish, deadline_s=_PUBLISH_S)
        begin = _entries(machine, drive)
        copy = f"cd /mnt/sync && cp -r {session.uuid} .copy && mv .copy {CARELESS}"
        machine.run(["sh", "-c", copy])
        careless_from = _entries(machine, drive)
        machine.run(["sleep", "3"])  # the kernel begins to write it by itself, without a flush
        end = _entries(machine, drive)
        windows += [Window(session.uuid, begin, end), Window(CARELESS, careless_from, end)]
        # The manifest goes first, as when the product changes a folder. The folder's entries fill two
        # sectors; a cut between these would leave the manifest and take the videos that rm removed.
        for gone in (f"{session.uuid}/manifest.json", f"{session.uuid} /mnt/sync/{CARELESS}"):
            machine.run(["sh", "-c", f"rm -r /mnt/sync/{gone} && sync -f /mnt/sync"])
    return windows


def try_cuts(
    log: Path,
    before: Path,
    drive: Drive,
    uuid: str,
    windows: list[Window],
    cuts: int,
    chance: random.Random,
    folder: Path,
) -> CutTally:
    """Rebuild the drive from ``before``, its image before the log began, at ``cuts`` instants."""
    entries = read_entries(log)
    tally = CutTally()
    image = folder / "cut.img"
    for number in range(cuts):
        until = _instant(entries, windows, number, chance)
        sh(["cp", "--sparse=always", before, image])
        apply(log, image, chance, entries[:until])
        tally.cuts += 1
        with loop_over(image, drive.sync.offset, drive.sync.length) as device:
            tally.repaired += _repair(device)
            with _mounted(device, folder / "mnt") as mounted:
                _judge(tally, mounted, uuid, until, windows)
    return tally


def _prepare(machine: QemuMachine, drive: Drive, session: RecordedSession) -> None:
    machine.run(["systemctl", "stop", *_OTHERS], check=False)  # nobody else writes to the drive
    for part, fs_type, place in (
        (drive.logging, "ext4", "/mnt/logging"),
        (drive.sync, "exfat", "/mnt/sync"),
    ):
        machine.run(["sh", "-c", f"mountpoint -q {place} || mkdir -p {place}"])
        mount = ["mount", "-t", fs_type, f"/dev/disk/by-uuid/{part.uuid}", place]
        machine.run(["sh", "-c", f"mountpoint -q {place} || {' '.join(mount)}"])
    for node in session.logging.iterdir():
        machine.copy_in(node, f"/mnt/logging/{node.name}")
    machine.copy_in(session.database, f"{_WORK}/ctlr.db")
    machine.run(["tee", f"{_WORK}/ctlr.toml"], stdin=_settings())
    machine.run(["sync"])


def _settings() -> str:
    return f'[database]\npath = "{_WORK}/ctlr.db"\n[mqtt]\nspool = "{_WORK}/mqtt.db"\n'


def _entries(machine: QemuMachine, drive: Drive) -> int:
    return len(read_entries(machine.write_log(drive)))


def _instant(
    entries: list[Entry], windows: list[Window], number: int, chance: random.Random
) -> int:
    """Where to cut: anywhere, and every other time while something was said to be there."""
    if number % 2:
        window = chance.choice(windows)
        return chance.randint(window.begin, window.end)
    return chance.randint(windows[0].begin // 2, len(entries))


def _repair(device: str) -> bool:
    """As the watcher does before it mounts; True when there was something to repair."""
    first = subprocess.run(["fsck.exfat", "-p", device], capture_output=True, check=False)
    if first.returncode not in {0, 1}:
        subprocess.run(["fsck.exfat", "-y", device], capture_output=True, check=False)
    sh(["fsck.exfat", "-n", device])  # raises unless it is clean now
    return first.returncode != 0


@contextmanager
def _mounted(device: str, place: Path) -> Iterator[Path]:
    place.mkdir(exist_ok=True)
    sh(["mount.exfat-fuse", "-o", "ro", device, place])
    try:
        yield place
    finally:
        sh(["umount", place])


def _judge(tally: CutTally, mounted: Path, uuid: str, until: int, windows: list[Window]) -> None:
    promised = {window.folder for window in windows if window.begin <= until <= window.end}
    state = examine(mounted / uuid)
    if state is None:
        tally.complete += 1
    elif (mounted / uuid / "manifest.json").exists():
        tally.broken.append(f"cut after {until} writes: {state}")
    else:
        tally.unfinished += 1
    if uuid in promised:
        tally.promised += 1
        if state is not None:
            tally.broken.append(f"cut after {until} writes, when it was said to be ready: {state}")
    if CARELESS in promised and examine(mounted / CARELESS) is not None:
        tally.careless_lost += 1


def examine(folder: Path) -> str | None:
    """What is wrong with a session's folder; None when all that its manifest names is there."""
    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
        for name, source in manifest["sources"].items():
            file = folder / source["file"]
            if name == "can":
                _check_rows(file, source["frames"])
                continue
            for chunk in source["chunks"]:
                _check_chunk(file, chunk)
            if not source["chunks"]:
                return f"{name} has no chunks"
    except (OSError, ValueError, KeyError, MachineError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def _check_rows(table: Path, rows: int) -> None:
    if (found := table.read_text("ascii").count("\n") - 1) != rows:  # the first line is its header
        raise ValueError(f"{table.name} has {found} rows, its manifest says {rows}")


def _check_chunk(file: Path, chunk: dict[str, Any]) -> None:
    with open(file, "rb") as video:
        video.seek(chunk["offset"])
        data = video.read(chunk["length"])
    if len(data) != chunk["length"] or xxhash.xxh128_hexdigest(data) != chunk["xxh128"]:
        raise ValueError(f"{file.name} differs from its manifest at {chunk['offset']}")
