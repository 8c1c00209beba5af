"""The scenarios; importing this lists them all."""

from rig.scenarios import drive_faults, eject, install, power, pull, ssh_key

__all__ = ["drive_faults", "eject", "install", "power", "pull", "ssh_key"]
