"""Recording in a session's folder what reading it back has shown (``read_back``).

A good result is the whole-file hashes and ``verified_at`` in the manifest, ``checksums.xxh128``
for ``xxhsum -c``, and the media hash list. A bad one is a generation with the failed files in that
list, and ``damaged`` in the manifest, from which the next run knows what to make again of the raw
data.
"""

from pathlib import Path

from ctlr.config import Settings
from ctlr.kernel.clock import Clock, SystemClock
from ctlr.kernel.untrusted import is_file, refuse_links
from ctlr.layout.session import CHECKSUMS_NAME
from ctlr.postprocess.folder import mhl
from ctlr.postprocess.folder.folders import find_folder, is_finished, read_manifest
from ctlr.postprocess.folder.lock import session_lock
from ctlr.postprocess.folder.manifest_file import write_manifest, write_proof
from ctlr.postprocess.folder.read_back import Verification, outcome_of, read_back
from ctlr.postprocess.manifest.progress import Report, RunResult
from ctlr.postprocess.manifest.shapes import Manifest, Source, VideoSource


def verify_session(
    settings: Settings, uuid: str, report: Report, clock: Clock | None = None
) -> RunResult:
    """Check a session and record the result in its folder.

    Raises ``Refusal`` ``busy`` while a run works on the session, ``OSError`` when the disk fails.
    """
    with session_lock(settings, uuid):
        folder = find_folder(settings, uuid)
        manifest = read_manifest(folder) if folder else None
        if folder is None or manifest is None:
            return RunResult(uuid, 1, f"Session {uuid} has not been processed yet.")
        result = read_back(folder, manifest, report)
        now_ms = (clock or SystemClock()).now_ms()
        if result.ok:
            record(folder, result, now_ms)
        elif manifest.files:
            record_damage(folder, result, now_ms)
        return outcome_of(folder, result)


def needs_verification(settings: Settings, uuid: str) -> bool:
    """Whether a finished session has not been read back, or lacks the lists that prove it.

    One that has, with damage found, is first made again of the raw data, or stays as it is.
    """
    folder = find_folder(settings, uuid)
    manifest = read_manifest(folder) if folder else None
    if folder is None or manifest is None or not is_finished(folder):
        return False
    if manifest.damaged_at is not None:
        return False
    listed = is_file(folder / CHECKSUMS_NAME) and mhl.generation_of(folder) > 0
    return manifest.verified_at is None or not listed


def record(folder: Path, result: Verification, now_ms: int) -> None:
    """Write down a good verification: the manifest, then checksums, then the media hash list.

    Raises ``OSError``.
    """
    refuse_links(folder)
    manifest = _with_hashes(result.manifest, result.hashes, now_ms)
    write_proof(folder, manifest, {e.path: result.hashes[e.path] for e in manifest.files})
    mhl.add_generation(folder, manifest, now_ms)


def record_damage(folder: Path, result: Verification, now_ms: int) -> None:
    """Write down that files are damaged: in the media hash list, then in the manifest.

    Raises ``OSError``.
    """
    refuse_links(folder)
    damaged = result.damaged
    mhl.add_failed_generation(folder, result.manifest, result.hashes, set(damaged), now_ms)
    noted = {"verified_at": None, "damaged_at": now_ms, "damaged": damaged}
    write_manifest(folder, result.manifest.model_copy(update=noted))


def _with_hashes(manifest: Manifest, hashes: dict[str, str], now_ms: int) -> Manifest:
    def hashed(source: Source) -> Source:
        if not isinstance(source, VideoSource):
            return source
        parts = tuple(p.model_copy(update={"xxh128": hashes[p.file]}) for p in source.parts)
        return source.model_copy(update={"xxh128": hashes[source.file], "parts": parts})

    return manifest.model_copy(
        update={
            "sources": {node: hashed(source) for node, source in manifest.sources.items()},
            "files": tuple(
                entry.model_copy(update={"xxh128": hashes[entry.path]}) for entry in manifest.files
            ),
            "verified_at": now_ms,
            "damaged_at": None,
            "damaged": (),
        }
    )
