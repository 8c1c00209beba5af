"""What an emulated machine starts from: Debian's kernel, an initrd that finds the disk, the disk.

``add_kernel`` makes a layer over the bare system, built once: the kernel with all its modules,
an initrd with only what the emulated disk needs (it is unpacked by an emulated processor), the
guest agent, and tools for cameras, CAN and the network that a scenario uses. ``pack`` makes a
disk of any layers over it, without mounting one.
"""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rig.image import MOUNT_DEBS, Image, kept
from rig.qemu import VmImage
from rig.shell import sh

PACKAGES = (
    "linux-image-amd64",
    "initramfs-tools",
    "zstd",
    "qemu-guest-agent",
    "can-utils",
    "v4l-utils",
    "iproute2",
    "curl",
)
DISK_MB = 4096
_INITRD = "MODULES=list\nCOMPRESS=gzip\n"
_INITRD_MODULES = "virtio_pci\nvirtio_blk\next4\ncrc32c_generic\n"
_FSTAB = "/dev/vda / ext4 rw,noatime,errors=remount-ro 0 1\n"
_NOT_NEEDED = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "systemd-pstore.service",
    "getty@tty1.service",
)
"""Units of Debian that cost an emulated processor seconds and that no rig is about."""


def add_kernel(image: Image) -> Path:
    """The layer that goes over ``image.root``; ``image.debs`` must hold ``PACKAGES``."""
    inputs = [image.root.name, image.debs.name, _INITRD, _INITRD_MODULES, _FSTAB, *_NOT_NEEDED]
    return kept("kernel", inputs, lambda folder: _install_kernel(image, folder))


def pack(lower: Sequence[Path], folder: Path) -> VmImage:
    """A disk, kernel and initrd in ``folder``, of layers given topmost first."""
    with tempfile.TemporaryDirectory(prefix="ctlr-rig-") as scratch:
        whole = Path(scratch) / "whole"
        whole.mkdir()
        layers = ":".join(str(layer) for layer in lower)
        sh(["mount", "-t", "overlay", "-o", f"lowerdir={layers}", "rig", whole])
        try:
            image = VmImage.in_folder(folder)
            shutil.copy(next(whole.glob("boot/vmlinuz-*")), image.kernel)
            shutil.copy(next(whole.glob("boot/initrd.img-*")), image.initrd)
            with open(image.disk, "wb") as file:
                file.truncate(DISK_MB << 20)
            sh(["mkfs.ext4", "-q", "-F", "-d", whole, image.disk])
        finally:
            sh(["umount", whole])
    return image


def _install_kernel(image: Image, layer: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=".kernel-", dir=layer.parent) as scratch:
        whole, work = Path(scratch) / "whole", Path(scratch) / "work"
        whole.mkdir()
        work.mkdir()
        options = f"lowerdir={image.root},upperdir={layer},workdir={work}"
        sh(["mount", "-t", "overlay", "-o", options, "rig", whole])
        try:
            _fill(whole, image.debs)
        finally:
            sh(["umount", whole])


def _fill(whole: Path, debs: Path) -> None:
    etc = whole / "etc"
    (etc / "initramfs-tools/conf.d").mkdir(parents=True)
    (etc / "initramfs-tools/conf.d/rig").write_text(_INITRD)
    (etc / "initramfs-tools/modules").write_text(_INITRD_MODULES)
    (etc / "fstab").write_text(_FSTAB)
    here = whole / MOUNT_DEBS.lstrip("/")
    here.mkdir(parents=True, exist_ok=True)
    sh(["mount", "--bind", debs, here])
    try:
        apt = ["chroot", str(whole), "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
        sh([*apt, "update"])
        sh([*apt, "install", "--yes", "--no-install-recommends", *PACKAGES])
    finally:
        sh(["umount", here])
    for unit in _NOT_NEEDED:
        (etc / "systemd/system" / unit).unlink(missing_ok=True)
        (etc / "systemd/system" / unit).symlink_to("/dev/null")
