"""An upload on the drive, before it is known to be whole.

::

    {logging}/phone/.upload-XXXXXXXX/0, 1, ...   while it arrives; hidden, flushed at each file's end
    {logging}/phone/{uuid}/accelerometer.csv     after commit, by rename

So nothing under a real name is ever half there, a client may send the session id last, and the
same name sent again replaces the file whole or not at all. All paths are walked by folder
descriptors without following links: a link planted in the phone folder is refused, not
followed. The open descriptor also holds the mount, so an eject finds the drive busy.

Everything here blocks; it is called in a thread (see ``ctlr.ingest.phone_uploads``).
"""

import errno
import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from ctlr.ingest.phone_names import find_clash, other_name
from ctlr.kernel.errors import Refusal
from ctlr.layout.raw import LoggingLayout

STAGING_PREFIX = ".upload-"

_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FULL = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True)
class StoredFile:
    """A file of an upload: its name below the session's phone folder, bytes, SHA-256 in hex, and
    what the client called it."""

    name: str
    size: int
    sha256: str
    sent_as: str


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turn the drive's errors into ``Refusal``: ``storage_full`` or ``storage_unavailable``."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise storage_full() from error
        raise storage_unavailable(error.strerror) from error


def storage_full() -> Refusal:
    return Refusal(
        "storage_full",
        "The drive is full, so nothing of this upload was stored. The recording on the "
        "phone is untouched: keep it, make room on the drive, and send it again.",
    )


def storage_unavailable(reason: str | None) -> Refusal:
    return Refusal(
        "storage_unavailable",
        f"The drive cannot store the upload ({reason}). The recording on the phone is untouched: "
        "keep it, check the drive, and send it again.",
    )


def staging_name() -> str:
    """A name for a new upload's staging folder."""
    return f"{STAGING_PREFIX}{secrets.token_hex(4)}"


