"""``ctlr subscribe-logs`` as a process, with a real broker, a disk of its own and a fake Loki."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from tests.component.telemetry.broker import MOSQUITTO, PACKAGING, Broker
from tests.fakes.loki import Loki

from ctlr.config import DatabaseSettings, LogSettings, MqttSettings, Settings, StorageSettings
from ctlr.logbook.entry import read_message
from ctlr.logbook.reader import LogQuery, read_page
from ctlr.logbook.store import LogStore, Stored, log_path
from ctlr.simulator.places import to_toml
from ctlr.storage.drive_file import DriveRecord, write_record
from ctlr.storage.mountinfo import mounts_at
from ctlr.storage.table import read_table

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")

NODES = ("cam-01", "cam-02", "phone")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path / "broker")
    broker.start()
    yield broker
    broker.kill()


class Subscriber:
    """The process of a controller, and what it has stored."""

    def __init__(
        self, folder: Path, port: int, *, must_be_mounted: bool = False, **logs: Any
    ) -> None:
        self.logging = folder / "logging"
        self.logging.mkdir()
        self.path = self.logging / "logs" / "logs.db"
        self._config = folder / "ctlr.toml"
        self._output = folder / "subscriber.log"
        settings = Settings(
            node="melb-01-ctlr",
            mqtt=MqttSettings(host="127.0.0.1", port=port, spool=folder / "spool.db"),
            storage=StorageSettings(logging=self.logging, require_mounts=must_be_mounted),
            database=DatabaseSettings(path=folder / "ctlr.db"),
            logs=LogSettings(**logs),
        )
        values = settings.model_dump(mode="json", exclude_none=True)
        self._config.write_text(to_toml(values))
        self._child: subprocess.Popen[bytes] | None = None

    def start(self, **environment: str) -> None:
        command = [sys.executable, "-W", "error", "-m", "ctlr", "--config", str(self._config)]
        with open(self._output, "ab") as output:
            self._child = subprocess.Popen(
                [*command, "subscribe-logs"], stderr=output, env=os.environ | environment
            )

    def send(self, number: signal.Signals) -> None:
        assert self._child
        self._child.send_signal(number)

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self._child
        self.send(number)
        return await asyncio.to_thread(self._child.wait, 30)

    def output(self) -> str:
        return self._output.read_text()

    def holds_the_drive(self) -> bool:
        assert self._child
        folder = Path(f"/proc/{self._child.pid}/fd")
        # A path within a file system that is not mounted any more lacks the mount point.
        return any("/logs/logs.db" in os.readlink(fd) for fd in folder.iterdir())

    def records(self, **query: Any) -> list[Stored]:
        found: list[Stored] = []
        for level in ("DEBUG", "METRICS"):
            query |= {"after": 0, "limit": 100_000, "level": level}
            found += read_page(self.path, LogQuery(**query)).records
        return found

    def numbers(self, node: str) -> list[int]:
        """``number`` of each of a node's records, in the order in which they were stored."""
        try:
            records = [json.loads(record.payload) for record in self.records(node=node)]
        except FileNotFoundError:
            return []
        return [record["number"] for record in records if "number" in record]


@asynccontextmanager
async def subscribing(folder: Path, port: int, **options: Any) -> AsyncIterator[Subscriber]:
    subscriber = Subscriber(folder, port, **options)
    subscriber.start()
    try:
        yield subscriber
    finally:
        await subscriber.end(signal.SIGKILL)


async def until(holds: Any, within_s: float = 60) -> None:
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 - another process has no event
            await asyncio.sleep(0.05)


@asynccontextmanager
async def client_of(broker: Broker) -> AsyncIterator[aiomqtt.Client]:
    async with aiomqtt.Client("127.0.0.1", broker.port, max_inflight_messages=100) as client:
        client.pending_calls_threshold = 1000
        yield client


def line(number: int, **fields: Any) -> str:
    record = {"ts": "2026-04-14T10:40:00.123Z", "level": "INFO", "component": "test"}
    return json.dumps(record | {"message": "m", "number": number, "id": f"t-{number}"} | fields)


async def say(broker: Broker, first: int, last: int) -> None:
    """Each node says the numbers from ``first`` to ``last``, in order."""
    async with client_of(broker) as client:
        await asyncio.gather(
            *(
                client.publish(f"logging/{node}", line(number), qos=1)
                for number in range(first, last + 1)
                for node in NODES
            )
        )


async def subscribed(subscriber: Subscriber) -> None:
    await until(lambda: "records come from the broker" in subscriber.output())


