"""A plugin for pytest: ``-p tests.delays`` with ``CTLR_DELAYS=SEED`` wakes every task late."""

import asyncio
import os
from pathlib import Path

from tests.delays.sitecustomize import LatePolicy


def pytest_configure() -> None:
    """In this process, and in each that it starts."""
    seed = os.environ.setdefault("CTLR_DELAYS", "1")
    asyncio.set_event_loop_policy(LatePolicy(seed))
    found = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [str(Path(__file__).parent), *([found] if found else [])]
    )


def pytest_report_header() -> str:
    return f"tasks are woken late: CTLR_DELAYS={os.environ['CTLR_DELAYS']}"