class Staging:
    """One upload on its way. Every method but ``discard`` raises ``Refusal``.

    ``folder`` is a new name from ``staging_name``.
    """

    def __init__(self, layout: LoggingLayout, folder: str, *, require_mount: bool) -> None:
        self._folder = folder
        self._layout = layout
        self._files: list[StoredFile] = []
        self._file_fd = -1
        self._phone_fd = -1
        self._staging_fd = -1
        self._name = self._sent_as = ""
        with storage_errors():
            try:
                self._open_folders(require_mount=require_mount)
            except BaseException:
                self.discard()
                raise

    def _open_folders(self, *, require_mount: bool) -> None:
        root_fd = os.open(self._layout.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if require_mount:
                _refuse_bare_mountpoint(root_fd, self._layout)
            self._phone_fd = _open_folder(root_fd, _phone_folder(self._layout))
        finally:
            os.close(root_fd)
        self._staging_fd = _open_folder(self._phone_fd, self._folder)

    def free_bytes(self) -> int:
        """What the drive has room for, what is kept free on it included."""
        with storage_errors():
            space = os.fstatvfs(self._phone_fd)
        return space.f_bavail * space.f_frsize

    def begin_file(self, name: str, sent_as: str) -> None:
        """A file follows. A second one of a name gets another, so that neither is lost."""
        self._name = other_name(name, [file.name for file in self._files])
        self._sent_as, self._size, self._hash = sent_as, 0, hashlib.sha256()
        with storage_errors():
            staged = str(len(self._files))
            self._file_fd = os.open(staged, _NEW_FILE, 0o644, dir_fd=self._staging_fd)

    def write(self, data: bytes) -> None:
        with storage_errors():
            view = memoryview(data)
            while view:
                view = view[os.write(self._file_fd, view) :]
        self._hash.update(data)
        self._size += len(data)

    def end_file(self) -> None:
        """Flush the file. A failed flush ends the upload; it is never tried again."""
        with storage_errors():
            fd, self._file_fd = self._file_fd, -1
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
        digest = self._hash.hexdigest()
        self._files.append(StoredFile(self._name, self._size, digest, self._sent_as))

    def commit(self, uuid: str) -> tuple[StoredFile, ...]:
        """Give the files their names in the session's folder, durably."""
        if not self._files:
            raise Refusal(
                "no_files",
                "The upload holds no file, so nothing was stored. Send the phone's files as the "
                "form fields files.",
            )
        with storage_errors():
            session_fd = _open_folder(self._phone_fd, uuid)
            try:
                self._give_way(list(_stored_names(session_fd)))
                self._rename_all(session_fd)
                os.fsync(session_fd)
            finally:
                os.close(session_fd)
        return tuple(self._files)

    def _give_way(self, stored: list[str]) -> None:
        """Other names for files that cannot stand beside those that are stored already."""
        for number, file in enumerate(self._files):
            if find_clash(file.name, stored):
                mine = [other.name for other in self._files if other is not file]
                self._files[number] = replace(file, name=other_name(file.name, mine, stored))

    def _rename_all(self, session_fd: int) -> None:
        for number, file in enumerate(self._files):
            folder, _, base = file.name.rpartition("/")
            folder_fd = _open_folder(session_fd, folder) if folder else os.dup(session_fd)
            try:
                os.rename(str(number), base, src_dir_fd=self._staging_fd, dst_dir_fd=folder_fd)
                os.fsync(folder_fd)
            finally:
                os.close(folder_fd)

    def discard(self) -> None:
        """Remove what is staged and let go of the drive. What cannot be removed now is removed
        by ``clean_staging`` later."""
        for fd in (self._file_fd, self._staging_fd):
            _close(fd)
        if self._phone_fd >= 0:
            shutil.rmtree(self._folder, ignore_errors=True, dir_fd=self._phone_fd)
        _close(self._phone_fd)
        self._file_fd = self._staging_fd = self._phone_fd = -1


def clean_staging(layout: LoggingLayout, *, in_use: frozenset[str] = frozenset()) -> int:
    """Remove what uploads left behind when the program or the power went away.

    ``in_use`` are the staging folders of uploads that still run. Returns how many folders were
    removed; a missing phone folder is none. Raises ``OSError``.
    """
    path = layout.root / _phone_folder(layout)
    try:
        phone_fd = os.open(path, _OPEN_FOLDER)
    except FileNotFoundError:
        return 0
    try:
        stale = [
            name
            for name in os.listdir(phone_fd)
            if name.startswith(STAGING_PREFIX) and name not in in_use
        ]
        for name in stale:
            shutil.rmtree(name, dir_fd=phone_fd)
        return len(stale)
    finally:
        os.close(phone_fd)


def _close(fd: int) -> None:
    if fd >= 0:
        with suppress(OSError):  # what was written is thrown away
            os.close(fd)


def _phone_folder(layout: LoggingLayout) -> str:
    return layout.phone_session("any").relative_to(layout.root).parts[0]


def _refuse_bare_mountpoint(root_fd: int, layout: LoggingLayout) -> None:
    # Below a mountpoint without its drive lies the SD card: a full one stops the controller.
    # Asked of the descriptor, so that an unmount just before or after changes nothing.
    if os.fstat(root_fd).st_dev == os.stat(layout.root.parent).st_dev:
        raise storage_unavailable("the logging drive is not mounted")


def _open_folder(parent_fd: int, name: str) -> int:
    """Open a folder, made durably if it is not there. A link instead of one is an ``OSError``."""
    try:
        os.mkdir(name, 0o755, dir_fd=parent_fd)
        os.fsync(parent_fd)
    except FileExistsError:
        pass  # opened below, or refused there if it is not a folder
    return os.open(name, _OPEN_FOLDER, dir_fd=parent_fd)


def _stored_names(session_fd: int) -> Iterator[str]:
    """Names below a session's phone folder, at most one folder deep."""
    for name in os.listdir(session_fd):
        status = os.stat(name, dir_fd=session_fd, follow_symlinks=False)
        if not stat.S_ISDIR(status.st_mode):
            yield name
            continue
        with suppress(NotADirectoryError, FileNotFoundError):  # swapped since the stat
            folder_fd = os.open(name, _OPEN_FOLDER, dir_fd=session_fd)
            try:
                yield from [f"{name}/{inner}" for inner in os.listdir(folder_fd)]
            finally:
                os.close(folder_fd)
