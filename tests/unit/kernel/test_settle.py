"""In a process of its own: what is frozen stays so, and modules stay loaded."""

import subprocess
import sys

PROGRAM = """
import asyncio, gc, sys

from ctlr.kernel.serving import settle

kept = [[] for _ in range(100_000)]
asyncio.run(settle())
assert not any(one is kept for one in gc.get_objects()), "the collector still looks at them"
assert "anyio._backends._asyncio" in sys.modules
"""


def test_what_is_there_at_the_start_is_left_out_of_collections() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)
