"""The ASC Media Hash List of a session folder, so that any offload tool can continue the chain.

Written after a session has been read back: ``ascmhl/NNNN_{folder}_{time}.mhl`` lists every file
with its xxh128, ``process=transfer`` because both sides were hashed, and ``ascmhl_chain.xml``
seals each list with a C4 id (ASC MHL 2.0; C4 is SMPTE ST 2114). A later revision adds a
generation in which known files are ``verified`` and new ones ``original``; so does a reading that
finds a file changed, in which that file has ``failed``, with the hash that it has now. Made again
from the raw data it is ``verified`` in the next one. The format has no way
to say that a file was rightly made again, so when a listed file has changed the history begins
again; for the same reason ``manifest.json`` and ``checksums.xxh128``, which change with every
revision, are on its ignore list: they list the same hashes, and ``ctlr verify`` reads them.
"""

import hashlib
import platform
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from ctlr.kernel.atomic import make_durable_directories, write_atomic
from ctlr.kernel.hashing import hash_bytes
from ctlr.kernel.untrusted import is_file, read_file
from ctlr.postprocess.manifest.shapes import Manifest

FOLDER = "ascmhl"
CHAIN_NAME = "ascmhl_chain.xml"
MOST_BYTES = 16 << 20
MOST_LISTS = 1000
IGNORED = (".DS_Store", "ascmhl", "ascmhl/", "manifest.json", "checksums.xxh128", ".*")

_SPACE = "{urn:ASC:MHL:v2.0}"
_C4_DIGITS = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def generation_of(folder: Path) -> int:
    """How many generations the folder's history has."""
    return len(_lists(folder))


def add_generation(folder: Path, manifest: Manifest, now_ms: int) -> Path:
    """Write the next generation from the hashes in ``manifest``; returns its file.

    Raises ``OSError``.
    """
    hashes = {entry.path: entry.xxh128 for entry in manifest.files if entry.xxh128}
    known = _known_hashes(folder)
    if any(known.get(path, digest) != digest for path, digest in hashes.items()) or (
        known.keys() - hashes.keys()
    ):
        shutil.rmtree(folder / FOLDER)
        known = {}
    actions = {path: "verified" if path in known else "original" for path in hashes}
    return _write_generation(folder, manifest, hashes, actions, now_ms)


def add_failed_generation(
    folder: Path,
    manifest: Manifest,
    hashes: Mapping[str, str],
    damaged: AbstractSet[str],
    now_ms: int,
) -> Path | None:
    """Note that ``damaged`` files are not what the history says; returns the new list's file.

    ``hashes`` are those that all files have now, empty where one could not be read. None where
    there is no history yet: nothing is there to have failed against. Raises ``OSError``.
    """
    known = _known_hashes(folder)
    listed = {path: digest for path, digest in hashes.items() if digest and path in known}
    if not listed:
        return None
    actions = {path: "failed" if path in damaged else "verified" for path in listed}
    return _write_generation(folder, manifest, listed, actions, now_ms)


def _write_generation(
    folder: Path,
    manifest: Manifest,
    hashes: Mapping[str, str],
    actions: Mapping[str, str],
    now_ms: int,
) -> Path:
    sizes = {entry.path: entry.bytes for entry in manifest.files}
    make_durable_directories(folder / FOLDER)
    number, at = generation_of(folder) + 1, datetime.fromtimestamp(now_ms / 1000, UTC)
    name = f"{number:04d}_{folder.name}_{at:%Y-%m-%d_%H%M%SZ}.mhl"
    files = [
        _file_lines(path, sizes[path], digest, actions[path], at)
        for path, digest in sorted(hashes.items())
    ]
    data = _document(files, hashes, at)
    write_atomic(folder / FOLDER / name, data)
    _write_chain(folder)
    return folder / FOLDER / name


def c4_id(data: bytes) -> str:
    """C4 id: SHA-512 in base 58, 90 characters with its prefix (SMPTE ST 2114)."""
    number, digits = int.from_bytes(hashlib.sha512(data).digest(), "big"), ""
    while number:
        number, digit = divmod(number, 58)
        digits = _C4_DIGITS[digit] + digits
    return "c4" + digits.rjust(88, "1")


def _lists(folder: Path) -> list[Path]:
    """At most so many that a history of ours may have: what is read is read for each of them."""
    found = sorted(path for path in (folder / FOLDER).glob("[0-9]*.mhl") if is_file(path))
    return found[:MOST_LISTS]


