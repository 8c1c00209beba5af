"""In which of the camera's takes each segment of a folder came.

A kept file says it in its name. Of one under its plain name, its second name in ``.takes`` tells,
found by size and time, so that a copy of the disk tells the same; one that has none came last.
"""

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from ctlr.layout.raw import TAKES_FOLDER, KeptName, parse_kept_name
from ctlr.postprocess.video.facts import FoundFile

_Ledger = dict[str, list[tuple[KeptName, tuple[int, int]]]]
"""By plain name: what second names say, with size and time of the file."""


def in_takes(folder: Path, segments: Sequence[FoundFile]) -> list[FoundFile]:
    """The segments with their takes. Raises ``OSError``."""
    shown = [parse_kept_name(file.path) for file in segments]
    held = _held_names(folder / TAKES_FOLDER)
    if not any(shown) and all(kept.take == kept.version == 1 for kept in held.values()):
        return list(segments)  # it never began again
    ledger = _read(folder / TAKES_FOLDER, held)
    newest = max(kept.take for kept in (*held.values(), *filter(None, shown)))
    return [
        file._replace(take=said.take, version=said.version)
        if said
        else _placed(file, ledger.get(file.path, []), newest)
        for file, said in zip(segments, shown, strict=True)
    ]


def _placed(
    file: FoundFile, known: Sequence[tuple[KeptName, tuple[int, int]]], newest: int
) -> FoundFile:
    same = [kept for kept, seen in known if seen == (file.size, file.mtime_ns)]
    if same:
        last = max(same, key=lambda kept: (kept.take, kept.version))
        return file._replace(take=last.take, version=last.version)
    version = 1 + max((kept.version for kept, _ in known if kept.take == newest), default=0)
    return file._replace(take=newest, version=version)


def _held_names(takes: Path) -> dict[str, KeptName]:
    try:
        names = os.listdir(takes)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    return {name: kept for name in names if (kept := parse_kept_name(name))}


def _read(takes: Path, held: dict[str, KeptName]) -> _Ledger:
    ledger: _Ledger = defaultdict(list)
    for name, kept in held.items():
        status = os.stat(takes / name, follow_symlinks=False)
        ledger[kept.plain].append((kept, (status.st_size, status.st_mtime_ns)))
    return ledger
