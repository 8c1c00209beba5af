"""A Pi's camera as picamera2 shows it: the documented calls that the camera node uses.

``pi`` is what a test sets before and reads afterwards. Pictures hold their frame number and
the wall time of their capture in their blocks; they come faster than life, with
the sensor times of a camera that keeps its rate.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ctlr.camera.sources.test import MovingPicture
from ctlr.camera.test_picture import Stamp

PAUSE_S = 0.003  # long enough for whoever reads the pictures to keep up
WALL_AHEAD_US = 7_000
"""How far libcamera's idea of wall time is ahead of the test's."""


@dataclass
class Pi:
    cameras: int = 1
    has_wall_clock: bool = True
    has_frame_lock: bool = True
    pictures: int = 30
    broken: str | None = None
    controls: dict[str, Any] = field(default_factory=dict)
    first_sensor_us: int = 0
    is_open: bool = False
    reader_is_behind: Callable[[], bool] = lambda: False
    """Whether whoever reads has pictures left to take; the next one then waits."""


pi = Pi()


class Request:
    def __init__(self, metadata: dict[str, int]) -> None:
        self._metadata = metadata

    def get_metadata(self) -> dict[str, int]:
        return self._metadata


class Picamera2:
    @staticmethod
    def global_camera_info() -> list[dict[str, Any]]:
        return [{"Model": "imx708", "Num": number} for number in range(pi.cameras)]

    def __init__(self, camera_num: int = 0) -> None:
        if pi.is_open:
            raise RuntimeError("Camera __init__ sequence did not complete.")
        pi.is_open = True
        self.pre_callback: Any = None
        self.camera_controls = {"SyncMode": (0, 2, 0)} if pi.has_frame_lock else {}
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def create_video_configuration(
        self,
        main: dict[str, Any],
        controls: dict[str, Any],
        lores: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        return {"main": main, "lores": lores, "controls": controls}

    def start(self) -> None:
        assert self._small is not None
        self._shown = 0
        self._picture = MovingPicture(*self._small["size"])

    def capture_array(self, name: str) -> Any:
        """Planes of YUV420 one below the other, as picamera2 has them where rows have no padding."""
        assert name == "lores"
        self._shown += 1
        return self._picture.draw(self._shown, Stamp(self._shown, self._shown)).to_ndarray()

    def configure(self, configuration: dict[str, Any]) -> None:
        if pi.broken:
            raise RuntimeError(pi.broken)
        self._size = configuration["main"]["size"]
        self._small = configuration["lores"]
        assert configuration["main"]["format"] == "YUV420"
        pi.controls = configuration["controls"]

    def start_recording(self, encoder: Any, output: Any) -> None:
        encoder.output = output
        encoder.open(*self._size, pi.controls["FrameRate"])
        output.start()
        self._thread = threading.Thread(target=self._film, args=(encoder,))
        self._thread.start()

    def _film(self, encoder: Any) -> None:
        width, height = self._size
        picture = MovingPicture(width, height)
        pi.first_sensor_us = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
        asleep_us = pi.first_sensor_us - time.monotonic_ns() // 1000
        for number in range(pi.pictures):
            if self._stopped.wait(PAUSE_S):
                return
            while pi.reader_is_behind() and not self._stopped.wait(PAUSE_S):
                pass
            sensor_us = pi.first_sensor_us + round(number * 1_000_000 / pi.controls["FrameRate"])
            metadata = {"SensorTimestamp": sensor_us * 1000 + 321}
            wall_us = sensor_us - asleep_us + WALL_AHEAD_US
            if pi.has_wall_clock:
                metadata["FrameWallClock"] = wall_us * 1000
            if self.pre_callback is not None:
                self.pre_callback(Request(metadata))
            encoder.encode(picture.draw(number, Stamp(wall_us, number)), sensor_us)

    def stop_recording(self) -> None:
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def close(self) -> None:
        pi.is_open = False
