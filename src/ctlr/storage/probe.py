"""Asks one mount whether it really works: whose it is, space, a read and a write that reach it.

Run as a program of its own (``python -I -m ctlr.storage.probe FOLDER EXPECTATION``), because a
dead drive leaves whoever asks it in uninterruptible sleep. ``EXPECTATION`` is JSON: the fields of
``identity.Expectation`` and ``identity`` and ``node`` for a volume on its first use, or ``null``
where a plain folder stands in. Prints one JSON object, the fields of ``states.Answer``. Imports
as little as it can, as it starts every half minute.

Nothing is written to a volume that is not ours.
"""

import json
import os
import sys
import time
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


def probe(folder: str, expected: dict[str, Any] | None = None) -> dict[str, Any]:
    """Space in bytes, whose it is, and how long a write, fsync, rename and unlink took."""
    answer: dict[str, Any] = {"error": None, "error_number": 0}
    try:
        folder_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            space = os.fstatvfs(folder_fd)
            answer["free_bytes"] = space.f_bavail * space.f_frsize
            answer["total_bytes"] = space.f_blocks * space.f_frsize
            if expected is None or _is_ours(folder_fd, expected, answer):
                began = time.monotonic()
                _write_once(folder_fd)
                answer["latency_ms"] = round((time.monotonic() - began) * 1000, 1)
        finally:
            os.close(folder_fd)
    except OSError as error:
        answer |= {"error": error.strerror or str(error), "error_number": error.errno or -1}
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
    try:
        fd = os.open(FILE_NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder_fd)
    except FileNotFoundError:
        return None
    try:
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        return os.read(fd, MAX_BYTES)
    finally:
        os.close(fd)


def _write_once(folder_fd: int) -> None:
    _replace(folder_fd, f"{PROBE_NAME}.done", str(time.time()).encode())
    os.unlink(f"{PROBE_NAME}.done", dir_fd=folder_fd)


def _replace(folder_fd: int, name: str, content: bytes) -> None:
    """Write a file durably. One that was killed has left its own behind: that goes first."""
    with suppress(FileNotFoundError):
        os.unlink(PROBE_NAME, dir_fd=folder_fd)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    fd = os.open(PROBE_NAME, flags, 0o644, dir_fd=folder_fd)
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


if __name__ == "__main__":
    sys.stdout.write(json.dumps(probe(sys.argv[1], json.loads(sys.argv[2]))))
