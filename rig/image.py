"""What a run starts from, built once and kept outside the checkout.

- ``root``: bare Debian as a small install leaves it: systemd, udev, no Python, none of ours.
- ``debs``: a Debian repository in one folder, with all that the installer asks apt for. A bare
  machine finds it as its only source, so apt does its real work and no machine needs a network.
- ``wheels``: every Python package of ``packaging/python``, by hash.

All of it lies in ``${XDG_CACHE_HOME:-~/.cache}/ctlr-rig`` under a key made of what goes in, and
appears by rename: a build that is interrupted is not there. A run puts layers over ``root``.
"""

import hashlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker

from rig.shell import sh

CHECKOUT = Path(__file__).resolve().parents[1]
PACKAGING = CHECKOUT / "packaging"
MIRROR = "http://deb.debian.org/debian"
SECURITY = "http://deb.debian.org/debian-security"
PYTHON = {"bookworm": "3.11", "trixie": "3.13"}
ROLES = ("controller", "camera")
BARE = "systemd,systemd-sysv,dbus,udev,kmod,iproute2,apt-utils"
MOUNT_DEBS = "/srv/debian"
MOUNT_WHEELS = "/srv/wheels"
_MARKER = re.compile(r" ;\s*([^\\\n]+?)\s*(?=\\|$)", re.MULTILINE)
VERSION = 1  # raised when what is built changes without its inputs changing


@dataclass(frozen=True)
class Image:
    """The three folders of a build, and the Debian release that they are of."""

    suite: str
    root: Path
    debs: Path
    wheels: Path


def cache_root() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(home) / "ctlr-rig"


def prepare(suite: str = "bookworm", extra_packages: Iterable[str] = ()) -> Image:
    """The image for a Debian release; builds what is missing, which takes minutes and a network.

    ``extra_packages`` go into ``debs`` beside those that the installer asks for.
    """
    packages = sorted({*installer_packages(), *extra_packages})
    root = kept("bare", [suite, BARE], lambda folder: _debootstrap(suite, folder))
    debs = kept(
        "debs", [suite, BARE, *packages], lambda folder: _collect_debs(root, packages, folder)
    )
    requirements = sorted((PACKAGING / "python").glob("*.txt"))
    texts = [file.read_text() for file in requirements]
    wheels = kept(
        "wheels",
        [PYTHON[suite], os.uname().machine, *texts],
        lambda folder: _collect_wheels(PYTHON[suite], requirements, folder),
    )
    return Image(suite, root, debs, wheels)


def installer_packages() -> list[str]:
    """The Debian packages that the installer asks for, for any role."""
    lists = [PACKAGING / "debian" / f"{role}.txt" for role in ROLES]
    return [
        line.split("#")[0].strip()
        for file in lists
        for line in file.read_text().splitlines()
        if line.split("#")[0].strip()
    ]


def key_of(inputs: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(inputs).encode()).hexdigest()[:16]


def kept(what: str, inputs: Iterable[str], build: Callable[[Path], object]) -> Path:
    """The folder built from these inputs; builds it when there is none."""
    folder = cache_root() / f"{what}-{key_of([str(VERSION), *inputs])}"
    if folder.is_dir():
        return folder
    print(f"rig: building {folder}", file=sys.stderr)
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{what}-", dir=folder.parent))
    unfinished.chmod(0o755)
    try:
        build(unfinished)
        if folder.is_dir():  # another run was faster
            shutil.rmtree(unfinished)
        else:
            unfinished.rename(folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return folder


def _debootstrap(suite: str, root: Path) -> None:
    sh(["debootstrap", "--variant=minbase", f"--include={BARE}", suite, root, MIRROR])
    sh(["chroot", root, "systemctl", "enable", "systemd-networkd"])
    shutil.rmtree(root / "var/cache/apt/archives", ignore_errors=True)
    (root / "etc/apt/sources.list").write_text(f"deb [trusted=yes] file:{MOUNT_DEBS} ./\n")


def _collect_debs(bare: Path, packages: list[str], target: Path) -> None:
    """Let the bare system's own apt work out and fetch what these packages need."""
    with tempfile.TemporaryDirectory(prefix="ctlr-rig-") as scratch:
        root = Path(scratch) / "root"
        sh(["cp", "-a", "--reflink=auto", bare, root])
        (root / "etc/resolv.conf").unlink(missing_ok=True)
        shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
        (root / "etc/apt/sources.list").write_text(_online_sources(bare))
        apt = ["chroot", str(root), "apt-get", "-qq", "-o", "Dir::Cache::archives=/archives"]
        (root / "archives/partial").mkdir(parents=True)
        sh([*apt, "update"])
        sh([*apt, "install", "--yes", "--no-install-recommends", "--download-only", *packages])
        for package in (root / "archives").glob("*.deb"):
            shutil.copy(package, target / package.name)
        (target / "Packages").write_text(
            sh(["chroot", root, "apt-ftparchive", "packages", "archives"]).replace(
                "Filename: archives/", "Filename: ./"
            )
        )


def _online_sources(bare: Path) -> str:
    suite = re.search(
        r"^VERSION_CODENAME=(\w+)$", (bare / "etc/os-release").read_text(), re.MULTILINE
    )
    assert suite, "os-release of a Debian has VERSION_CODENAME"
    name = suite[1]
    return (
        f"deb {MIRROR} {name} main\n"
        f"deb {MIRROR} {name}-updates main\n"
        f"deb {SECURITY} {name}-security main\n"
    )


def _collect_wheels(python: str, requirements: list[Path], target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="ctlr-rig-") as scratch:
        sh(["python3", "-m", "venv", f"{scratch}/venv"])
        pip = [f"{scratch}/venv/bin/pip", "download", "--quiet", "--require-hashes"]
        pip += ["--only-binary=:all:", "--python-version", python, "--dest", str(target)]
        for file in requirements:
            chosen = Path(scratch) / file.name
            chosen.write_text(requirements_for(python, file.read_text()))
            sh([*pip, "--requirement", str(chosen)])


def requirements_for(python: str, text: str) -> str:
    """The lines of a requirements file that hold for a version of Python, without their markers:
    pip would hold those against the Python that runs it."""
    environment = {"python_version": python, "python_full_version": f"{python}.0"}

    def choose(block: str) -> str:
        found = _MARKER.search(block)
        if found is None:
            return block
        return block.replace(found[0], " ", 1) if Marker(found[1]).evaluate(environment) else ""

    return "\n".join(map(choose, re.split(r"\n(?=\S)", text)))
