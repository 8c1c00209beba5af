"""How long what is done to the drive may take. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DriveLimits:
    """An eject is answered after at most ``eject_s`` and ``restore_s`` together. Switching the
    drive off, or what is put back when an eject fails, may take longer, on a slow machine; that
    goes on, and new recordings do not wait for what is put back. ``lock_s`` is how long one
    operation waits for another; ``poll_interval_s`` is how often is looked whether the work that
    an eject waits for has ended."""

    eject_s: float = 20.0
    restore_s: float = 9.0
    lock_s: float = 5.0
    poll_interval_s: float = 2.0


USUAL = DriveLimits()
