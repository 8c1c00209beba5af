"""Asks one mount whether it really works: space, and a small write that reaches the disk.

Run as a program of its own (``python -I probe.py FOLDER``), because a dead drive leaves whoever
asks it in uninterruptible sleep. Prints one JSON object:
``{"free_bytes", "total_bytes", "write_ok", "latency_ms", "error"}``. Imports as little as it can,
as it starts every half minute.
"""

import json
import os
import sys
import time

PROBE_NAME = ".ctlr-probe"


def probe(folder: str) -> dict[str, object]:
    """Space in bytes, and how long a write, fsync, rename and unlink took in milliseconds."""
    answer: dict[str, object] = {"write_ok": False, "latency_ms": None, "error": None}
    try:
        space = os.statvfs(folder)
        answer["free_bytes"] = space.f_bavail * space.f_frsize
        answer["total_bytes"] = space.f_blocks * space.f_frsize
        began = time.monotonic()
        _write_once(os.path.join(folder, PROBE_NAME))
        answer["latency_ms"] = round((time.monotonic() - began) * 1000, 1)
        answer["write_ok"] = True
    except OSError as error:
        answer["error"] = error.strerror or str(error)
    return answer


def _write_once(path: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    fd = os.open(path, flags, 0o600)
    try:
        os.write(fd, str(time.time()).encode())
        os.fsync(fd)
    finally:
        os.close(fd)
    os.unlink(path)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(probe(sys.argv[1])))
