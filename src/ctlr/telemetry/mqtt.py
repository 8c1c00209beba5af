"""The one connection to the broker: connect, say what holds, send what waits, and again.

Nothing waits for this loop. A broker that is away, stopped, slow or full only makes the spool
grow; the loop comes back with a growing pause of at most ``RETRY.longest_s``. Records go out oldest
first with QoS 1 and are removed once the broker has acknowledged them; of a batch that broke off,
the acknowledged beginning is removed, so even a crawling broker makes progress.

Retained topics tell what holds now: ``status/recording``, and one of the process itself, which the
broker turns to offline (last will) when the process goes away without a word.
"""

import asyncio
import hashlib
import hmac
import json
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

import aiomqtt
import structlog

from ctlr.config import MqttSettings
from ctlr.kernel.backoff import Attempts, Backoff
from ctlr.telemetry.broker_log import TOPIC as BROKER_LOG
from ctlr.telemetry.outbox import Outbox

BATCH = 1024
IN_FLIGHT = 32
CONNECT_S = 4.0
ACKNOWLEDGE_S = 30.0
RETRY = Backoff(first_s=1.0, longest_s=30.0)
KEEPALIVE_S = 30

_log = structlog.get_logger("telemetry")


class Publisher:
    """``identifier`` names the session at the broker, no other process may have the same;
    ``own_topic`` is where the broker keeps whether this process is there. ``hear`` is called with
    the lines of the broker's own log, as far as that lets this process read it."""

    def __init__(
        self,
        settings: MqttSettings,
        identifier: str,
        own_topic: str,
        outbox: Outbox,
        hear: Callable[[str], None] | None = None,
    ) -> None:
        self._hear = hear
        self.connected = False
        self.error: str | None = None
        """Why it is not connected, in the library's words; None while it is."""
        self._settings = settings
        self._identifier = identifier
        self._own_topic = own_topic
        self._outbox = outbox
        self._recording: dict[str, Any] | None = None
        self._said = True  # whether the broker has been told of the present recording
        self._away = False  # whether the log has been told that the broker is away
        self._warn_if_open()

    def set_recording(self, *, recording: bool, uuid: str | None, duration: float | None) -> None:
        """What ``status/recording`` says from now on; ``duration`` in seconds."""
        self._recording = {"recording": recording, "uuid": uuid, "duration": duration}
        self._said = False
        self._outbox.stored.set()

    async def run(self) -> None:
        """Connect and send for as long as the service lasts."""
        attempts = Attempts(RETRY)
        while True:
            try:
                async with self._client() as client:
                    self._connection(up=True)
                    attempts.succeeded()
                    await self._serve(client)
            except (aiomqtt.MqttError, OSError) as error:
                self._connection(up=False, error=error)
            except Exception:  # a library's surprise must not stop the service
                self.connected = False
                _log.exception("sending log records failed; trying again")
            _end_if_cancelled()
            await asyncio.sleep(attempts.failed())

    def _client(self) -> aiomqtt.Client:
        client = aiomqtt.Client(
            self._settings.host,
            self._settings.port,
            username=self._settings.username,
            password=password_of(self._settings),
            identifier=self._identifier,
            tls_context=tls_context(self._settings),
            will=aiomqtt.Will(self._own_topic, _status(online=False), qos=1, retain=True),
            timeout=CONNECT_S,
            keepalive=KEEPALIVE_S,
            max_inflight_messages=IN_FLIGHT,
            max_concurrent_outgoing_calls=IN_FLIGHT,
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )
        client.pending_calls_threshold = IN_FLIGHT + 1
        return client

    async def _serve(self, client: aiomqtt.Client) -> None:
        """Send until the connection is lost. Raises ``MqttError``."""
        tasks: set[asyncio.Task[None]] = set()
        try:
            await self._say(client, self._own_topic, _status(online=True))
            _end_if_cancelled()
            # A publish waits for its acknowledgement only: that the connection is gone, it misses.
            tasks = {
                asyncio.create_task(self._send_forever(client), name="mqtt-send"),
                asyncio.create_task(self._listen(client), name="mqtt-listen"),
            }
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except asyncio.CancelledError:
            with suppress(aiomqtt.MqttError, TimeoutError):
                async with asyncio.timeout(1):
                    await self._say(client, self._own_topic, _status(online=False))
            raise
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _send_forever(self, client: aiomqtt.Client) -> None:
        self._said = self._recording is None
        while True:
            if not self._said:
                self._said = True
                await self._say(client, "status/recording", json.dumps(self._recording))
            sent = await self._send_batch(client)
            _end_if_cancelled()
            if not sent:
                await self._outbox.stored.wait()

    async def _say(self, client: aiomqtt.Client, topic: str, payload: str) -> None:
        await client.publish(topic, payload, qos=1, retain=True)

    async def _send_batch(self, client: aiomqtt.Client) -> bool:
        """Send the oldest records; False if there was none. Raises ``MqttError``."""
        batch = await self._outbox.next_batch(BATCH)
        results = await asyncio.gather(
            *(
                client.publish(record.topic, record.payload, qos=1, timeout=ACKNOWLEDGE_S)
                for record in batch
            ),
            return_exceptions=True,
        )
        errors = [number for number, result in enumerate(results) if result is not None]
        acknowledged = batch[: errors[0]] if errors else batch
        if acknowledged:
            await self._outbox.acknowledge(acknowledged[-1])
        if errors:
            error = results[errors[0]]
            assert isinstance(error, BaseException)
            raise error
        return bool(batch)

    async def _listen(self, client: aiomqtt.Client) -> None:
        """Raises ``MqttError`` when the connection ends. A broker that does not let its log be read
        lets everything else be done."""
        if self._hear is not None:
            with suppress(aiomqtt.MqttError):  # if the connection is lost, the next line says so
                await client.subscribe(BROKER_LOG)
        async for message in client.messages:
            if self._hear is not None and isinstance(message.payload, bytes):
                self._hear(message.payload.decode(errors="replace"))

    def _connection(self, *, up: bool, error: Exception | None = None) -> None:
        self.connected = up
        self.error = str(error) if error else None
        if up and self._away:
            _log.info("MQTT broker is back; sending what waited")
        elif not up and not self._away:
            where = f"{self._settings.host}:{self._settings.port}"
            _log.warning(
                "MQTT broker is away; log records wait in the spool, recording is not affected",
                broker=where,
                error=str(error),
            )
        self._away = not up

    def _warn_if_open(self) -> None:
        if not is_loopback(self._settings.host) and not self._settings.username:
            _log.warning(
                "MQTT broker without a password beyond this machine: anyone on the network may "
                "read and forge log records; set mqtt.username and mqtt.password",
                broker=self._settings.host,
            )


def _end_if_cancelled() -> None:
    """Raises ``CancelledError`` if this task was told to end and the library has lost that: its
    ``wait_for`` does in Python 3.11 when the answer comes in the same moment (python/cpython#86296),
    and a disconnect that fails puts an ``MqttError`` in its place."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def client_id(settings: MqttSettings, node: str, process: str) -> str:
    """What a process is called at the broker: the same after a restart, so that it has its session
    again, and nothing that anybody else can say. The broker lets a client take over the session of
    another by its id alone, and an id made of names alone is known to every node; so the password
    plays a part, of which nothing can be read from the id."""
    name = f"ctlr-{node}-{process}"
    password = password_of(settings)
    if password is None:
        return name
    return f"{name}-{hmac.new(password.encode(), name.encode(), hashlib.sha256).hexdigest()[:24]}"


def password_of(settings: MqttSettings) -> str | None:
    return settings.password.get_secret_value() if settings.password else None


def tls_context(settings: MqttSettings) -> ssl.SSLContext | None:
    return ssl.create_default_context(cafile=settings.ca_file) if settings.tls else None


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own, by its form."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _status(*, online: bool) -> str:
    return json.dumps({"online": online})
