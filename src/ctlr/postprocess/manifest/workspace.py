"""Where a run builds a session before it appears: hidden, on the disk on which it appears."""

import shutil
from pathlib import Path

from ctlr.kernel.atomic import TEMPORARY_PREFIX
from ctlr.kernel.untrusted import find_link, is_folder


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
        """Make it, or take up what an earlier run has left there, unless that leads elsewhere."""
        if find_link(self.root) is not None:
            self.clear()
        self.out.mkdir(parents=True, exist_ok=True)

    def clear(self) -> None:
        """Remove it and what stands in its place. Raises ``OSError``."""
        if is_folder(self.root):
            shutil.rmtree(self.root)
        else:
            self.root.unlink()

    def remove(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
