"""A short soak: the seed's story is told, nothing is lost and nothing is left behind."""

import asyncio
import sys
from pathlib import Path

import pytest
from tests.e2e.programs import processes_left

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(400)
async def test_nothing_is_lost_under_random_faults(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.soak", "--seed", "1", "--minutes", "0.4"),
        *("--keep", str(tmp_path / "soak")),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0, printed.decode()
    assert await processes_left(tmp_path) == []
