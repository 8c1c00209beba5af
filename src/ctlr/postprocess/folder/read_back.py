"""Reading a session folder back from the disk and comparing it with what it says of itself.

A hash taken from the page cache proves nothing about the disk, so the cached pages are dropped
first, where the system can. One pass takes the hash of every chunk, of the index and of the whole
file. It only reads, and works on any computer; ``verify`` also records the result.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ctlr.kernel.atomic import drop_cache
from ctlr.kernel.hashing import BLOCK_BYTES, CountBytes, Hash, new_hash, not_counted
from ctlr.kernel.names import readable_name
from ctlr.kernel.untrusted import is_file, open_file
from ctlr.layout.session import CHECKSUMS_NAME, MANIFEST_NAME
from ctlr.postprocess.folder import mhl
from ctlr.postprocess.folder.folders import is_finished, read_manifest
from ctlr.postprocess.folder.manifest_file import manifest_fault
from ctlr.postprocess.manifest.faults import describe_faults
from ctlr.postprocess.manifest.progress import Progress, Report, RunResult
from ctlr.postprocess.manifest.shapes import (
    FailedSource,
    FileEntry,
    Manifest,
    VideoFile,
    VideoSource,
)

MOST_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Range:
    """Bytes of a file with a hash of their own."""

    name: str
    offset: int
    length: int
    xxh128: str


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a file."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What reading a folder back has shown. ``hashes`` are of whole files, by path."""

    manifest: Manifest
    hashes: dict[str, str]
    faults: tuple[Fault, ...]
    unknown: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.faults

    @property
    def damaged(self) -> tuple[str, ...]:
        """Files that are not as they were written."""
        return tuple(sorted({fault.path for fault in self.faults}))


def verify_folder(folder: Path, report: Report) -> RunResult:
    """Check a session folder. Exit code 0: as it says; 3: not; 1: there is no manifest to go by."""
    manifest = read_manifest(folder)
    if manifest is None or not is_finished(folder):
        return RunResult(
            "", 1, f"{folder} has no {MANIFEST_NAME} of this program: it is no finished session."
        )
    return outcome_of(folder, read_back(folder, manifest, report))


def read_back(folder: Path, manifest: Manifest, report: Report) -> Verification:
    """Read every file of the manifest from the disk. Raises ``OSError`` only for a dead disk."""
    ranges = _ranges(manifest)
    hashes: dict[str, str] = {}
    faults: list[Fault] = []
    total = sum(entry.bytes for entry in manifest.files)
    done = 0
    for entry in manifest.files:
        count = _counting(report, Progress(manifest.uuid, "verify", entry.path, done, total))
        hashes[entry.path] = _check_file(folder, entry, ranges.get(entry.path, []), faults, count)
        done += entry.bytes
    if not manifest.files and not _has_nothing(manifest):
        text = f"{MANIFEST_NAME} lists no hashes; nothing can be compared"
        faults.append(Fault(MANIFEST_NAME, text))
    if differs := manifest_fault(folder, manifest):
        faults.append(Fault(MANIFEST_NAME, f"{MANIFEST_NAME}{differs}"))
    return Verification(manifest, hashes, tuple(faults), tuple(_unknown(folder, manifest)))


def _has_nothing(manifest: Manifest) -> bool:
    """Whether every source failed, and so no file of it is to be there."""
    sources = manifest.sources.values()
    return bool(sources) and all(isinstance(source, FailedSource) for source in sources)


def _counting(report: Report, progress: Progress) -> CountBytes:
    """Report how far a file has been read, from where ``progress`` stands."""
    report(progress)

    def count(size: int) -> None:
        nonlocal progress
        progress = replace(progress, bytes_done=progress.bytes_done + size)
        report(progress)

    return count


