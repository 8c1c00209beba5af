"""Files that are put into an emulated machine's disk before it is switched on."""

import subprocess
from pathlib import Path

from rig.qemu import write_files


def _read(disk: Path, path: str) -> str | None:
    done = subprocess.run(
        ["debugfs", "-R", f"cat {path}", disk], capture_output=True, text=True, check=True
    )
    return None if "File not found" in done.stderr else done.stdout


def test_files_are_put_replaced_and_taken_away_and_the_disk_passes_fsck(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    for name in ("hostname", "fstab", "kept"):
        (root / "etc" / name).write_text(f"old {name}\n")
    disk = tmp_path / "disk.img"
    disk.write_bytes(b"")
    subprocess.run(["truncate", "-s", "16M", disk], check=True)
    subprocess.run(["mkfs.ext4", "-q", "-d", root, disk], check=True)
    write_files(
        disk, {"/etc/hostname": "new\n", "/etc/fstab": None, "/etc/added": "more\n"}, tmp_path
    )
    assert _read(disk, "/etc/hostname") == "new\n"
    assert _read(disk, "/etc/fstab") is None
    assert _read(disk, "/etc/added") == "more\n"
    assert _read(disk, "/etc/kept") == "old kept\n"
    subprocess.run(["e2fsck", "-f", "-n", disk], capture_output=True, check=True)
