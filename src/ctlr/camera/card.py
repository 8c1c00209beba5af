"""Room on the card: how long it lasts, and when a recording has to end.

A card filled to the last byte can no longer say what is on it: names, hashes and the note of a
stop need room too. So a recording ends while ``reserve_mb`` (and at least two segments) are
still free, and starts only when there is room for two segments above that, so that it does not
start and end every few seconds while segments leave the card one by one.
"""

from pathlib import Path

import psutil

from ctlr.config import CameraSettings

_MIB = 1 << 20


def free_bytes(path: Path) -> int | None:
    """Free space of the file system under ``path``; None when it cannot be asked."""
    try:
        return psutil.disk_usage(str(path)).free
    except OSError:
        return None


class Card:
    """The file system under the spool, at the configured bitrate."""

    def __init__(self, settings: CameraSettings) -> None:
        self._path = settings.spool
        self._bytes_a_minute = settings.bitrate_kbps * 1000 / 8 * 60
        self._segment_bytes = self._bytes_a_minute * settings.segment_s / 60
        self._floor_bytes = max(settings.reserve_mb * _MIB, 2 * self._segment_bytes)

    def minutes_left(self) -> float | None:
        """Minutes of recording until the floor is reached."""
        free = free_bytes(self._path)
        if free is None:
            return None
        return round(max(0.0, free - self._floor_bytes) / self._bytes_a_minute, 1)

    def reason_to_end(self) -> str | None:
        """Why a recording has to end now, or None. A card that cannot be asked is no reason."""
        return self._shortage(self._floor_bytes)

    def reason_not_to_start(self) -> str | None:
        return self._shortage(self._floor_bytes + 2 * self._segment_bytes)

    def _shortage(self, needed_bytes: float) -> str | None:
        free = free_bytes(self._path)
        if free is None or free >= needed_bytes:
            return None
        return (
            f"The card is full: {free / _MIB:.0f} MB are free and {needed_bytes / _MIB:.0f} MB "
            "are needed. It goes on when segments have been delivered and removed, or other "
            "files are deleted from the card"
        )