def _check_file(
    folder: Path,
    entry: FileEntry,
    ranges: list[Range],
    faults: list[Fault],
    count: CountBytes,
) -> str:
    def is_bad(text: str) -> None:
        faults.append(Fault(entry.path, f"{entry.path}{text}"))

    try:
        size, digest, bad = hash_ranges(folder / entry.path, ranges, count)
    except FileNotFoundError:
        is_bad(" is missing")
        return ""
    except OSError as error:
        is_bad(f" cannot be read: {error.strerror}")
        return ""
    if size != entry.bytes:
        is_bad(f" has {size} bytes, not {entry.bytes}")
    for part in bad:
        is_bad(f": {part.name} (bytes {part.offset} on) differs")
    if entry.xxh128 is not None and digest != entry.xxh128 and size == entry.bytes and not bad:
        is_bad(" differs from its hash")
    return digest


def hash_ranges(
    path: Path, ranges: Iterable[Range], count: CountBytes = not_counted
) -> tuple[int, str, list[Range]]:
    """Size and xxh128 of a file read from the disk, and the ranges whose hash is another.

    Ranges may stand in any order but don't overlap. Raises ``OSError``.
    """
    whole, bad, at = new_hash(), [], 0
    with os.fdopen(open_file(path), "rb", buffering=0) as file:
        drop_cache(file.fileno())
        read = _reader(file.readinto, whole, count)
        for part in sorted(ranges, key=lambda r: r.offset):
            read(part.offset - at, None)
            digest = new_hash()
            read(part.length, digest)
            at = part.offset + part.length
            if digest.hexdigest() != part.xxh128:
                bad.append(part)
        read(None, None)
        return file.tell(), whole.hexdigest(), bad


def _reader(
    readinto: Callable[[memoryview], int | None], whole: Hash, count: CountBytes
) -> Callable[[int | None, Hash | None], None]:
    block = memoryview(bytearray(BLOCK_BYTES))

    def read(length: int | None, also: Hash | None) -> None:
        while length is None or length > 0:
            got = readinto(block if length is None else block[: min(length, BLOCK_BYTES)])
            if not got:
                return
            whole.update(block[:got])
            count(got)
            if also is not None:
                also.update(block[:got])
            length = None if length is None else length - got

    return read


def _ranges(manifest: Manifest) -> dict[str, list[Range]]:
    ranges = {}
    for source in manifest.sources.values():
        if isinstance(source, VideoSource):
            for video in (source, *source.parts):
                ranges[video.file] = _video_ranges(video)
    return ranges


def _video_ranges(video: VideoFile) -> list[Range]:
    ranges = [Range(c.segment, c.offset, c.length, c.xxh128) for c in video.chunks]
    if video.index:
        ranges.append(
            Range("its index", video.index.offset, video.index.length, video.index.xxh128)
        )
    return ranges


def _unknown(folder: Path, manifest: Manifest) -> Iterable[str]:
    listed = {entry.path for entry in manifest.files} | {MANIFEST_NAME, CHECKSUMS_NAME}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        own = name in listed or name.startswith((".", f"{mhl.FOLDER}/"))
        if not own and is_file(path):
            yield readable_name(name)


def _first(texts: Sequence[str]) -> list[str]:
    """As many as a person reads."""
    return [*texts[:MOST_SHOWN], *(["…"] if len(texts) > MOST_SHOWN else [])]


def outcome_of(folder: Path, result: Verification) -> RunResult:
    uuid, count = result.manifest.uuid, len(result.manifest.files)
    if not result.ok:
        faults = _first([fault.text for fault in result.faults])
        text = f"{folder}: {len(result.faults)} faults: " + "; ".join(faults)
        return RunResult(uuid, 3, text, folder / MANIFEST_NAME, result.manifest.revision)
    unknown = _first(result.unknown)
    extra = f"; not of the session: {', '.join(unknown)}" if unknown else ""
    lacks = "; ".join(describe_faults(result.manifest))
    whole = f"; the session is not whole ({lacks})" if lacks else ""
    text = f"{folder}: {count} files read back, all as they were written{whole}{extra}"
    return RunResult(uuid, 0, text, folder / MANIFEST_NAME, result.manifest.revision)
