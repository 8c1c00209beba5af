"""In a process of its own: what is frozen stays so, and modules stay loaded."""

import subprocess
import sys

FROZEN = """
import asyncio, gc, sys

from ctlr.kernel.serving import warm_up

kept = [[] for _ in range(100_000)]
asyncio.run(warm_up())
assert not any(one is kept for one in gc.get_objects()), "the collector still looks at them"
assert "anyio._backends._asyncio" in sys.modules
"""

CHILD = """
import asyncio, subprocess, threading

from ctlr.kernel.serving import warm_up

async def main():
    await warm_up()
    child = await asyncio.create_subprocess_exec("cat", stdin=subprocess.PIPE)
    assert threading.active_count() == 1, threading.enumerate()
    child.stdin.close()
    assert await child.wait() == 0

asyncio.run(main())
"""


def test_what_is_there_at_the_start_is_left_out_of_collections() -> None:
    subprocess.run([sys.executable, "-c", FROZEN], check=True)


def test_no_thread_waits_for_a_child() -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", CHILD], check=True)
