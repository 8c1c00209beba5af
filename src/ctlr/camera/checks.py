"""What a node can say before anyone drives off: the checks of its preflight.

The camera check opens the camera, which takes some kinds longer than the controller waits for
an answer. So the answer comes after ``ANSWER_S`` at the latest, and the check goes on: whoever
asks again hears how it went. A recording that is to begin meanwhile opens its camera as soon
as the check has let go of it (``camera_free``).
"""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

from ctlr.camera.card import Card
from ctlr.camera.sources import PictureSettings, SourceError, load_source
from ctlr.camera.vitals import Vitals, temperature
from ctlr.config import CameraSettings
from ctlr.nodes.messages import CameraState, Check

MINUTES_NEEDED = 10
ANSWER_S = 1.0
FRESH_S = 15.0
HOT_C = 80.0
"""At which a Raspberry Pi begins to slow itself down."""


class Checks:
    """``picture`` is what would be recorded. A camera in use is not opened a second time."""

    def __init__(
        self, settings: CameraSettings, picture: PictureSettings, card: Card, vitals: Vitals
    ) -> None:
        self._settings = settings
        self._picture = picture
        self._card = card
        self._vitals = vitals
        self.camera_free = threading.Lock()
        """Held by whoever opens the camera."""
        self._begun = 0.0
        self._checking: asyncio.Task[Check] | None = None

    async def make(self, state: CameraState) -> dict[str, Check]:
        """Every check by its name. ``state`` is the node's own."""
        camera = await self._camera(state)
        checks: dict[str, Callable[[], Check | None]] = {
            "ntp": lambda: check_clock(self._vitals.clock()),
            "storage": self._storage,
            "power": lambda: check_power(self._vitals.throttled()),
            "temperature": lambda: check_temperature(temperature()),
        }
        made = {name: check() for name, check in checks.items()}
        own = {"camera": camera, "state": Check(ok=state == "idle", msg=state)}
        return own | {name: check for name, check in made.items() if check is not None}

    async def _camera(self, state: CameraState) -> Check:
        source = self._settings.source
        if state in {"recording", "cleanup"}:
            return Check(ok=True, msg=f"{source}: in use by a recording")
        checking = self._checking
        if checking is None or (checking.done() and time.monotonic() - self._begun > FRESH_S):
            self._begun = time.monotonic()
            checking = asyncio.create_task(asyncio.to_thread(self._open_camera))
            self._checking = checking
        done, _ = await asyncio.wait({checking}, timeout=ANSWER_S)
        if not done:
            return Check(ok=False, msg=f"{source}: the camera is still opening; ask again")
        self._checking = None
        return checking.result()

    def _open_camera(self) -> Check:
        source = self._settings.source
        if not self.camera_free.acquire(blocking=False):
            return Check(ok=True, msg=f"{source}: in use")
        try:
            return Check(ok=True, msg=f"{source}: {load_source(source).check(self._picture)}")
        except SourceError as error:
            return Check(ok=False, msg=f"{source}: {error}")
        finally:
            self.camera_free.release()

    def _storage(self) -> Check:
        minutes = self._card.minutes_left()
        if minutes is None:
            return Check(ok=False, msg=f"the spool {self._settings.spool} cannot be read")
        rate = f"{self._settings.bitrate_kbps / 1000:g} Mbit/s"
        text = f"room for {minutes:.0f} minutes of recording at {rate}"
        return Check(ok=minutes >= MINUTES_NEEDED, msg=text)


def check_clock(clock: dict[str, Any]) -> Check:
    """``clock`` as ``Vitals.clock`` has it."""
    if clock["source"] == "none":
        return Check(ok=True, msg="no chrony here; the clock is not checked by this node")
    if not clock["synchronised"]:
        return Check(ok=False, msg="chrony is not synchronised")
    offset, bound = clock["offset_ms"], clock["uncertainty_ms"]
    return Check(ok=True, msg=f"chrony: {offset:+.3f} ms, within {bound:.3f} ms")


def check_power(throttled: str | None) -> Check | None:
    """None where all is well, or nothing tells. What is over since boot is no hindrance."""
    if throttled is None:
        return None
    over = all(words.endswith("since boot") for words in throttled.split(", "))
    advice = "" if over else "; give it a better supply or cooling, or frames may be lost"
    return Check(ok=over, msg=f"{throttled}{advice}")


def check_temperature(degrees: float | None) -> Check | None:
    if degrees is None:
        return None
    return Check(ok=degrees < HOT_C, msg=f"{degrees:.0f} degrees Celsius")
