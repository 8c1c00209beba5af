import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

SHARED_MEMORY = Path("/dev/shm")


def pytest_configure() -> None:
    # Without this, Python 3.11 makes a loop when pytest-asyncio asks for the current one, which
    # nobody closes; the ResourceWarning for it would fail the run.
    asyncio.set_event_loop(None)


@pytest.fixture
def faketime_cleans_up() -> Iterator[None]:
    """libfaketime names its shared memory by process id and leaves it behind when the process
    is ended; a later process with that id would find it."""
    before = set(SHARED_MEMORY.glob("*faketime*"))
    yield
    for left in set(SHARED_MEMORY.glob("*faketime*")) - before:
        left.unlink(missing_ok=True)
