"""A finished folder's ``manifest.json``, and its line in ``checksums.xxh128``.

The manifest cannot hold its own hash, so the list of checksums does, and each manifest holds that
of the one that it ``replaces``. It may change after the files were read back (somebody names the
session, retention deletes the raw data); then its line changes with it, right after. Power may be
cut between the two: the list then still has the hash of the manifest that was replaced, which the
new one names. Every other difference is a manifest that is not as it was written.
"""

from collections.abc import Mapping
from pathlib import Path

from ctlr.kernel.atomic import write_atomic
from ctlr.kernel.hashing import hash_bytes
from ctlr.kernel.untrusted import is_file, read_file
from ctlr.layout.session import CHECKSUMS_NAME, MANIFEST_NAME
from ctlr.postprocess.manifest import document
from ctlr.postprocess.manifest.shapes import Manifest


def write_manifest(folder: Path, manifest: Manifest) -> Manifest:
    """Replace a folder's manifest, and its line where the folder has a list of checksums.

    Returns the manifest as it was written. Raises ``OSError``.
    """
    written, digest = _replace(folder, manifest)
    hashes = read_checksums(folder)
    if hashes:
        _write_checksums(folder, hashes, digest)
    return written


def write_proof(folder: Path, manifest: Manifest, hashes: Mapping[str, str]) -> Manifest:
    """Replace a folder's manifest, and list the hashes of all files, by path, with its own.

    Returns the manifest as it was written. Raises ``OSError``.
    """
    written, digest = _replace(folder, manifest)
    _write_checksums(folder, hashes, digest)
    return written


def manifest_fault(folder: Path, manifest: Manifest) -> str | None:
    """What its line in the list says against the manifest; None where they agree, or where there
    is no such line. Raises ``OSError``."""
    listed = read_checksums(folder).get(MANIFEST_NAME)
    if listed is None or listed == manifest.replaces:
        return None
    found = hash_bytes(read_file(folder / MANIFEST_NAME, document.MOST_BYTES))
    return None if found == listed else f" differs from its hash in {CHECKSUMS_NAME}"


def read_checksums(folder: Path) -> dict[str, str]:
    """The hashes of a list, by path; empty where there is none."""
    try:
        data = read_file(folder / CHECKSUMS_NAME, document.MOST_BYTES)
        text = data.decode("utf-8", "replace")
    except FileNotFoundError:
        return {}
    lines = (line.partition("  ") for line in text.splitlines())
    return {path: digest for digest, _, path in lines if path}


def _replace(folder: Path, manifest: Manifest) -> tuple[Manifest, str]:
    path = folder / MANIFEST_NAME
    before = hash_bytes(read_file(path, document.MOST_BYTES)) if is_file(path) else None
    written = manifest.model_copy(update={"replaces": before})
    data = document.write(written)
    write_atomic(path, data)
    return written, hash_bytes(data)


def _write_checksums(folder: Path, hashes: Mapping[str, str], manifest_hash: str) -> None:
    lines = [f"{digest}  {path}\n" for path, digest in hashes.items() if path != MANIFEST_NAME]
    lines.append(f"{manifest_hash}  {MANIFEST_NAME}\n")
    write_atomic(folder / CHECKSUMS_NAME, "".join(lines).encode())
