from pathlib import Path

import pytest

from ctlr.storage.mountinfo import Mount, mounts_at, parse_mountinfo

TABLE = """\
22 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw,errors=remount-ro
31 22 8:17 / /mnt/logging rw,nosuid shared:5 master:2 - ext4 /dev/sdb1 rw
32 22 8:18 / /mnt/sync ro,nosuid - exfat /dev/sdb2 rw,iocharset=utf8
33 22 8:33 / /mnt/sync rw,nosuid - exfat /dev/sdc2 rw
34 22 8:49 / /mnt/with\\040a\\011tab\\134\\012 rw - vfat /dev/disk\\040one rw
35 22 0:50 / /mnt/logging2 rw - tmpfs tmpfs rw,emergency_ro
36 22 0:51 / /mnt/empty rw - fuse.x  rw
"""


def at(path: str) -> list[Mount]:
    found = mounts_at(TABLE, path)
    assert found == [mount for mount in parse_mountinfo(TABLE) if mount.mount_point == path]
    return found


def test_a_mount_is_found_with_its_device() -> None:
    (mount,) = at("/mnt/logging")
    assert (mount.fs_type, mount.source, mount.device_number) == ("ext4", "/dev/sdb1", "8:17")
    assert not mount.read_only
    assert {"rw", "nosuid"} <= mount.options


def test_a_bare_folder_is_no_mount() -> None:
    assert at("/mnt") == []
    assert at("/mnt/logging/") == []


def test_stacked_mounts_come_in_the_order_of_the_kernel() -> None:
    assert [mount.source for mount in at("/mnt/sync")] == ["/dev/sdb2", "/dev/sdc2"]


def test_escapes_are_undone() -> None:
    (mount,) = at("/mnt/with a\ttab\\\n")
    assert mount.source == "/dev/disk one"


def test_read_only_by_mount_or_by_file_system() -> None:
    assert at("/mnt/sync")[0].read_only
    assert at("/mnt/logging2")[0].read_only
    assert not at("/")[0].read_only


@pytest.mark.parametrize("odd", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\udcff"])
def test_a_label_with_an_odd_character_does_not_cut_the_line(odd: str) -> None:
    line = f"40 22 8:65 / /media/{odd}label rw - vfat /dev/sdd1 rw"
    (mount,) = mounts_at(f"{TABLE}{line}\n", f"/media/{odd}label")
    assert mount.source == "/dev/sdd1"


def test_this_machines_table_can_be_read() -> None:
    table = Path("/proc/self/mountinfo").read_text("utf-8", errors="surrogateescape")
    assert mounts_at(table, "/proc")
