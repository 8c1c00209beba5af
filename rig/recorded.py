"""A recorded session for scenarios that begin after the recording.

Real cameras, a real controller and real deliveries on the loopback interface of this host, small
pictures: what lies in the folder afterwards is what the field leaves on a logging drive.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from ctlr.kernel.ids import new_session_id
from ctlr.simulator.rig import Rig
from ctlr.simulator.story import record, wait_until_processed, wait_until_ready

CAMERAS = ("cam-1", "cam-2")
_SMALL = {"width": 320, "height": 180, "fps": 10, "segment_s": 2, "bitrate_kbps": 1500}


@dataclass(frozen=True)
class RecordedSession:
    """``logging`` is a folder as on the drive, ``database`` the controller's record of it."""

    uuid: str
    logging: Path
    database: Path


def record_session(folder: Path, seconds: float = 8) -> RecordedSession:
    """Record one with two cameras in ``folder``, delivered whole."""
    return asyncio.run(_record(folder, seconds))


async def _record(folder: Path, seconds: float) -> RecordedSession:
    uuid = new_session_id()
    async with Rig(folder, CAMERAS, on_cameras={"camera": _SMALL}) as rig:
        await wait_until_ready(rig.http)
        await record(rig.http, uuid, seconds, lambda _: None)
        await wait_until_processed(rig.http, uuid, rig.places.sync, set(), lambda _: None)
    return RecordedSession(uuid, rig.places.logging, rig.places.run / "ctlr.db")
