"""Telemetry of one process: the one object that the rest of the program talks to.

Build it in the composition root, give ``publish`` to ``configure_logging``, ``log_entry`` to the
API, call ``set_recording`` on every change, and close it after its loops have ended
(``ctlr.telemetry.process`` does all that for a process). None of its calls waits for a broker or
a disk.

Several processes of a node send records. One of them speaks for the node: it measures the
machine, and the broker tells when it is gone (``status/node/{node}``); of the others that is told
under ``status/node/{node}/{process}``.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ctlr.config import Settings
from ctlr.kernel.clock import Clock
from ctlr.kernel.errors import Refusal
from ctlr.kernel.tasks import BackgroundTasks
from ctlr.telemetry.broker_log import RefusedClients
from ctlr.telemetry.health import Health, HealthSensor
from ctlr.telemetry.mqtt import Publisher, client_id
from ctlr.telemetry.outbox import Outbox
from ctlr.telemetry.rate import RateLimit
from ctlr.telemetry.record import Record, client_record, make_record

HEALTH_INTERVAL_S = 5.0
SPEAKS_FOR_NODE = frozenset({"serve", "camera"})


@dataclass(frozen=True)
class BrokerState:
    """``waiting``: records in the spool at the last reading of the health; ``dropped``: records
    lost since the start; ``error``: why it is not connected."""

    connected: bool
    waiting: int
    dropped: int
    error: str | None = None


class Telemetry:
    """Made inside a running event loop. ``process`` is the verb of this process, such as
    ``serve``: each process of a node has a spool file and a broker session of its own."""

    def __init__(self, settings: Settings, process: str, clock: Clock) -> None:
        mqtt = settings.mqtt
        self._node = settings.node
        self._clock = clock
        path = mqtt.spool.with_name(f"{mqtt.spool.stem}-{process}{mqtt.spool.suffix}")
        self._outbox = Outbox(path, mqtt.spool_max_records, mqtt.spool_max_mb << 20)
        self._speaks_for_node = process in SPEAKS_FOR_NODE
        origin = settings.node if self._speaks_for_node else f"{settings.node}/{process}"
        self._refused = RefusedClients()
        self._publisher = Publisher(
            mqtt,
            client_id(mqtt, settings.node, process),
            f"status/node/{origin}",
            self._outbox,
            self._hear_broker if process == "serve" else None,
        )
        self._client_rate = RateLimit()
        self._sensor = HealthSensor()
        self.health: Health = self._sensor.read()
        """The newest reading, at most ``HEALTH_INTERVAL_S`` old while the loops run."""
        self._waiting = 0

    @property
    def broker(self) -> BrokerState:
        return BrokerState(
            self._publisher.connected, self._waiting, self._outbox.dropped, self._publisher.error
        )

    def refused_clients(self) -> dict[str, int]:
        """How often the broker has turned away whom lately, by address; known to the controller."""
        return self._refused.lately(self._clock.monotonic())

    def _hear_broker(self, line: str) -> None:
        self._refused.hear(line, self._clock.monotonic())

    def start(self, tasks: BackgroundTasks) -> None:
        tasks.start_loop("telemetry-spool", self._outbox.write_forever())
        tasks.start_loop("telemetry-mqtt", self._publisher.run())
        if self._speaks_for_node:
            tasks.start_loop("telemetry-health", self._report_health())

    def publish(self, record: Record) -> None:
        """Send a record made by ``ctlr.telemetry.record``. From any thread; never raises."""
        self._outbox.publish(record)

    def publish_metrics(self, component: str, message: str, fields: Mapping[str, Any]) -> None:
        """Send a METRICS record of this node."""
        now_ms = self._clock.now_ms()
        self.publish(make_record(now_ms, self._node, component, "METRICS", message, **fields))

    def log_entry(self, entry: object) -> None:
        """Send a phone's log entry. Raises ``Refusal``: ``invalid_log``, ``log_rate_limited``."""
        record = client_record(entry, self._clock.now_ms())
        if not self._client_rate.take(self._clock.monotonic()):
            raise Refusal(
                "log_rate_limited",
                "Too many log entries at once; this one was not kept. Recording is not affected: "
                "send fewer, or wait some seconds.",
                retry_after_s=1,
            )
        self.publish(record)

    def set_recording(self, *, recording: bool, uuid: str | None, duration: float | None) -> None:
        """What the retained topic ``status/recording`` says from now on; duration in seconds."""
        self._publisher.set_recording(recording=recording, uuid=uuid, duration=duration)

    async def store(self) -> None:
        """Put what has been published so far into the spool now. Raises nothing of the card."""
        await self._outbox.write()

    async def close(self) -> None:
        """Store what has not gone out. After the background tasks have been closed."""
        await self._outbox.close()

    async def _report_health(self) -> None:
        while True:
            await asyncio.sleep(HEALTH_INTERVAL_S)
            self.health = self._sensor.read()
            self._waiting = await self._outbox.waiting()
            fields = self.health.fields() | {
                "mqtt_waiting": self._waiting,
                "mqtt_dropped": self._outbox.dropped,
            }
            self.publish_metrics("health", "health", fields)
