"""Asks one mount whether it really works: whose it is, space, a read and a write that reach it.

Run as a program of its own (``python -I -m ctlr.storage.probe FOLDER EXPECTATION [RESERVED]``),
because a dead drive leaves whoever asks it in uninterruptible sleep. ``EXPECTATION`` is JSON: the
fields of ``identity.Expectation`` and ``identity`` and ``node`` for a volume on its first use, or
``null`` where a plain folder stands in. ``RESERVED`` are names of folders with commas between, which
are made and written to as well: nobody may deliver to a drive before it has passed, so they are
there, and the controller's, before anybody else can make them. Prints one JSON object, the fields of
``states.Answer``. Imports as little as it can, as it starts every half minute.

Nothing is written to a volume that is not ours. What lies there may be anybody's: no link is
followed, nothing but a file is opened.
"""

import errno
import json
import os
import secrets
import stat
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from ctlr.storage.identity import (
    FILE_NAME,
    MAX_BYTES,
    Expectation,
    identity_file,
    judge_identity,
)

PROBE_NAME = ".ctlr-probe"
STRAY_PREFIX = ".ctlr-stray-"

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def probe(
    folder: str, expected: dict[str, Any] | None = None, reserved: Sequence[str] = ()
) -> dict[str, Any]:
    """Space in bytes, whose it is, and how long a write, fsync, rename and unlink took."""
    answer: dict[str, Any] = {"error": None, "error_number": 0}
    try:
        folder_fd = os.open(folder, _FOLDER)
        try:
            space = os.fstatvfs(folder_fd)
            answer["free_bytes"] = space.f_bavail * space.f_frsize
            answer["total_bytes"] = space.f_blocks * space.f_frsize
            if expected is None or _is_ours(folder_fd, expected, answer):
                began = time.monotonic()
                _write_once(folder_fd)
                answer["latency_ms"] = round((time.monotonic() - began) * 1000, 1)
                for name in reserved:
                    _write_in(folder_fd, name)
        finally:
            os.close(folder_fd)
    except OSError as error:
        where = f"{error.filename}: " if error.filename in reserved else ""
        said = error.strerror or str(error)
        answer |= {"error": f"{where}{said}", "error_number": error.errno or -1}
    return answer


def _is_ours(folder_fd: int, expected: dict[str, Any], answer: dict[str, Any]) -> bool:
    """Whether the volume is one of ours; one in first use gets its mark."""
    node, identity = expected.pop("node"), expected.pop("identity")
    wanted = Expectation(**expected)
    judgement = judge_identity(_read_mark(folder_fd), wanted)
    if judgement.foreign:
        answer["foreign"] = judgement.foreign
        return False
    if judgement.identity is None:
        _replace(folder_fd, FILE_NAME, identity_file(wanted.volume, identity, node))
    answer["identity"] = judgement.identity or identity
    return True


def _read_mark(folder_fd: int) -> bytes | None:
    """The identity file as the disk has it, not the cache; None without one."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        fd = os.open(FILE_NAME, flags, dir_fd=folder_fd)
    except FileNotFoundError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return b""  # a mark that cannot be read
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        return os.read(fd, MAX_BYTES)
    finally:
        os.close(fd)


def _write_once(folder_fd: int) -> None:
    _replace(folder_fd, f"{PROBE_NAME}.done", str(time.time()).encode())
    os.unlink(f"{PROBE_NAME}.done", dir_fd=folder_fd)


def _replace(folder_fd: int, name: str, content: bytes) -> None:
    """Write a file durably. One that was killed has left its own behind: that goes first."""
    for taken in (PROBE_NAME, name):
        _clear(folder_fd, taken, is_to_go=taken == PROBE_NAME)
    fd = os.open(PROBE_NAME, _NEW, 0o644, dir_fd=folder_fd)
    try:
        try:
            os.write(fd, content)
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(PROBE_NAME, name, src_dir_fd=folder_fd, dst_dir_fd=folder_fd)
    except OSError:
        with suppress(OSError):
            os.unlink(PROBE_NAME, dir_fd=folder_fd)
        raise
    os.fsync(folder_fd)


def _clear(folder_fd: int, name: str, *, is_to_go: bool) -> None:
    """Make way for a file: a folder under its name, which is nothing of ours, gets another one."""
    try:
        status = os.stat(name, dir_fd=folder_fd, follow_symlinks=False)
    except FileNotFoundError:
        return
    if stat.S_ISDIR(status.st_mode):
        _set_aside(folder_fd, name)
    elif is_to_go:
        os.unlink(name, dir_fd=folder_fd)


def _set_aside(folder_fd: int, name: str) -> None:
    stray = STRAY_PREFIX + secrets.token_hex(4)
    os.rename(name, stray, src_dir_fd=folder_fd, dst_dir_fd=folder_fd)


def _write_in(folder_fd: int, name: str) -> None:
    """Write in a folder that is the controller's, made where it is not there. What is no folder
    under its name is set aside. Raises ``OSError`` with the folder's name."""
    try:
        is_new = _make_folder(folder_fd, name)
        inner_fd = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=folder_fd)
        try:
            if is_new and os.fstat(inner_fd).st_gid != os.getegid():
                # Its group is that of the folder above, which others deliver to. The right one
                # comes with the next mount: our unit may change no owner.
                os.fchmod(inner_fd, 0o700)
            _touch(inner_fd)
        finally:
            os.close(inner_fd)
    except OSError as error:
        number = error.errno or errno.EIO
        raise OSError(number, error.strerror or str(error), name) from error


def _make_folder(folder_fd: int, name: str) -> bool:
    """Whether there was none."""
    with suppress(FileNotFoundError):
        status = os.stat(name, dir_fd=folder_fd, follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            return False
        _set_aside(folder_fd, name)
    os.mkdir(name, 0o755, dir_fd=folder_fd)
    return True


def _touch(folder_fd: int) -> None:
    with suppress(FileNotFoundError):
        os.unlink(PROBE_NAME, dir_fd=folder_fd)
    fd = os.open(PROBE_NAME, _NEW, 0o644, dir_fd=folder_fd)
    try:
        os.write(fd, b"ctlr")
    finally:
        os.close(fd)
        os.unlink(PROBE_NAME, dir_fd=folder_fd)


if __name__ == "__main__":
    folders = [name for name in "".join(sys.argv[3:]).split(",") if name]
    sys.stdout.write(json.dumps(probe(sys.argv[1], json.loads(sys.argv[2]), folders)))
