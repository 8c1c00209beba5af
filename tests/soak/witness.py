"""Holds on to every segment the moment a camera has finished it, so that none disappears unseen."""

import asyncio
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ctlr.simulator.rig import Rig

WITNESS_EVERY_S = 0.05


@dataclass
class Witness:
    """Links to every finished segment, made from the cameras' cards: (camera, uuid, name)."""

    folder: Path
    seen: dict[tuple[str, str, str], tuple[int, Path]] = field(default_factory=dict)

    async def watch(self, rig: Rig) -> None:
        while True:
            self.look(rig)
            await asyncio.sleep(WITNESS_EVERY_S)

    def look(self, rig: Rig) -> None:
        for camera in rig.camera_names:
            for path in rig.places.spool(camera).glob("*/seg_*.mp4"):
                with suppress(FileNotFoundError):  # delivered and gone meanwhile
                    self._keep((camera, path.parent.name, path.name), path)

    def _keep(self, key: tuple[str, str, str], path: Path) -> None:
        inode = path.stat().st_ino
        if self.seen.get(key, (0, path))[0] != inode:
            link = self.folder / f"{'_'.join(key)}.{inode}"
            os.link(path, link)
            self.seen[key] = inode, link
