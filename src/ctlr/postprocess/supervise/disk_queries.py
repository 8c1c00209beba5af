"""What the controller asks about sessions on the disks: each in a thread, with a deadline.

The modules that know the answer are loaded there too, by the first question: the controller
answers its first request without them.
"""

from pathlib import Path

from ctlr.config import Settings
from ctlr.kernel.threads import in_thread
from ctlr.postprocess.manifest.shapes import Manifest

COMPARE_DEADLINE_S = 30.0
CAN_LOOKS_S = (125.0, 430.0)
"""When after its stop a session is to be compared for its CAN bus: once the two minutes that belong
to it are over, and once nothing can come late any more."""
READ_DEADLINE_S = 1.0


async def needs_processing(settings: Settings, uuid: str) -> bool:
    """Whether a session's files differ from what its manifest was made of, or what people say of
    it from what the manifest says.

    Raises ``TimeoutError`` and ``OSError`` for a dead disk.
    """

    def compare() -> bool:
        from ctlr.postprocess.run.changes import needs_processing
        from ctlr.postprocess.run.remarks import are_news

        return needs_processing(settings, uuid) or are_news(settings, uuid)

    return await in_thread(COMPARE_DEADLINE_S, compare)


async def needs_verification(settings: Settings, uuid: str) -> bool:
    """Whether a finished session has not been read back. Raises as ``needs_processing``."""

    def look() -> bool:
        from ctlr.postprocess.folder.verify import needs_verification

        return needs_verification(settings, uuid)

    return await in_thread(COMPARE_DEADLINE_S, look)


def find_session_folder(settings: Settings, uuid: str) -> Path | None:
    """A session's folder on the sync drive. Blocks: for a thread with a deadline."""
    from ctlr.postprocess.folder.folders import find_folder

    return find_folder(settings, uuid)


async def read_session_manifest(settings: Settings, uuid: str) -> Manifest | None:
    """A session's manifest; None where there is none or its disk does not answer in time."""

    def read() -> Manifest | None:
        from ctlr.postprocess.folder.folders import find_folder, read_manifest

        folder = find_folder(settings, uuid)
        return read_manifest(folder) if folder else None

    try:
        return await in_thread(READ_DEADLINE_S, read)
    except (TimeoutError, OSError):
        return None
