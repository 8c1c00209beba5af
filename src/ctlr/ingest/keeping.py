"""A second name for every segment that lies in a camera's folder, so that nothing can replace it.

An installed camera's rsync writes under a hidden name and renames over what is there. So whatever
is seen under its final name gets a hard link in the folder's ``.takes`` at once, named for the
camera's take (``seg_0003.take1.mp4``): a rename over the old name then takes only a name away. No
camera can write there, the folder is the controller's own. What was replaced is shown again beside
what came, under that name. Bytes count, not names: a file that comes again as it was is no other.

Where a file system or its owner forbids a hard link, a copy stands in for it. Links are not
flushed: a journal keeps the order, and a replacement that survives a power cut comes after the link.
"""

import errno
import os
import secrets
import shutil
import stat
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import NamedTuple

import structlog

from ctlr.layout.raw import TAKES_FOLDER, held_name, kept_name, parse_kept_name

_NO_LINK = {errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}
_CHUNK = 1 << 20
_log = structlog.get_logger("ingest")


class _File(NamedTuple):
    path: Path
    plain: str
    inode: int
    size: int
    mtime_ns: int


class TakeKeeper:
    """``keep`` may be called from any thread, for one folder at a time."""

    def __init__(self) -> None:
        self._alike: dict[tuple[_File, _File], bool] = {}

    def keep(self, folder: Path, take: int) -> list[str]:
        """Hold what lies in a node's folder of a session; ``take`` is the one that it records.

        Returns the names under which replaced files are shown from now on. Raises ``OSError``.
        """
        if folder.is_symlink() or folder.parent.is_symlink() or not folder.is_dir():
            return []
        shown, takes = _look(folder), folder / TAKES_FOLDER
        if not shown:
            return []
        _make_own(takes, folder)
        held = _look(takes)
        for plain, files in shown.items():
            for file in sorted(files):
                if not self._is_among(file, held[plain]):
                    held[plain] += _hold(file, takes, take)
        again = [self._show(file, folder, shown) for files in held.values() for file in files]
        return [name for name in again if name]

    def _show(self, file: _File, folder: Path, shown: dict[str, list[_File]]) -> str | None:
        """Give a held file a visible name, if another one came in its place."""
        replaced = any(other.path.name == file.plain for other in shown[file.plain])
        if not replaced or self._is_among(file, shown[file.plain]):
            return None
        made = _hold(file, folder, 1)
        shown[file.plain] += made
        for new in made:
            text = "a camera sent another segment of the same name; the earlier one is kept"
            _log.warning(text, folder=str(folder), came=file.plain, kept=new.path.name)
        return made[0].path.name if made else None

    def _is_among(self, file: _File, others: Iterable[_File]) -> bool:
        others = list(others)
        if any(file.inode == other.inode for other in others):
            return True
        return any(self._is_same(file, other) for other in others)

    def _is_same(self, file: _File, other: _File) -> bool:
        if file.size != other.size:
            return False
        pair = (file, other)
        if pair not in self._alike:
            self._alike[pair] = _have_same_bytes(file.path, other.path)
        return self._alike[pair]


def _make_own(takes: Path, folder: Path) -> None:
    """Make the folder of second names. What whoever delivers has put there is set aside, as he could
    take away what it holds; so is a link. Raises ``OSError``."""
    with suppress(FileNotFoundError):
        status = os.lstat(takes)
        delivers = os.lstat(folder).st_uid
        is_his = status.st_uid == delivers != os.geteuid()
        if not is_his and not stat.S_ISLNK(status.st_mode):
            takes.mkdir(exist_ok=True)
            return
        os.rename(takes, takes.with_name(f"{TAKES_FOLDER}-stray-{secrets.token_hex(4)}"))
    takes.mkdir(mode=0o750, exist_ok=True)


def _look(folder: Path) -> dict[str, list[_File]]:
    """The segments and frame times of a folder, by the names that they came under."""
    found: dict[str, list[_File]] = defaultdict(list)
    with os.scandir(folder) as entries:
        named = [(entry.name, plain) for entry in entries if (plain := held_name(entry.name))]
    for name, plain in named:
        try:
            status = os.lstat(folder / name)
        except FileNotFoundError:
            continue
        if stat.S_ISREG(status.st_mode):
            file = _File(folder / name, plain, status.st_ino, status.st_size, status.st_mtime_ns)
            found[plain].append(file)
    return found


def _hold(file: _File, folder: Path, take: int) -> list[_File]:
    """Give a file one more name, in ``folder``; empty where it has gone meanwhile."""
    said = parse_kept_name(file.path.name)
    first = said.version if said else 1
    for version in count(first):
        target = folder / kept_name(file.plain, said.take if said else take, version)
        try:
            _link(file.path, target)
        except FileExistsError:
            continue
        except FileNotFoundError:
            return []
        status = os.lstat(target)
        return [_File(target, file.plain, status.st_ino, status.st_size, status.st_mtime_ns)]
    raise AssertionError("there is always a next version")


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        _copy(source, target)


def _copy(source: Path, target: Path) -> None:
    if target.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    hidden = target.with_name(f".copy-{target.name}")
    shutil.copy2(source, hidden, follow_symlinks=False)
    with open(hidden, "rb") as copied:
        os.fsync(copied.fileno())
    os.replace(hidden, target)


def _have_same_bytes(one: Path, other: Path) -> bool:
    """Also false where one of them cannot be read: then both are kept."""
    try:
        with open(one, "rb") as a, open(other, "rb") as b:
            while chunk := a.read(_CHUNK):
                if chunk != b.read(_CHUNK):
                    return False
            return not b.read(1)
    except OSError:
        return False
