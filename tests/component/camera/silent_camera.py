"""A camera process whose camera falls silent as long as the file ``$SILENT`` exists.

The camera is the test picture. Silent, it waits as a USB camera does inside the kernel: it raises
nothing, and does not hear that the recording is to end.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterator

from ctlr.camera.service import run_camera
from ctlr.camera.sources import SOURCES, CaptureClock, Frame, PictureSettings, Source, Take
from ctlr.camera.sources.test import TestSource, check
from ctlr.config import load_settings

__all__ = ["check", "open_source"]


class SilentSource(TestSource):
    def frames(self, wants_keyframe: Callable[[int], bool]) -> Iterator[Frame]:
        for frame in super().frames(wants_keyframe):
            while os.path.exists(os.environ["SILENT"]):
                time.sleep(0.05)
            yield frame


def open_source(settings: PictureSettings, take: Take, clock: CaptureClock) -> Source:
    return SilentSource(settings, take, clock)


if __name__ == "__main__":
    SOURCES["test"] = "tests.component.camera.silent_camera"
    asyncio.run(run_camera(load_settings()))
