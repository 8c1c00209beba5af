"""How an unprivileged process gets done what only root may do.

It asks the privileged program through its socket. Where there is no socket and the process is
root itself (tests, a bench without services), the same verbs are done here, in a thread of their
own with the same deadline. Where there is neither, the refusal says how to get one.
"""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from ctlr.config import StorageSettings
from ctlr.kernel.errors import Refusal
from ctlr.kernel.threads import in_thread
from ctlr.storage.privileged.policy import UNITS, policy_of
from ctlr.storage.privileged.verbs import DRIVE, perform

__all__ = ["DRIVE", "UNITS", "PrivilegedClient"]

DEADLINE_S = {"check": 660.0, "find": 20.0, "holders": 10.0}
USUAL_DEADLINE_S = 60.0


class PrivilegedClient:
    """Asks for privileged verbs. Nothing is remembered between two calls."""

    def __init__(self, storage: StorageSettings) -> None:
        self._storage = storage

    @property
    def is_there(self) -> bool:
        """Whether there is anybody to ask."""
        return self._socket.exists() or os.geteuid() == 0

    async def ask(self, verb: str, target: str) -> dict[str, Any]:
        """The result of a verb. Raises ``Refusal`` with the code of what was in the way;
        ``not_permitted`` where nobody can be asked, ``hung`` where no answer came in time."""
        deadline_s = DEADLINE_S.get(verb, USUAL_DEADLINE_S)
        try:
            if self._socket.exists():
                return await self._ask_socket(verb, target, deadline_s)
            if os.geteuid() == 0:
                policy = policy_of(self._storage.model_dump(mode="json"))
                return await in_thread(deadline_s, lambda: perform(verb, target, policy))
        except TimeoutError as error:
            detail = f"No answer to {verb} {target} within {deadline_s:g} s."
            raise Refusal("hung", detail) from error
        except OSError as error:
            raise Refusal("failed", f"{verb} {target} failed: {error}.") from error
        raise Refusal(
            "not_permitted",
            f"This needs root ({verb} {target}), and nothing listens at {self._socket}. Is "
            "ctlr-privileged.socket running? Without services, run ctlr as root.",
        )

    @property
    def _socket(self) -> Path:
        return self._storage.privileged_socket

    async def _ask_socket(self, verb: str, target: str, deadline_s: float) -> dict[str, Any]:
        async with asyncio.timeout(deadline_s):
            reader, writer = await asyncio.open_unix_connection(self._socket)
            try:
                writer.write(json.dumps({"verb": verb, "target": target}).encode() + b"\n")
                await writer.drain()
                line = await reader.readline()
            finally:
                writer.close()
        try:
            answer = json.loads(line)
            if answer["ok"]:
                result: dict[str, Any] = answer["result"]
                return result
            raise Refusal(answer["code"], answer["detail"], **answer["extra"])
        except (ValueError, KeyError, TypeError) as error:
            raise Refusal("failed", f"{verb} {target} got no answer that can be read.") from error
