"""The scenarios; importing this lists them all."""

from rig.scenarios import drive_faults, eject, install, power, pull

__all__ = ["drive_faults", "eject", "install", "power", "pull"]
