"""Which volumes have been in use here, by their identity: ``volumes.json`` in the state folder.

Both the controller and the watcher learn of a volume's first use; whoever comes second finds it
known. A file that is lost or torn costs nothing with volumes that are configured by UUID; others
are then taken at their next use as on the first.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ctlr.kernel.atomic import write_atomic
from ctlr.storage.identity import Expectation

NAME = "volumes.json"
MOST_KNOWN = 100


def is_certain(tag: str) -> bool:
    """Whether a configured tag fits one drive only, whatever that is marked as."""
    return tag.startswith(("UUID=", "PARTUUID="))


class KnownVolumes:
    """The memory in one state folder. ``tags`` are the configured devices by volume."""

    def __init__(self, folder: Path, tags: dict[str, str]) -> None:
        self._folder = folder
        self._tags = tags

    def expectation(self, volume: str) -> Expectation:
        """What is known of a volume beforehand."""
        values = self._read().get(volume, {})
        certain = is_certain(self._tags[volume])
        return Expectation(volume, tuple(values.get("ids", ())), certain, bool(values.get("adopt")))

    def remember(self, volume: str, identity: str) -> None:
        """A volume is in use: known from now on. Raises ``OSError``."""
        expected = self.expectation(volume)
        if identity in expected.known and not expected.adopt:
            return
        with self._changing() as values:
            ids = [known for known in values.get(volume, {}).get("ids", []) if known != identity]
            values[volume] = {"ids": [*ids, identity][-MOST_KNOWN:], "adopt": False}

    def adopt_next(self, volume: str) -> None:
        """Take the next volume that is found, whatever it is marked as. Raises ``OSError``."""
        with self._changing() as values:
            values[volume] = {**values.get(volume, {"ids": []}), "adopt": True}

    def _read(self) -> dict[str, Any]:
        try:
            values = json.loads((self._folder / NAME).read_bytes())
        except (OSError, ValueError):
            return {}
        if not isinstance(values, dict):
            return {}
        return {name: value for name, value in values.items() if isinstance(value, dict)}

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Any]]:
        self._folder.mkdir(parents=True, exist_ok=True)
        fd = os.open(self._folder / f"{NAME}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            values = self._read()
            yield values
            write_atomic(self._folder / NAME, json.dumps(values).encode())
        finally:
            os.close(fd)
