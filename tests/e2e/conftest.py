"""Whole rigs of real processes. The folder that a rig lives in names its processes.

Pictures are small, so that three encoders fit beside each other on two cores.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.e2e.programs import processes_left

from ctlr.simulator.rig import Rig
from ctlr.simulator.story import wait_until_ready

SMALL = {"camera": {"width": 640, "height": 360, "segment_s": 2}}


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    """Three cameras with 2 s segments, all of them seen by the controller."""
    async with Rig(tmp_path / "rig", on_cameras=SMALL) as running:
        await wait_until_ready(running.http)
        yield running
    assert await processes_left(tmp_path) == []
