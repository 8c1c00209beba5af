"""packaging/python pins what uv.lock pins: the same versions, the same hashes, nothing more."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
LOCK: list[dict[str, Any]] = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))["package"]
Pinned = dict[tuple[str, str], set[str]]
"""Hashes by name and version."""


def pinned_in(file: Path) -> Pinned:
    found: Pinned = {}
    for entry in re.split(r"\n(?=\S)", file.read_text("utf-8").strip()):
        name, version = re.findall(r"^([a-z0-9-]+)==(\S+)", entry)[0]
        found[name, version] = set(re.findall(r"--hash=(sha256:[0-9a-f]{64})", entry))
    return found


def locked(roots: list[dict[str, Any]]) -> Pinned:
    """What these dependencies need, with all that is needed by it."""
    found: Pinned = {}
    waiting = {dependency["name"] for dependency in roots}
    while waiting:
        name = waiting.pop()
        for package in (package for package in LOCK if package["name"] == name):
            if (name, package["version"]) in found:
                continue
            files = [*package.get("wheels", []), *filter(None, [package.get("sdist")])]
            found[name, package["version"]] = {file["hash"] for file in files}
            waiting |= {dependency["name"] for dependency in package.get("dependencies", [])}
    return found


@pytest.mark.parametrize("group", ["", "build"])
def test_an_installation_gets_what_the_lock_file_pins(group: str) -> None:
    (project,) = (package for package in LOCK if package["name"] == "ctlr")
    extras = project["optional-dependencies"]
    roles = [*project["dependencies"], *extras["controller"], *extras["camera"]]
    roots = project["dev-dependencies"][group] if group else roles
    file = f"requirements-{group}.txt" if group else "requirements.txt"
    pinned = pinned_in(ROOT / "packaging" / "python" / file)
    assert pinned == locked(roots), "run script/export_requirements.sh"
    assert all(pinned.values()), "a package without a hash cannot be installed with hashes"
