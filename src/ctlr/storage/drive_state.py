"""The controller's memory of the drive, kept in ``drive.json`` for others and for a restart."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import structlog

from ctlr.kernel.threads import in_thread
from ctlr.storage.drive_file import DriveRecord, read_record, write_record

SAVE_S = 10.0

_log = structlog.get_logger("storage")


class DriveState:
    """What is so now, at once; on the disk a moment later, or before ``save`` returns."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.record = replace(read_record(folder), open={}, held={})
        self._saved: DriveRecord | None = None
        self._saving = asyncio.Lock()
        self._unsaved = asyncio.Event()
        self._unsaved.set()

    def is_ejected(self, name: str) -> bool:
        return name in self.record.ejected

    def is_ejecting(self) -> bool:
        """Whether any volume is just being taken off."""
        return bool(self.record.ejecting)

    def why_held(self, name: str) -> str | None:
        """Why a volume takes no data now although it may be well."""
        return "it is being ejected" if name in self.record.ejecting else None

    def set_usable(self, usable: Mapping[str, str], held: Mapping[str, str]) -> None:
        """Which volumes are well (with the device's number), and why some take nothing now."""
        self.change(open=dict(usable), held=dict(held))

    def change(self, **fields: object) -> None:
        """Change the record; saved by ``save_forever``."""
        changed = replace(self.record, **fields)  # type: ignore[arg-type]  # names are checked
        if changed != self.record:
            self.record = changed
            self._unsaved.set()

    async def save(self, **fields: object) -> None:
        """Change the record and wait until it is on the disk. Raises ``OSError``,
        ``TimeoutError``."""
        self.change(**fields)
        async with self._saving:
            record = self.record
            if record != self._saved:
                await in_thread(SAVE_S, lambda: write_record(self._folder, record))
                self._saved = record

    async def save_forever(self) -> None:
        while True:
            await self._unsaved.wait()
            self._unsaved.clear()
            try:
                await self.save()
            except (OSError, TimeoutError) as error:
                _log.error("the drive's state could not be noted down", error=str(error))
                await asyncio.sleep(1)
                self._unsaved.set()