@pytest.mark.timeout(240)
async def test_killed_again_and_again_it_has_each_record_once_and_so_has_loki(
    broker: Broker, tmp_path: Path
) -> None:
    trouble = ["500", "ok", "cut", "429", "refuse", "ok", "cut", "ok", "cut"]
    async with (
        Loki(trouble) as loki,
        subscribing(tmp_path, broker.port, loki_url=loki.url) as subscriber,
    ):
        await subscribed(subscriber)
        seeded = random.Random(6)
        for part in range(4):
            await say(broker, 300 * part, 300 * part + 299)
            await asyncio.sleep(
                seeded.uniform(0, 1.5)
            )  # anywhere between arrival and acknowledgement
            await subscriber.end(signal.SIGKILL)
            subscriber.start()
        await until(lambda: all(len(subscriber.numbers(node)) >= 1200 for node in NODES))
        for node in NODES:
            assert subscriber.numbers(node) == list(range(1200))
        await loki.until(3 * 1200)
        said = [(line["id"], line["number"]) for line in loki.lines() if "number" in line]
        assert sorted(said) == sorted((f"t-{n}", n) for n in range(1200) for _ in NODES)
        assert "cut" in loki.pushes
        labels = {dict(labels)["node"] for labels in loki.streams}
        assert labels - {"melb-01-ctlr"} == set(NODES)


async def test_it_lets_go_at_the_end_and_misses_nothing_meanwhile(
    broker: Broker, tmp_path: Path
) -> None:
    async with subscribing(tmp_path, broker.port) as subscriber:
        await subscribed(subscriber)
        await say(broker, 0, 49)
        assert await subscriber.end() == 0
        stored = subscriber.numbers("cam-01")  # the others the broker keeps for it
        assert stored == list(range(len(stored)))
        await say(broker, 50, 199)
        subscriber.start()
        await until(lambda: len(subscriber.numbers("phone")) >= 200)
        assert all(subscriber.numbers(node) == list(range(200)) for node in NODES)


HOSTILE: list[tuple[str, bytes | str]] = [
    ("logging/cam-01", b"\xff\xfe\x00\x01"),
    ("logging/cam-01", ""),
    ("logging/cam-01", "x" * (1 << 20)),
    ("logging/cam-01", "[" * 60_000),
    ("logging/cam-01", '{"id": {"a": 1}, "ts": [], "level": {}, "node": "#"}'),
    ("logging/cam-01", '{"ts": "0001-01-01T00:00:00Z", "message": "\\u0000\\ud800"}'),
    ("logging/cam-01", '{"ts": "9999-12-31T23:59:59.999+00:00", "number": 1e999}'),
    ("logging/cam-01", '{"number": ' + "9" * 5000 + "}"),
    ("logging/no node", line(1)),
    ("logging/a/b/c", line(1)),
    ("logging/", line(1)),
    ("logging", line(1)),
    ("logging/nobody-knows-me", line(1)),
    ("status/recording", "{}"),
]


async def test_nothing_that_is_sent_does_harm(broker: Broker, tmp_path: Path) -> None:
    async with (
        Loki() as loki,
        subscribing(tmp_path, broker.port, loki_url=loki.url) as subscriber,
    ):
        await subscribed(subscriber)
        async with client_of(broker) as client:
            for qos in (0, 1, 2):
                for topic, payload in HOSTILE:
                    await client.publish(topic, payload, qos=qos)
            await client.publish("logging/cam-02", line(0), qos=1, retain=True)
            await client.publish("logging/cam-02", line(1), qos=1)
        await until(lambda: subscriber.numbers("cam-02") == [0, 1])
        assert subscriber.numbers("nobody-knows-me") == [1]
        stored = {record.node for record in subscriber.records()}
        assert stored - {"melb-01-ctlr"} == {"cam-01", "cam-02", "nobody-knows-me"}
        await until(lambda: 1 in [said.get("number") for said in loki.lines()])
        assert await subscriber.end() == 0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator["Disk"]:
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    disk = Disk(tmp_path / "logging")
    yield disk
    subprocess.run(["umount", "-l", disk.folder], check=False, stderr=subprocess.DEVNULL)


