"""Telemetry against a real broker that is killed, stopped, slow to come, or picky."""

import asyncio
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from tests.component.telemetry.broker import MOSQUITTO, Broker, Subscriber

from ctlr.config import MqttSettings, Settings
from ctlr.kernel.clock import SystemClock
from ctlr.kernel.errors import Refusal
from ctlr.telemetry.process import telemetry_of
from ctlr.telemetry.rate import BURST
from ctlr.telemetry.record import make_record
from ctlr.telemetry.sink import Telemetry

pytestmark = [
    pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed"),
    pytest.mark.usefixtures("logging_as_it_was"),
]

CLOCK = SystemClock()
PUBLISH, SUBSCRIBE = 3, 8


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path / "broker")
    broker.start()
    yield broker
    broker.kill()


@asynccontextmanager
async def telemetry(
    port: int, folder: Path, process: str = "serve", **mqtt: Any
) -> AsyncIterator[Telemetry]:
    values = {"host": "127.0.0.1", "port": port, "spool": folder / "spool.db"} | mqtt
    settings = Settings(node="melb-01-ctlr", mqtt=MqttSettings.model_validate(values))
    died: list[bool] = []
    async with telemetry_of(settings, process, lambda: died.append(True)) as (telemetry, _):
        yield telemetry
    assert not died


def say(telemetry: Telemetry, number: int) -> None:
    now_ms = CLOCK.now_ms()
    telemetry.publish(make_record(now_ms, "melb-01-ctlr", "test", "INFO", "m", number=number))


async def until(holds: Any, within_s: float = 20) -> None:
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 - another process has no event
            await asyncio.sleep(0.02)


async def test_nothing_is_lost_or_out_of_order_while_the_broker_is_killed(
    broker: Broker, tmp_path: Path
) -> None:
    async with (
        Subscriber(broker.port, "logging/#") as subscriber,
        telemetry(broker.port, tmp_path) as sink,
    ):
        for number in range(900):
            say(sink, number)
            if number in (300, 600):
                await subscriber.until(number + 1)
                await broker.save()
                broker.signal(signal.SIGSTOP)  # takes bytes, but acknowledges none
            if number in (350, 650):
                broker.kill()
            if number in (400, 700):
                broker.start()
            await asyncio.sleep(0.002)
        assert await subscriber.until(900) == list(range(900))
        assert sink.broker.dropped == 0


async def test_records_survive_a_killed_publisher(broker: Broker, tmp_path: Path) -> None:
    async with Subscriber(broker.port, "logging/#") as subscriber:
        await broker.save()
        broker.kill()
        for first in (0, 300):
            child = talker(broker.port, tmp_path, first, 300)
            child.kill()
            child.wait(5)
        broker.start()
        child = talker(broker.port, tmp_path, 600, 100)
        try:
            assert await subscriber.until(700) == list(range(700))
        finally:
            child.kill()
            child.wait(5)


def talker(port: int, folder: Path, first: int, count: int) -> "subprocess.Popen[bytes]":
    script = Path(__file__).with_name("talker.py")
    child = subprocess.Popen(
        [sys.executable, str(script), str(port), str(folder / "talk.db"), str(first), str(count)],
        stdout=subprocess.PIPE,
    )
    assert child.stdout
    with child.stdout:
        assert child.stdout.readline() == b"stored\n"
    return child


async def test_what_holds_now_is_retained_and_a_vanished_node_is_offline(
    broker: Broker, tmp_path: Path
) -> None:
    child = talker(broker.port, tmp_path, 0, 0)
    await until(lambda: retained(broker, "status/node/talker") == '{"online": true}')
    recording = '{"recording": true, "uuid": "u", "duration": 1.5}'
    await until(lambda: retained(broker, "status/recording") == recording)
    child.kill()
    child.wait(5)
    await until(lambda: retained(broker, "status/node/talker") == '{"online": false}')


def retained(broker: Broker, topic: str) -> str:
    done = subprocess.run(
        ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(broker.port), "-t", topic, "-C", "1",
         "-W", "1"],
        capture_output=True, check=False, text=True,
    )  # fmt: skip
    return done.stdout.strip()


