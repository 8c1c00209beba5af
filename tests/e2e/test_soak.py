"""A short soak: the seed's story is told, nothing is lost and nothing is left behind."""

import asyncio
import sys
from pathlib import Path

import pytest
from tests.e2e.programs import processes_left

SOAK = Path(__file__).parents[2] / "script" / "soak.py"


@pytest.mark.timeout(400)
async def test_nothing_is_lost_under_random_faults(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(SOAK), "--seed", "1", "--minutes", "0.4"),
        *("--keep", str(tmp_path / "soak")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0, printed.decode()
    assert await processes_left(tmp_path) == []
