"""A service ends when it is told to, and says so when a part of it has died."""

import asyncio
import os
import signal

import pytest

from ctlr.kernel.service import Lifetime, PartDiedError, stop_on_signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_in_good_order(number: signal.Signals) -> None:
    lifetime = Lifetime("the test")
    stop_on_signals(lifetime.stopped)
    try:
        asyncio.get_running_loop().call_soon(os.kill, os.getpid(), number)
        await lifetime.wait()
        lifetime.check()
    finally:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
        asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)


async def test_a_part_that_dies_ends_it_and_is_named() -> None:
    lifetime = Lifetime("the test")
    asyncio.get_running_loop().call_soon(lifetime.die)
    await lifetime.wait()
    with pytest.raises(PartDiedError, match="A part of the test died"):
        lifetime.check()
