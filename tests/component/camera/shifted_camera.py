"""A camera node whose wall clock is off by what a file says, in seconds, at each reading.

The file is the only argument; it is replaced, never rewritten, so that no reading sees half of it.
libfaketime can do this to any process, and the end-to-end tests use it with an offset that stays;
with one that changes it reads its file inside ``clock_gettime``, of which cameras have died with a
segmentation fault.
"""

import asyncio
import sys
import time
from pathlib import Path

OFFSET = Path(sys.argv[1])
_kernel_time_ns = time.time_ns


def _shifted_ns() -> int:
    return _kernel_time_ns() + round(float(OFFSET.read_text()) * 1_000_000_000)


time.time_ns = _shifted_ns
time.time = lambda: _shifted_ns() / 1_000_000_000

from ctlr.camera.service import run_camera  # noqa: E402
from ctlr.config import load_settings  # noqa: E402

asyncio.run(run_camera(load_settings()))
