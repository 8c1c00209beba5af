"""Style sheets, scripts and their vendor, as they go out: named by what is in them, packed once.

All files together have one hash, which stands in their address: a browser keeps them for good, and
a new release has new addresses. Nothing is built: what is in the folder is what is served.
"""

import gzip
import mimetypes
import re
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path

HERE = Path(__file__).parent
FOLDERS = {"static": HERE / "static", "vendor": HERE / "vendor"}
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_IMPORT = re.compile(r"""from ['"]ctlr/([\w/.-]+)['"]|import ['"]ctlr/([\w/.-]+)['"]""")


@dataclass(frozen=True)
class Asset:
    """A file as it is sent. ``packed`` is its gzip."""

    media_type: str
    data: bytes
    packed: bytes


@cache
def assets() -> dict[str, Asset]:
    """All of them, by path: ``js/bind.js``, ``css/page.css``, ``vendor/uPlot.iife.min.js``."""
    found = {}
    for name, folder in FOLDERS.items():
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                shown = path.relative_to(folder).as_posix()
                found[shown if name == "static" else f"vendor/{shown}"] = _asset(path)
    return found


@cache
def release() -> str:
    """One hash for all of them."""
    whole = blake2b(digest_size=6)
    for path, asset in assets().items():
        whole.update(path.encode() + b"\0" + asset.data + b"\0")
    return whole.hexdigest()


def address(path: str) -> str:
    """Where a file is found. Raises ``KeyError`` for one that there is not."""
    assets()[path]
    return f"/static/{release()}/{path}"


@cache
def needed_by(module: str) -> tuple[str, ...]:
    """A module and all that it imports, so that a browser can fetch them at once."""
    found: list[str] = []
    wanted = [module]
    while wanted:
        path = wanted.pop()
        if path in found:
            continue
        found.append(path)
        text = assets()[path].data.decode()
        wanted += [f"js/{first or second}" for first, second in _IMPORT.findall(text)]
    return tuple(found)


def _asset(path: Path) -> Asset:
    data = path.read_bytes()
    guessed = mimetypes.guess_type(path.name)[0] or "text/plain"
    return Asset(_TYPES.get(path.suffix, guessed), data, gzip.compress(data, 9, mtime=0))
