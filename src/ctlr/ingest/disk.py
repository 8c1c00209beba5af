"""Work on the logging drive in a thread with a deadline: one that hangs never holds the event loop."""

from collections.abc import Callable
from typing import TypeVar

from ctlr.kernel.errors import Refusal
from ctlr.kernel.threads import in_thread

DISK_DEADLINE_S = 20.0

_T = TypeVar("_T")


class LoggingDisk:
    """``check`` raises the ``Refusal`` for a drive that is away or known to hang: it is not asked
    then."""

    def __init__(self, check: Callable[[], None] = lambda: None) -> None:
        self._check = check

    async def run(self, work: Callable[[], _T], deadline_s: float = DISK_DEADLINE_S) -> _T:
        """What ``work`` returns. Raises ``Refusal`` ``storage_unavailable`` when the drive fails or
        does not answer."""
        self._check()
        try:
            return await in_thread(deadline_s, work)
        except TimeoutError as error:
            raise Refusal(
                "storage_unavailable",
                "The logging drive does not answer. Cameras keep their files and try again.",
            ) from error
        except OSError as error:
            raise Refusal(
                "storage_unavailable",
                f"The logging drive failed ({error.strerror}). Cameras keep their files and try again.",
            ) from error
