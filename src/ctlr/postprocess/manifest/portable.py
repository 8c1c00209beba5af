"""Names that every file system takes away with it. Pure.

The logging disk takes any name, the portable one (exFAT) does not: it knows no difference of
case, refuses some characters, and Windows drops dots and spaces at the end and keeps a few names
for itself. A name that can't go as it is goes under the nearest one that can.
"""

import re
import unicodedata
from collections.abc import Iterable

from ctlr.kernel.names import readable_name

_REFUSED = re.compile(r'[\x00-\x1f\x7f"*:<>?|\\\ufffd]')
_KEPT_BY_WINDOWS = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.IGNORECASE)
_MAX_CHARACTERS, _MAX_BYTES = 200, 240
"""Of a name, so that no file system refuses it, with a number at its end if need be."""


def portable_paths(paths: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """For each path the one it gets, all of them different even where case does not count.

    ``taken`` are paths that are already used.
    """
    used = {_folded(path) for path in taken}
    chosen: dict[str, str] = {}
    for path in paths:
        candidate = wanted = "/".join(map(_portable, path.split("/")))
        number = 2
        while _folded(candidate) in used:
            stem, dot, suffix = wanted.rpartition(".")
            candidate = f"{stem}-{number}.{suffix}" if dot else f"{wanted}-{number}"
            number += 1
        used.add(_folded(candidate))
        chosen[path] = candidate
    return chosen


def _portable(name: str) -> str:
    clean = _REFUSED.sub("_", unicodedata.normalize("NFC", readable_name(name))).rstrip(". ") or "_"
    if _KEPT_BY_WINDOWS.match(clean):
        clean = f"_{clean}"
    if len(clean) > _MAX_CHARACTERS or len(clean.encode()) > _MAX_BYTES:
        stem, dot, suffix = clean.rpartition(".")
        room = _MAX_BYTES - len(suffix.encode()) - 1
        if dot and room > 0 and len(suffix) < _MAX_CHARACTERS:
            stem = stem[: _MAX_CHARACTERS - len(suffix) - 1]
            return f"{_first_bytes(stem, room)}.{suffix}"
        clean = _first_bytes(clean[:_MAX_CHARACTERS], _MAX_BYTES)
    return clean


def _first_bytes(text: str, most: int) -> str:
    return text.encode()[:most].decode(errors="ignore")


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()
