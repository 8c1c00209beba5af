"""The controls that picamera2's users take from libcamera itself."""

from enum import IntEnum


class _SyncMode(IntEnum):
    Off = 0
    Server = 1
    Client = 2


class _Rpi:
    SyncModeEnum = _SyncMode


class controls:  # noqa: N801 - a module in the original
    rpi = _Rpi
