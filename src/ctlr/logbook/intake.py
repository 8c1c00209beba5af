"""A lasting session at the broker: everything under ``logging/#``, acknowledged when it is safe.

MQTT 5 with a session that the broker keeps for ``SESSION_S`` after we are gone: what is sent
meanwhile waits there, and what we had but did not acknowledge comes again. The broker lets out at
most ``IN_FLIGHT`` records without an acknowledgement and none above ``MAX_PACKET_BYTES``. An
acknowledgement counts in its own connection only: numbers are used again in the next one.

paho-mqtt and not aiomqtt, which acknowledges on arrival. The client lives in paho's own thread,
which connects again by itself; the event loop only sees that the thread is alive.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from ctlr.config import MqttSettings
from ctlr.kernel.threads import in_thread
from ctlr.logbook.entry import MAX_PAYLOAD_BYTES
from ctlr.logbook.tail import Ticket
from ctlr.telemetry.mqtt import password_of, tls_context

TOPIC = "logging/#"
IN_FLIGHT = 2000
MAX_PACKET_BYTES = MAX_PAYLOAD_BYTES + 1024
SESSION_S = 30 * 24 * 3600
KEEPALIVE_S = 30
MAX_PAUSE_S = 30
STOP_S = 3.0
WATCH_S = 1.0

Receive = Callable[[str, bytes, Ticket | None], None]
"""Gets topic, payload and what to acknowledge with, in paho's thread; must not raise."""

_log = structlog.get_logger("logbook")


class IntakeEndedError(Exception):
    """paho's thread has ended, which it never should."""


class Intake:
    """``identifier`` names the session at the broker: the same after a restart."""

    def __init__(self, settings: MqttSettings, identifier: str, receive: Receive) -> None:
        """Raises ``OSError`` when the TLS files cannot be read."""
        self.connected = False
        self._settings = settings
        self._receive = receive
        self._lock = threading.Lock()
        self._connection = 0
        self._told_away = False
        self._thread_name = f"paho-mqtt-client-{identifier}"
        self._client = self._make_client(identifier)

    async def run(self) -> None:
        """Connect, and again whenever the connection is lost. Raises ``IntakeEndedError``."""
        connect = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's own
        connect.SessionExpiryInterval = SESSION_S
        connect.ReceiveMaximum = IN_FLIGHT
        connect.MaximumPacketSize = MAX_PACKET_BYTES
        self._client.connect_async(
            self._settings.host,
            self._settings.port,
            KEEPALIVE_S,
            clean_start=False,
            properties=connect,
        )
        self._client.loop_start()
        while self._lives():  # noqa: ASYNC110 - a thread's end has no event
            await asyncio.sleep(WATCH_S)
        raise IntakeEndedError("the broker's client has ended")

    def acknowledge(self, tickets: Sequence[Ticket]) -> None:
        """The broker may forget these. Those of an earlier connection come again."""
        with self._lock:
            for ticket in tickets:
                if self.connected and ticket.connection == self._connection:
                    self._client.ack(ticket.mid, 1)

    async def stop(self) -> None:
        """Send what is to be sent, and leave; the session stays."""
        self._client.disconnect()
        try:
            await in_thread(STOP_S, self._client.loop_stop)
        except TimeoutError:
            _log.warning("the broker did not let go in time; the process ends without it")

    def _lives(self) -> bool:
        return any(thread.name == self._thread_name for thread in threading.enumerate())

    def _make_client(self, identifier: str) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2, identifier, protocol=paho.MQTTv5, manual_ack=True
        )
        if self._settings.username is not None:
            client.username_pw_set(self._settings.username, password_of(self._settings))
        if (tls := tls_context(self._settings)) is not None:
            client.tls_set_context(tls)
        client.reconnect_delay_set(1, MAX_PAUSE_S)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        return client

    def _on_connect(
        self, client: paho.Client, _: Any, flags: paho.ConnectFlags, code: ReasonCode, *__: Any
    ) -> None:
        if code.is_failure:
            self._tell_away(str(code))
            return
        with self._lock:
            self._connection += 1
            self.connected = True
        # What the broker retains there it sends only to a session that it does not know yet.
        options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
        client.subscribe(TOPIC, options=options)
        _log.info("records come from the broker", remembered=flags.session_present)
        self._told_away = False

    def _on_connect_fail(self, *_: Any) -> None:
        self._tell_away("no connection")

    def _on_disconnect(
        self, _: paho.Client, __: Any, ___: paho.DisconnectFlags, code: ReasonCode, *____: Any
    ) -> None:
        with self._lock:
            was_connected, self.connected = self.connected, False
        if was_connected and code.is_failure:
            self._tell_away(str(code))

    def _on_message(self, _: paho.Client, __: Any, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        ticket = Ticket(self._connection, message.mid) if message.qos else None
        self._receive(topic, bytes(message.payload), ticket)

    def _tell_away(self, reason: str) -> None:
        if not self._told_away:  # said once per trouble
            _log.warning(
                "no broker to take records from; they wait where they are made", error=reason
            )
        self._told_away = True
