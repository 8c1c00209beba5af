"""One drive for all tests that only read it, and a copy for those that change something."""

import shutil
from pathlib import Path

import pytest
from tests.component.reader.drive import make_drive


@pytest.fixture(scope="session")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session's folder; nobody writes to it."""
    return make_drive(tmp_path_factory.mktemp("drive")).folder


@pytest.fixture
def copy(drive: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(drive, tmp_path / drive.name))
