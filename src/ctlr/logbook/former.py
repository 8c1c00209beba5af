"""The session at the broker that an earlier version had under a name that everybody knows.

What waits there is taken, and the session is ended: else the broker would go on keeping every record
for it, and whoever takes the name would get them. Where there is none any more, nothing happens.
"""

import asyncio
from collections.abc import Callable

import aiomqtt
import structlog
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ctlr.config import MqttSettings
from ctlr.kernel.backoff import Attempts, Backoff
from ctlr.logbook.tail import Ticket
from ctlr.telemetry.mqtt import password_of, tls_context

QUIET_S = 3.0
CONNECT_S = 4.0
RETRY = Backoff(first_s=2.0, longest_s=60.0)

_log = structlog.get_logger("logbook")


async def end_former_session(
    settings: MqttSettings, identifier: str, receive: Callable[[str, bytes, Ticket | None], None]
) -> None:
    """Ends when it is done; a broker that is away is waited for."""
    attempts = Attempts(RETRY)
    while True:
        try:
            taken = await _empty(settings, identifier, receive)
        except (aiomqtt.MqttError, OSError):
            await asyncio.sleep(attempts.failed())
            continue
        if taken:
            _log.info("took what waited for an earlier version", records=taken)
        return


async def _empty(
    settings: MqttSettings, identifier: str, receive: Callable[[str, bytes, Ticket | None], None]
) -> int:
    """How many records waited. With an expiry of 0 the session ends with the connection."""
    connect = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's own
    connect.SessionExpiryInterval = 0
    taken = 0
    async with aiomqtt.Client(
        settings.host,
        settings.port,
        username=settings.username,
        password=password_of(settings),
        identifier=identifier,
        protocol=aiomqtt.ProtocolVersion.V5,
        clean_start=False,
        properties=connect,
        tls_context=tls_context(settings),
        timeout=CONNECT_S,
    ) as client:
        try:
            while True:
                async with asyncio.timeout(QUIET_S):
                    message = await anext(client.messages)
                receive(str(message.topic), bytes(message.payload), None)
                taken += 1
        except TimeoutError:
            return taken
