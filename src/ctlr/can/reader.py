"""Reads one adapter for as long as it takes: opened again whenever it fails, later each time.

Runs in a thread of its own, so that nothing else in the process decides how soon a frame is
taken from the kernel's buffer.
"""

import threading

from ctlr.can.adapters import opened
from ctlr.can.intake import Intake
from ctlr.config import CanBus
from ctlr.kernel.backoff import Attempts, Backoff

READ_TIMEOUT_S = 0.2
RETRY = Backoff(first_s=0.5, longest_s=10.0)


def read_forever(
    bus: CanBus, intake: Intake, stopping: threading.Event, retry: Backoff = RETRY
) -> None:
    """Read ``bus`` until ``stopping`` is set."""
    attempts = Attempts(retry)
    while not stopping.is_set():
        try:
            with opened(bus) as source:
                intake.connect()
                attempts.succeeded()
                while not stopping.is_set():
                    intake.take(source.read(READ_TIMEOUT_S))
        except Exception as error:  # whatever a vendor's driver raises; the bus is tried again
            intake.fail(_say(error))
            stopping.wait(attempts.failed())
    intake.disconnect("the listener has ended")


def _say(error: Exception) -> str:
    return f"{error}" or type(error).__name__
