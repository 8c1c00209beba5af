"""Where a run builds a session before it appears: hidden, on the disk on which it appears."""

import shutil
from pathlib import Path

from ctlr.kernel.atomic import TEMPORARY_PREFIX


class Workspace:
    """Where a run builds: on the sync disk, hidden, one per session."""

    def __init__(self, sync: Path, uuid: str) -> None:
        self.root = sync / f"{TEMPORARY_PREFIX}{uuid}"
        self.out = self.root / "out"

    def journal(self, name: str) -> Path:
        """Where what has been copied into the video ``name`` is noted."""
        return self.root / f"{name}.journal"

    def timed(self, name: str) -> Path:
        """Where the frame times ``name`` grow with their last column."""
        return self.root / f"{name}.timed"

    def prepare(self) -> None:
        self.out.mkdir(parents=True, exist_ok=True)

    def remove(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
