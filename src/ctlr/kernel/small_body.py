"""A request's body that is small, and due: who sends without end fills the memory, and who sends by
drops holds a connection, and with it a place."""

import asyncio
import sys

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

BODY_S = 20.0


def small(receive: Receive, max_bytes: int = sys.maxsize, within_s: float = BODY_S) -> Receive:
    """``receive`` of a body that raises ``HTTPException``: 413 where there is more of it, 408 where
    it isn't whole in time. What comes after it, such as the end of the connection, may take as
    long as it likes."""
    ends_at = asyncio.get_running_loop().time() + within_s
    received, whole = 0, False

    async def receive_small() -> Message:
        nonlocal received, whole
        if whole:
            return await receive()
        try:
            async with asyncio.timeout_at(ends_at):
                message = await receive()
        except TimeoutError as error:
            raise HTTPException(408, "The request did not come in whole in time") from error
        received += len(message.get("body", b""))
        if received > max_bytes:
            raise HTTPException(413, f"The request is larger than {max_bytes // 1024} KiB")
        whole = not message.get("more_body", False)
        return message

    return receive_small
