"""This process's table of mounts, now: from the kernel's memory, so it answers at once."""

from ctlr.storage.mountinfo import Mount, parse_mountinfo

MOUNTINFO = "/proc/self/mountinfo"


def read_mounts(path: str = MOUNTINFO) -> list[Mount]:
    """All mounts of a mount table. Raises ``OSError`` where its process has ended."""
    return parse_mountinfo(read_table(path))


def read_table(path: str = MOUNTINFO) -> str:
    """A mount table as the kernel writes it. Raises as ``read_mounts``."""
    with open(path, encoding="utf-8", errors="surrogateescape") as table:
        return table.read()