class Disk:
    """A disk of a few MiB, of memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def mount(self, size: str = "4m") -> None:
        """Mounted, and found to be one of ours by the controller."""
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "ctlr-test", self.folder], check=True
        )
        number = mounts_at(read_table(), str(self.folder))[-1].device_number
        write_record(self.folder.parent, DriveRecord(open={"logging": number}))

    def write_protect(self) -> None:
        subprocess.run(["mount", "-o", "remount,ro", self.folder], check=True)

    def pull(self) -> None:
        """Away from everybody at once; who has a file of it open still has that file."""
        subprocess.run(["umount", "-l", self.folder], check=True)

    def unmount(self) -> bool:
        """Whether nobody holds it."""
        done = subprocess.run(["umount", self.folder], check=False, stderr=subprocess.DEVNULL)
        return done.returncode == 0


async def test_without_the_drive_records_wait_and_nothing_is_made_below_it(
    broker: Broker, tmp_path: Path, disk: Disk
) -> None:
    async with subscribing(tmp_path, broker.port, must_be_mounted=True) as subscriber:
        await subscribed(subscriber)
        await say(broker, 0, 999)  # more than the broker lets out at a time
        await until(lambda: "records cannot be stored" in subscriber.output())
        assert not subscriber.path.parent.exists()
        disk.mount()
        await until(lambda: len(subscriber.numbers("phone")) == 1000)
        assert all(subscriber.numbers(node) == list(range(1000)) for node in NODES)
        assert await subscriber.end() == 0
        assert disk.unmount()


async def test_a_drive_that_is_pulled_is_let_go_and_taken_up_again(
    broker: Broker, tmp_path: Path, disk: Disk
) -> None:
    async with subscribing(tmp_path, broker.port, must_be_mounted=True) as subscriber:
        await subscribed(subscriber)
        disk.mount()
        await say(broker, 0, 9)
        await until(lambda: len(subscriber.numbers("phone")) == 10)
        assert subscriber.holds_the_drive()
        disk.pull()
        await until(lambda: not subscriber.holds_the_drive())
        await say(broker, 10, 19)
        assert list(disk.folder.iterdir()) == []
        disk.mount()  # as if it had lost what was not flushed: another, empty one
        await until(lambda: len(subscriber.numbers("phone")) == 10)
        assert subscriber.numbers("phone") == list(range(10, 20))


def test_a_drive_that_cannot_be_written_to_can_be_read(disk: Disk) -> None:
    disk.folder.mkdir()
    disk.mount()
    path = log_path(disk.folder)
    store = LogStore(path, 1000, 64 << 20)
    entry = read_message("logging/cam-01", line(1).encode(), 0)
    assert entry
    store.append([entry])
    store.close()
    disk.write_protect()
    assert [record.node for record in read_page(path, LogQuery()).records] == ["cam-01"]


async def test_a_full_drive_costs_nothing_but_time(
    broker: Broker, tmp_path: Path, disk: Disk
) -> None:
    async with subscribing(tmp_path, broker.port, must_be_mounted=True) as subscriber:
        await subscribed(subscriber)
        disk.mount("2m")
        await say(broker, 0, 9)
        await until(lambda: len(subscriber.numbers("phone")) == 10)
        ballast = disk.folder / "ballast"
        with pytest.raises(OSError, match="No space"):
            ballast.write_bytes(bytes(2 << 20))
        await say(broker, 10, 1009)
        await until(lambda: "records cannot be stored" in subscriber.output())
        ballast.unlink()
        await until(lambda: len(subscriber.numbers("phone")) == 1010)
        assert all(subscriber.numbers(node) == list(range(1010)) for node in NODES)


async def test_a_broker_that_is_killed_and_comes_back(broker: Broker, tmp_path: Path) -> None:
    async with subscribing(tmp_path, broker.port) as subscriber:
        await subscribed(subscriber)
        await say(broker, 0, 99)
        await broker.save()
        broker.kill()
        broker.start()
        await say(broker, 100, 199)
        await until(lambda: len(subscriber.numbers("phone")) == 200)
        assert all(subscriber.numbers(node) == list(range(200)) for node in NODES)


async def test_with_users_and_rights_as_on_a_rig(tmp_path: Path) -> None:
    broker = Broker.as_installed(tmp_path / "broker")
    controller = users_script(broker, "controller", "melb-01-ctlr")
    camera = users_script(broker, "node", "cam-01")["CTLR_MQTT__PASSWORD"]
    broker.start()
    subscriber = Subscriber(tmp_path, broker.port)
    subscriber.start(**controller)
    try:
        await subscribed(subscriber)
        async with aiomqtt.Client(
            "127.0.0.1", broker.port, username="cam-01", password=camera
        ) as node:
            for topic in ("cam-02", "phone", "cam-01"):
                await node.publish(f"logging/{topic}", line(1), qos=1)
        await until(lambda: subscriber.numbers("cam-01") == [1])
        nodes = {record.node for record in subscriber.records()}
        assert nodes - {"melb-01-ctlr"} == {"cam-01"}  # the subscriber's own lines come as well
        assert controller["CTLR_MQTT__PASSWORD"] not in subscriber.output()
    finally:
        await subscriber.end(signal.SIGKILL)
        broker.kill()


def users_script(broker: Broker, role: str, name: str) -> dict[str, str]:
    """What the script prints for a new user's environment."""
    script, folder = str(PACKAGING / "mqtt-user.sh"), str(broker.folder)
    command = [script, role, name, "--folder", folder, "--no-reload"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(line.split("=", 1) for line in done.stdout.splitlines())
