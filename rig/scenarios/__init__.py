"""The scenarios; importing this lists them all."""

from rig.scenarios import (
    away,
    devices,
    drive_faults,
    eject,
    first_day,
    install,
    other_values,
    power,
    publish_cut,
    pull,
    ssh_key,
)

from rig.scenarios import emulated  # isort: skip - tells those before it again

__all__ = [
    "away",
    "devices",
    "drive_faults",
    "eject",
    "emulated",
    "first_day",
    "install",
    "other_values",
    "power",
    "publish_cut",
    "pull",
    "ssh_key",
]