async def test_an_orderly_end_says_offline_and_a_change_is_seen(
    broker: Broker, tmp_path: Path
) -> None:
    async with telemetry(broker.port, tmp_path) as sink:
        await until(lambda: sink.broker.connected)
        sink.set_recording(recording=True, uuid="a", duration=0)
        await until(lambda: '"uuid": "a"' in retained(broker, "status/recording"))
        sink.set_recording(recording=False, uuid=None, duration=None)
        await until(lambda: '"recording": false' in retained(broker, "status/recording"))
    assert retained(broker, "status/node/melb-01-ctlr") == '{"online": false}'


class AgreeableBroker:
    """Acknowledges what one connection says, in packets that are short. Nobody may read its log."""

    def __init__(self) -> None:
        self.said: list[bytes] = []
        self.acknowledged = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._read_packet(reader)
        writer.write(b"\x20\x02\x00\x00")  # connected
        while (packet := await self._read_packet(reader))[0] in {PUBLISH, SUBSCRIBE}:
            kind, body = packet
            if kind == SUBSCRIBE:
                writer.write(b"\x90\x03" + body[:2] + b"\x80")
                continue
            number_at = 2 + int.from_bytes(body[:2])  # behind the topic
            self.said.append(body[number_at + 2 :])
            writer.write(b"\x40\x02" + body[number_at : number_at + 2])
            self.acknowledged.set()
        writer.close()
        await writer.wait_closed()

    async def _read_packet(self, reader: asyncio.StreamReader) -> tuple[int, bytes]:
        """Kind and body of the next packet; kind 0 when there is no more."""
        try:
            first, length = await reader.readexactly(2)
            assert length < 128, "a longer packet has more bytes of length"
            return first >> 4, await reader.readexactly(length)
        except asyncio.IncompleteReadError:
            return 0, b""


