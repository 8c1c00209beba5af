"""One HTTP request to a camera node. The controller's one home of aiohttp."""

import os
from collections.abc import Mapping
from typing import ClassVar

import aiohttp

CONNECT_TIMEOUT_S = 0.5
MAX_ANSWER_BYTES = 256 * 1024
_JSON = {"Content-Type": "application/json"}


class TooLongError(aiohttp.ClientError):
    """A node answers more than any node has to say."""


class NodeHttp:
    """A connection pool to all nodes, with what may go wrong by kind. Made in a running loop."""

    UNCONNECTED: ClassVar = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
    """Nothing was sent, so the node cannot have acted."""
    DISCONNECTED: ClassVar = (aiohttp.ClientConnectionError,)
    """A kept-alive connection may have gone since; the node may have acted."""
    ERRORS: ClassVar = (aiohttp.ClientError,)

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=60),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S),
            headers={"Accept-Encoding": "identity"},
            skip_auto_headers=("User-Agent", "Accept"),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )

    async def close(self) -> None:
        await self._session.close()

    async def request(self, method: str, url: str, body: bytes | None) -> tuple[int, bytes]:
        """The status and the content of the answer. Raises one of ``ERRORS``."""
        async with self._session.request(
            method, url, data=body, headers=_JSON if body else None, allow_redirects=False
        ) as response:
            return response.status, await _read_bounded(response, MAX_ANSWER_BYTES)

    async def fetch(self, url: str, most_bytes: int) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and content of a file of the node. Raises one of ``ERRORS``."""
        async with self._session.get(url, allow_redirects=False) as response:
            content = await _read_bounded(response, most_bytes)
            return response.status, response.headers, content

    @staticmethod
    def explain(error: Exception) -> str:
        """What was seen of the node, for a person."""
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            return f"not reachable: no connection within {CONNECT_TIMEOUT_S:g} s"
        if isinstance(error, TooLongError):
            return str(error)
        if isinstance(error, TimeoutError):
            return "no answer in time"
        if isinstance(error, aiohttp.ClientConnectorError):
            reason = os.strerror(error.errno) if error.errno else str(error.os_error)
            return f"not reachable: {reason}"
        return f"broke off its answer ({type(error).__name__})"


async def _read_bounded(response: aiohttp.ClientResponse, most_bytes: int) -> bytes:
    content = b""
    while piece := await response.content.readany():
        content += piece
        if len(content) > most_bytes:
            raise TooLongError(f"answered more than {most_bytes // 1024} KiB")
    return content
