"""A camera that has fallen silent without an error. Pure.

libav's reader of USB cameras waits inside the kernel for the next picture, for ever, and nothing
can interrupt it. So the node looks once a second whether pictures come. Looks are counted, not
seconds: a machine that stood still, or was too busy to look, says nothing about its camera. When
enough of them have seen no new picture the process has to end, and goes on with the recording at
its next start.
"""

from math import ceil

SHOWN_AFTER = 3
"""Looks without a new picture before the node's status says so."""

ENDS_AFTER = 10
ENDS_AFTER_OPENING = 30
"""Some cameras take many seconds to open, and have limits of their own."""

FEWEST_FRAMES = 3
"""A slow camera is given the time of so many of its frames, if that is longer."""


class CameraStalledError(Exception):
    """The camera gives nothing and cannot be let go of: the process must be started again."""


class StallWatch:
    """Counts looks, a second apart, at a camera of ``fps`` during one recording."""

    def __init__(self, fps: float) -> None:
        self._longest = max(ENDS_AFTER, ceil(FEWEST_FRAMES / fps))
        self._taken: int | None = None
        self._idle_checks = 0

    def check(self, taken: int, *, expected: bool, opened: bool) -> str | None:
        """What is wrong, for a person. ``taken``: pictures so far; ``expected``: that more come.

        Raises ``CameraStalledError``.
        """
        is_idle = expected and taken == self._taken
        self._idle_checks = self._idle_checks + 1 if is_idle else 0
        self._taken = taken
        if self._idle_checks >= (
            self._longest if opened else max(self._longest, ENDS_AFTER_OPENING)
        ):
            raise CameraStalledError(
                "The camera gives no pictures and does not let go. The node ends, to go on with "
                "the recording when it is started again; if that does not help, unplug the camera "
                "and plug it in."
            )
        return "The camera gives no pictures." if self._idle_checks >= SHOWN_AFTER else None
