"""What is mounted where, from ``/proc/self/mountinfo``. Pure; the format is proc(5)'s."""

import re
from dataclasses import dataclass

_OCTAL = re.compile(r"\\([0-7]{3})")
_READ_ONLY = frozenset({"ro", "emergency_ro", "shutdown"})


@dataclass(frozen=True)
class Mount:
    """One line: its number, where, what, from which device (``major:minor`` and source), how."""

    mount_id: int
    mount_point: str
    fs_type: str
    source: str
    device_number: str
    options: frozenset[str]

    @property
    def read_only(self) -> bool:
        return bool(self.options & _READ_ONLY)


def parse_mountinfo(text: str) -> list[Mount]:
    """All mounts in the order of the kernel; a later one at the same place covers the earlier."""
    return [_parse_line(line) for line in text.split("\n") if " - " in line]


def mounts_at(text: str, path: str) -> list[Mount]:
    """The mounts stacked on exactly this path; none: a bare folder, two: stacked. Of the other
    mounts in ``text`` only the place is looked at."""
    return [
        _parse_line(line)
        for line in text.split("\n")
        if " - " in line and _unescape(line.split(" ", 5)[4]) == path
    ]


def _parse_line(line: str) -> Mount:
    before, _, after = line.partition(" - ")
    fields = before.split(" ")
    fs_type, source, super_options = [*after.split(" "), "", "", ""][:3]
    return Mount(
        mount_id=int(fields[0]),
        mount_point=_unescape(fields[4]),
        fs_type=fs_type,
        source=_unescape(source),
        device_number=fields[2],
        options=frozenset(fields[5].split(",")) | frozenset(super_options.split(",")),
    )


def _unescape(text: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), text)