@pytest.mark.parametrize("turns", range(8))
async def test_an_end_as_a_message_is_acknowledged_is_an_end(turns: int, tmp_path: Path) -> None:
    """In some of the loop's turns the library loses the cancellation (Python 3.11)."""
    broker = AgreeableBroker()
    server = await asyncio.start_server(broker.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with asyncio.timeout(20), server, telemetry(port, tmp_path):
        await broker.acknowledged.wait()
        for _ in range(turns):
            await asyncio.sleep(0)
    assert broker.said == [b'{"online": true}', b'{"online": false}']


async def test_only_one_process_speaks_for_the_node(broker: Broker, tmp_path: Path) -> None:
    node = "status/node/melb-01-ctlr"
    async with (
        Subscriber(broker.port, "logging/#") as subscriber,
        telemetry(broker.port, tmp_path, "serve"),
    ):
        await until(lambda: retained(broker, node) == '{"online": true}')
        async with telemetry(broker.port, tmp_path, "listen-can") as sink:
            say(sink, 1)
            await subscriber.until(1)
            await until(lambda: retained(broker, f"{node}/listen-can") == '{"online": true}')
        assert retained(broker, f"{node}/listen-can") == '{"online": false}'
        assert retained(broker, node) == '{"online": true}'


async def test_lines_of_a_process_go_out_with_its_name(broker: Broker, tmp_path: Path) -> None:
    async with (
        Subscriber(broker.port, "logging/#") as subscriber,
        telemetry(broker.port, tmp_path, "watch-mounts"),
    ):
        structlog.get_logger().info("hello")
        structlog.get_logger("storage").error("drive gone", mount="sync")
        await until(lambda: len(subscriber.lines) == 2)
    said = [(r["level"], r["component"], r["message"]) for _, r in subscriber.lines]
    assert said == [("INFO", "watch-mounts", "hello"), ("ERROR", "storage", "drive gone")]


async def test_a_stopped_broker_holds_up_nobody(broker: Broker, tmp_path: Path) -> None:
    async with (
        Subscriber(broker.port, "logging/#") as subscriber,
        telemetry(broker.port, tmp_path) as sink,
    ):
        say(sink, 0)
        await subscriber.until(1)
        broker.signal(signal.SIGSTOP)
        longest_s = 0.0
        for number in range(1, 2001):
            before = time.monotonic()
            say(sink, number)
            await asyncio.sleep(0.001)
            longest_s = max(longest_s, time.monotonic() - before)
        broker.signal(signal.SIGCONT)
        assert await subscriber.until(2001) == list(range(2001))
        assert longest_s < 3  # no wait for a broker is that short


async def test_the_spool_is_bounded_and_the_newest_stay(broker: Broker, tmp_path: Path) -> None:
    async with Subscriber(broker.port, "logging/#") as subscriber:
        await broker.save()
        broker.kill()
        async with telemetry(broker.port, tmp_path, spool_max_records=100) as sink:
            for number in range(500):
                say(sink, number)
            await until(lambda: sink.broker.dropped >= 400)
        broker.start()
        async with telemetry(broker.port, tmp_path, spool_max_records=100) as sink:
            await until(lambda: 499 in subscriber.numbers())
            # All but a few: the warning that the spool is full took a place too.
            assert subscriber.numbers()[-90:] == list(range(410, 500))


async def test_a_phones_log_entry_goes_to_its_own_topic(broker: Broker, tmp_path: Path) -> None:
    async with (
        Subscriber(broker.port, "logging/#") as subscriber,
        telemetry(broker.port, tmp_path) as sink,
    ):
        sink.log_entry({"message": "tap\nstart", "node": "#"})
        await until(lambda: subscriber.lines)
        topic, record = subscriber.lines[0]
        assert topic == "logging/phone"
        assert record["message"] == "tap\\nstart"
        for _ in range(BURST - 1):
            sink.log_entry({"message": "loop"})
        with pytest.raises(Refusal, match="log_rate_limited"):
            sink.log_entry({"message": "loop"})


async def test_health_goes_out_by_itself(broker: Broker, tmp_path: Path) -> None:
    async with (
        Subscriber(broker.port, "logging/#") as subscriber,
        telemetry(broker.port, tmp_path),
    ):
        await until(lambda: subscriber.lines)
        topic, record = subscriber.lines[0]
    assert topic == "logging/melb-01-ctlr"
    assert (record["component"], record["level"]) == ("health", "METRICS")
    assert {"ts", "cpu", "mem", "temp", "disk"} <= set(record)


@pytest.fixture
def passwords(tmp_path: Path) -> Path:
    file = tmp_path / "passwords"
    command = ["mosquitto_passwd", "-b", "-c", str(file), "rig", "secret"]
    subprocess.run(command, check=True, capture_output=True)
    return file


async def test_a_broker_with_a_password(tmp_path: Path, passwords: Path) -> None:
    broker = Broker(tmp_path / "broker", [f"password_file {passwords}"], anonymous=False)
    broker.start()
    try:
        async with telemetry(broker.port, tmp_path, username="rig", password="secret") as sink:
            await until(lambda: sink.broker.connected)
        async with telemetry(broker.port, tmp_path, username="rig", password="wrong") as sink:
            await until(lambda: sink.broker.error is not None)
            assert not sink.broker.connected
    finally:
        broker.kill()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    file = tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(tmp_path / "key.pem"), "-out", str(file)],
        check=True, capture_output=True,
    )  # fmt: skip
    return file


# paho-mqtt leaves the socket of a failed handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_broker_with_tls(tmp_path: Path, certificate: Path) -> None:
    key = certificate.with_name("key.pem")
    broker = Broker(tmp_path / "broker", [f"certfile {certificate}", f"keyfile {key}"])
    broker.start()
    try:
        async with telemetry(broker.port, tmp_path, tls=True, ca_file=certificate) as sink:
            await until(lambda: sink.broker.connected)
        async with telemetry(broker.port, tmp_path, tls=True) as sink:  # a stranger's certificate
            await until(lambda: "certificate" in (sink.broker.error or ""))
            assert not sink.broker.connected
    finally:
        broker.kill()
