"""A body comes whole, small and in time, or not at all."""

import asyncio
from collections.abc import Iterable

import pytest
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from ctlr.kernel.small_body import small

DISCONNECT: Message = {"type": "http.disconnect"}


def piece(body: bytes, *, more: bool) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def receiving(messages: Iterable[Message]) -> Receive:
    """Hands them out, and then nothing for ever."""
    waiting = list(messages)

    async def receive() -> Message:
        if waiting:
            return waiting.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    return receive


async def test_what_fits_passes_as_it_is() -> None:
    sent = [piece(b"ab", more=True), piece(b"cd", more=False), DISCONNECT]
    receive = small(receiving(sent), max_bytes=4, within_s=5)
    assert [await receive() for _ in sent] == sent


async def test_one_byte_more_is_too_much() -> None:
    receive = small(receiving([piece(b"abcd", more=True), piece(b"e", more=True)]), 4, 5)
    await receive()
    with pytest.raises(HTTPException) as refused:
        await receive()
    assert refused.value.status_code == 413


async def test_what_comes_by_drops_is_not_waited_for() -> None:
    receive = small(receiving([piece(b"a", more=True)]), within_s=0.01)
    await receive()
    with pytest.raises(HTTPException) as refused:
        await receive()
    assert refused.value.status_code == 408


async def test_after_the_body_there_is_no_hurry() -> None:
    receive = small(receiving([piece(b"", more=False)]), within_s=0.01)
    await receive()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await receive()
