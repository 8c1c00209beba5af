"""A disk of an emulated machine that loses what a real one loses.

The image holds what is safely on the disk. While the machine runs, its writes go to a layer over
the image and, in order and with every flush, to a log. When the power goes, the layer is thrown
away and the image is brought up from the log (``rig.write_log``): killing an emulator alone would
lose nothing, for the host's page cache keeps every write that the machine had sent.
"""

import random
from pathlib import Path
from typing import Any

from rig.shell import sh
from rig.write_log import Cut, apply


class QemuDisk:
    """``node`` is its name in the emulator; layer and log lie in ``folder`` while it is on."""

    def __init__(self, node: str, image: Path, folder: Path) -> None:
        self.node = node
        self.image = image
        self._layer = folder / f"{node}.qcow2"
        self.log = folder / f"{node}.log"

    def power_on(self) -> dict[str, Any]:
        """Begin a new layer and log. What QMP's ``blockdev-add`` or ``-blockdev`` is told."""
        form = ["-f", "qcow2", "-b", str(self.image.resolve()), "-F", "raw"]
        sh(["qemu-img", "create", "-q", *form, self._layer])
        self.log.write_bytes(b"")
        no_flush = {"no-flush": True}  # what is safe is told from the log
        return {
            "driver": "blklogwrites",
            "node-name": self.node,
            "file": {
                "driver": "qcow2",
                "cache": no_flush,
                "file": {"driver": "file", "filename": str(self._layer), "cache": no_flush},
            },
            "log": {"driver": "file", "filename": str(self.log), "cache": no_flush},
        }

    def power_off(self, chance: random.Random | None) -> Cut:
        """The image becomes what is left: everything, or with ``chance`` what a cut leaves."""
        left = apply(self.log, self.image, chance)
        self._layer.unlink()
        self.log.unlink()
        return left
