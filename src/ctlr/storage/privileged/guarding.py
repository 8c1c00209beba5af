"""A mount point that cannot be written to while nothing is mounted on it.

The recordings of many a rig have gone to the SD card below an empty mount point. Here it is
root's, mode 0555, and immutable where the file system below can do that (``chattr +i``): then
not even root writes there, and a mount on top still works.
"""

import errno
import fcntl
import os
import struct
from typing import Any

from ctlr.kernel.errors import Refusal
from ctlr.storage.privileged.policy import Volume

BARE_MODE = 0o555

_GET_FLAGS, _SET_FLAGS, _IMMUTABLE = 0x80086601, 0x40086602, 0x10
_CANNOT = (errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL, errno.EPERM)


def guard(volume: Volume) -> dict[str, Any]:
    """Make the bare mount point unwritable, and first of all make it. ``immutable`` tells whether
    also root is kept out, ``empty`` whether nothing lies there. Raises ``Refusal`` ``mounted``,
    ``not_ours`` (this program can give nothing to root), ``OSError``."""
    parent, name = os.path.split(volume.path)
    parent_fd = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            os.mkdir(name, BARE_MODE, dir_fd=parent_fd)
        except FileExistsError:
            pass
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(name, flags, dir_fd=parent_fd)
        try:
            # Asked of the opened folder itself: whatever is mounted from now on, this is not it.
            if os.fstat(fd).st_dev != os.fstat(parent_fd).st_dev:
                raise Refusal("mounted", f"Something is mounted on {volume.path}.")
            return {"immutable": _make_unwritable(fd), "empty": not os.listdir(fd)}
        finally:
            os.close(fd)
    finally:
        os.close(parent_fd)


def _make_unwritable(fd: int) -> bool:
    if _flags(fd) & _IMMUTABLE:
        return True
    if os.fstat(fd).st_uid != 0:
        raise Refusal("not_ours", "The mount point is not root's; run install.sh again.")
    os.fchmod(fd, BARE_MODE)
    try:
        fcntl.ioctl(fd, _SET_FLAGS, struct.pack("l", _flags(fd) | _IMMUTABLE))
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
        return False
    return True


def _flags(fd: int) -> int:
    try:
        found: int = struct.unpack("l", fcntl.ioctl(fd, _GET_FLAGS, struct.pack("l", 0)))[0]
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
        return 0
    return found
