"""``pip install ctlr`` without an extra: it reads and verifies a session, and brings no rig.

The wheel is built of a copy of this checkout and installed by pip into a fresh environment. What
it says that it requires is linked from the environment of the tests, so that nothing is fetched;
``pip check`` says whether that is all.
"""

import shutil
import subprocess
import sys
import venv
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from tests.component.reader.drive import make_drive
from tests.component.reader.test_anywhere import READ

ROOT = Path(__file__).parents[3]


def run(*command: object) -> str:
    done = subprocess.run(
        [*map(str, command)], capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def required(name: str, extra: str = "") -> set[str]:
    """What a package requires here, with all that is required by it."""
    found: set[str] = set()
    for text in distribution(name).requires or ():
        wanted = Requirement(text)
        if wanted.marker is None or wanted.marker.evaluate({"extra": extra}):
            found |= {wanted.name} | required(wanted.name)
    return found


def link(name: str, target: Path) -> None:
    files = distribution(name).files or ()
    for top in {file.parts[0] for file in files if ".." not in file.parts}:
        source = Path(str(distribution(name).locate_file(top)))
        if top != "__pycache__" and source.exists():
            (target / top).symlink_to(source)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the programs of an environment that has ctlr and nothing else."""
    root = tmp_path_factory.mktemp("plain")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, root / name)
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("src", "docs/how-to"):
        shutil.copytree(ROOT / name, root / name, ignore=ignored)
    build = [sys.executable, "-m", "hatchling", "build", "-d", "dist", "-t", "wheel"]
    subprocess.run(build, cwd=root, capture_output=True, timeout=110, check=True)
    venv.create(root / "venv", with_pip=True)
    (packages,) = (root / "venv").glob("lib/python*/site-packages")
    for name in required("ctlr"):
        link(name, packages)
    (wheel,) = (root / "dist").glob("*.whl")
    programs = root / "venv" / "bin"
    run(programs / "pip", "--quiet", "install", "--no-index", "--no-deps", wheel)
    return programs


def test_nothing_of_a_rig_is_required(plain: Path) -> None:
    assert "No broken requirements" in run(plain / "pip", "--disable-pip-version-check", "check")
    assert not required("ctlr") & {"fastapi", "aiohttp", "av", "psutil", "python-can", "pyarrow"}
    assert {"fastapi", "av", "python-can"} <= required("ctlr", "controller")
    assert {"fastapi", "av"} <= required("ctlr", "camera")


def test_it_reads_and_verifies_a_session(plain: Path, tmp_path: Path) -> None:
    folder = make_drive(tmp_path).folder
    said = run(plain / "python", "-c", f"import sys\n{READ}", folder).splitlines()
    assert said[0] == "50 5.0 missing True"
    assert "all as they were written" in run(plain / "ctlr", "verify", folder)
    assert "verify" in run(plain / "ctlr", "--help")


def test_a_verb_of_the_rig_says_which_extra_it_needs(plain: Path, tmp_path: Path) -> None:
    for verb in ("serve", "camera", "demo"):
        done = subprocess.run(
            [plain / "ctlr", verb], capture_output=True, text=True, timeout=60, cwd=tmp_path, check=False
        )  # fmt: skip
        assert done.returncode == 2, done.stderr
        assert "pip install 'ctlr[controller,camera]'" in done.stderr