def _known_hashes(folder: Path) -> dict[str, str]:
    """The first xxh128 of each file in the history."""
    known: dict[str, str] = {}
    for path in _lists(folder):
        try:
            data = read_file(path, MOST_BYTES)
            root = ET.fromstring(data)  # noqa: S314 - expat limits entity expansion
        except (ET.ParseError, OSError):
            continue
        for entry in root.iter(f"{_SPACE}hash"):
            name, digest = entry.findtext(f"{_SPACE}path"), entry.findtext(f"{_SPACE}xxh128")
            if name and digest:
                known.setdefault(name, digest)
    return known


def _write_chain(folder: Path) -> None:
    lines = ['<?xml version="1.0" encoding="UTF-8"?>']
    lines.append('<ascmhldirectory xmlns="urn:ASC:MHL:DIRECTORY:v2.0">')
    for number, path in enumerate(_lists(folder), 1):
        lines.append(f'  <hashlist sequencenr="{number}">')
        lines.append(f"    <path>{escape(path.name)}</path>")
        lines.append(f"    <c4>{c4_id(read_file(path, MOST_BYTES))}</c4>")
        lines.append("  </hashlist>")
    lines.append("</ascmhldirectory>\n")
    write_atomic(folder / FOLDER / CHAIN_NAME, "\n".join(lines).encode())


def _document(files: Iterable[str], hashes: Mapping[str, str], at: datetime) -> bytes:
    directories, root = _directory_hashes(hashes)
    stamp = at.isoformat()
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<hashlist version="2.0" xmlns="urn:ASC:MHL:v2.0">',
        "  <creatorinfo>",
        f"    <creationdate>{at.replace(microsecond=0).isoformat()}</creationdate>",
        f"    <hostname>{escape(platform.node())}</hostname>",
        f"    <tool version={quoteattr(version('ctlr'))}>ctlr</tool>",
        "  </creatorinfo>",
        "  <processinfo>",
        "    <process>transfer</process>",
        "    <roothash>",
        *_pair(root, stamp),
        "    </roothash>",
        "    <ignore>",
        *(f"      <pattern>{escape(pattern)}</pattern>" for pattern in IGNORED),
        "    </ignore>",
        "  </processinfo>",
        "  <hashes>",
        *files,
    ]
    for path, pair in sorted(directories.items()):
        lines += ["    <directoryhash>", f"      <path>{escape(path)}</path>"]
        lines += [*_pair(pair, stamp), "    </directoryhash>"]
    return "\n".join([*lines, "  </hashes>", "</hashlist>", ""]).encode()


def _file_lines(path: str, size: int, digest: str, action: str, at: datetime) -> str:
    return (
        f'    <hash>\n      <path size="{size}">{escape(path)}</path>\n'
        f'      <xxh128 action="{action}" hashdate="{at.isoformat()}">{digest}</xxh128>\n'
        "    </hash>"
    )


def _pair(pair: tuple[str, str], stamp: str) -> list[str]:
    return [
        f'      <{kind}><xxh128 hashdate="{stamp}">{digest}</xxh128></{kind}>'
        for kind, digest in zip(("content", "structure"), pair, strict=True)
    ]


def _directory_hashes(
    hashes: Mapping[str, str],
) -> tuple[dict[str, tuple[str, str]], tuple[str, str]]:
    """Content and structure hash of each folder, innermost first, and of the root."""
    files: dict[str, dict[str, str]] = {"": {}}
    for path, digest in hashes.items():
        above, _, name = path.rpartition("/")
        files.setdefault(above, {})[name] = digest
        while above:
            above = above.rpartition("/")[0]
            files.setdefault(above, {})
    done: dict[str, tuple[str, str]] = {}
    for path in sorted(files, key=lambda path: (-path.count("/"), path == "", path)):
        below = {p.rpartition("/")[2]: done[p] for p in done if _is_child(p, path)}
        done[path] = _combine(files[path], below)
    return {path: pair for path, pair in done.items() if path}, done[""]


def _is_child(path: str, above: str) -> bool:
    return path != "" and path.rpartition("/")[0] == above


def _combine(files: dict[str, str], folders: dict[str, tuple[str, str]]) -> tuple[str, str]:
    content = [*files.values(), *(pair[0] for pair in folders.values())]
    structure = [_named(name, digest) for name, digest in files.items()]
    structure += [_named(name, pair[1]) for name, pair in folders.items()]
    return _list_hash(content), _list_hash(structure)


def _named(name: str, digest: str) -> str:
    return hash_bytes(name.encode() + bytes.fromhex(digest))


def _list_hash(digests: list[str]) -> str:
    return hash_bytes(b"".join(bytes.fromhex(d) for d in sorted(digests)))
