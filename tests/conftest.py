import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

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


@pytest.fixture
def logging_as_it_was() -> Iterator[None]:
    """For a test that sets up logging: the next test finds it as this one did."""
    root = logging.getLogger()
    handlers, level, before = list(root.handlers), root.level, structlog.get_config()
    yield
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)
