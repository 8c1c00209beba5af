"""Writes the status file, once a second, whole or not at all.

Its folder is one that everybody may write to (``/tmp`` as in the field). So the new one is made
under a name that nobody can guess or have taken, following no link, and renamed into place: a
link that somebody has put there is replaced, what it points to is not touched. A file of another
user cannot be replaced in such a folder; that is said, and stops nothing.
"""

import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def write_status(path: Path, values: Mapping[str, object]) -> None:
    """Replace ``path``. Not flushed: a status does not outlive a power cut. Raises ``OSError``."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    fd = os.open(temporary, _NEW, 0o644)
    try:
        os.fchmod(fd, 0o644)  # for everybody to read, whatever the service's umask
        with open(fd, "wb") as file:
            file.write(json.dumps(values).encode() + b"\n")
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
