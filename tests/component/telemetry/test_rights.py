"""Who may say and read what at a real mosquitto with the configuration that a rig gets (T8)."""

import asyncio
import itertools
import json
import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from pydantic import SecretStr
from tests.component.telemetry.broker import MOSQUITTO, PACKAGING, Broker
from tests.fakes.camera_node import CameraNode
from tests.fakes.controller import running, settings_in, until

from ctlr.config import MqttSettings, Settings, StorageSettings
from ctlr.logbook.reader import LogQuery, read_page
from ctlr.logbook.store import log_path
from ctlr.simulator.places import to_toml
from ctlr.telemetry.mqtt import client_id

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")

CTLR = "melb-01-ctlr"
ROLES = {CTLR: "controller", "cam-01": "node", "cam-02": "node", "desk": "reader"}
EVERYTHING = ("logging/#", "status/#", "$SYS/broker/version", "#")

WITH_A_WILL = """
import asyncio, sys, aiomqtt
async def main(port, password, topic):
    will = aiomqtt.Will(topic, "gone", qos=1, retain=True)
    async with aiomqtt.Client("127.0.0.1", int(port), username="cam-01", password=password, will=will):
        print("connected", flush=True)
        await asyncio.sleep(60)
asyncio.run(main(*sys.argv[1:]))
"""


class Rig:
    """A broker as installed, its users, and the script that makes them."""

    def __init__(self, folder: Path) -> None:
        self.broker = Broker.as_installed(folder)
        self.folder = folder
        self._numbers = itertools.count()
        self.passwords = {name: password_in(self.script(ROLES[name], name)) for name in ROLES}

    def script(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        done = run_script(self.folder, *arguments)
        assert done.returncode == 0, done.stderr
        return done

    @asynccontextmanager
    async def client(
        self, name: str | None, password: str | None = None, will: aiomqtt.Will | None = None
    ) -> AsyncIterator[aiomqtt.Client]:
        async with aiomqtt.Client(
            *("127.0.0.1", self.broker.port),
            username=name,
            password=password or self.passwords.get(name or ""),
            identifier=f"test-{next(self._numbers)}",
            will=will,
        ) as client:
            yield client

    async def refuses(self, name: str | None, password: str | None = None) -> bool:
        try:
            async with self.client(name, password):
                return False
        except aiomqtt.MqttError:
            return True


def run_script(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [str(PACKAGING / "mqtt-user.sh"), *arguments, "--folder", str(folder), "--no-reload"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def password_in(done: "subprocess.CompletedProcess[str]") -> str:
    return dict(line.split("=", 1) for line in done.stdout.splitlines())["CTLR_MQTT__PASSWORD"]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path / "broker")
    rig.broker.start()
    yield rig
    rig.broker.kill()


async def everything_heard(client: aiomqtt.Client) -> list[str]:
    """Topics of what the broker had for this client: it answers in order."""
    await client.subscribe("end/of/what/was/before")
    return [str((await anext(client.messages)).topic) for _ in range(len(client.messages))]


async def reached(rig: Rig, by: str, *topics: str, size: int = 1) -> list[str]:
    """Which of ``topics`` come to the controller when ``by`` publishes to all of them."""
    async with rig.client(CTLR) as reader, rig.client(by) as sender:
        await reader.subscribe([(topic, 1) for topic in ("logging/#", "status/#")])
        for topic in topics:
            await sender.publish(topic, "x" * size, qos=1)
        return await everything_heard(reader)


async def heard(rig: Rig, by: str) -> set[str]:
    """Topics that ``by`` gets when it asks for everything, by kind."""
    async with rig.client(by) as reader, rig.client(CTLR) as sender:
        await reader.subscribe([(topic, 1) for topic in EVERYTHING])
        for topic in ("logging/phone", "logging/cam-01", "status/recording"):
            await sender.publish(topic, "x", qos=1)
        return set(await everything_heard(reader))


async def test_nobody_comes_in_without_the_right_password(rig: Rig) -> None:
    assert await rig.refuses(None)
    assert await rig.refuses("cam-01", "wrong")
    assert await rig.refuses("cam-09", "none")
    assert await rig.refuses("cam-01", rig.passwords["cam-02"])
    assert not await rig.refuses("cam-01")


async def test_a_node_says_its_own_records_and_nothing_else(rig: Rig) -> None:
    own = ["logging/cam-01", "status/node/cam-01", "status/node/cam-01/camera"]
    others = [
        *("logging/cam-02", "logging/phone", "logging/melb-01-ctlr", "logging"),
        *("logging/cam-011", "status/node/cam-02", "status/recording", "status/node"),
        *("logging/cam-01/more", "status/node/cam-01/serve", "status/node/cam-01/camera/more"),
    ]
    assert await reached(rig, "cam-01", *own, *others) == own


async def test_a_node_reads_nothing(rig: Rig) -> None:
    assert await heard(rig, "cam-01") == set()


async def test_the_controller_speaks_for_the_phone_and_reads_all(rig: Rig) -> None:
    said = ["logging/phone", "logging/watch", "logging/melb-01-ctlr", "status/recording"]
    others = ["status/node/cam-01"]
    assert await reached(rig, CTLR, *said, *others) == said
    assert await heard(rig, CTLR) == {"logging/phone", "logging/cam-01", "status/recording"}


async def test_a_reader_reads_all_and_says_nothing(rig: Rig) -> None:
    topics = ["logging/desk", "logging/cam-01", "status/recording", "status/node/desk", "logging"]
    assert await reached(rig, "desk", *topics) == []
    records = {"logging/phone", "logging/cam-01", "status/recording"}
    assert await heard(rig, "desk") == records | {"$SYS/broker/version"}


@pytest.mark.parametrize(("node", "arrives"), [("cam-01", True), ("cam-02", False)])
async def test_a_last_will_needs_the_same_right(rig: Rig, node: str, *, arrives: bool) -> None:
    """Of a client of cam-01 that vanishes without a word."""
    async with rig.client(CTLR) as reader:
        await reader.subscribe("status/#", qos=1)
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", WITH_A_WILL, str(rig.broker.port), rig.passwords["cam-01"]),
            f"status/node/{node}",
            stdout=asyncio.subprocess.PIPE,
        )
        assert child.stdout
        assert await child.stdout.readline() == b"connected\n"
        child.kill()
        await child.communicate()
        async with asyncio.timeout(10):
            gone = str((await anext(reader.messages)).topic) if arrives else None
        assert gone == (f"status/node/{node}" if arrives else None)
        assert await everything_heard(reader) == []


async def test_a_megabyte_is_dropped_and_the_sender_stays(rig: Rig) -> None:
    assert await reached(rig, "cam-01", "logging/cam-01", size=1 << 20) == []
    assert await reached(rig, "cam-01", "logging/cam-01", size=32 << 10) == ["logging/cam-01"]


async def test_a_lasting_session_misses_nothing_over_a_restart_of_the_broker(rig: Rig) -> None:
    def lasting() -> aiomqtt.Client:
        return aiomqtt.Client(
            *("127.0.0.1", rig.broker.port),
            username=CTLR,
            password=rig.passwords[CTLR],
            identifier="lasting",
            clean_session=False,
        )

    async with lasting() as reader:
        await reader.subscribe("logging/#", qos=1)
    async with rig.client("cam-01") as node:
        for number in range(2000):
            await node.publish("logging/cam-01", str(number), qos=1)
    await rig.broker.end()
    rig.broker.start()
    async with asyncio.timeout(20), lasting() as reader:
        got = [int(bytes((await anext(reader.messages)).payload)) for _ in range(2000)]
    assert got == list(range(2000))


async def test_users_come_and_go_without_a_restart(rig: Rig) -> None:
    password = password_in(rig.script("node", "cam-03"))
    rig.broker.signal(signal.SIGHUP)
    rig.passwords["cam-03"] = password
    await until_let_in(rig, "cam-03", wanted=True)
    assert await reached(rig, "cam-03", "logging/cam-03", "logging/cam-01") == ["logging/cam-03"]
    rig.script("remove", "cam-03")
    rig.broker.signal(signal.SIGHUP)
    await until_let_in(rig, "cam-03", wanted=False)
    assert not await rig.refuses("cam-01")


async def until_let_in(rig: Rig, name: str, *, wanted: bool) -> None:
    async with asyncio.timeout(10):
        while await rig.refuses(name) is wanted:  # noqa: ASYNC110 - another process reads the file
            await asyncio.sleep(0.05)


async def test_the_script_keeps_what_is_there(rig: Rig, tmp_path: Path) -> None:
    before = [(rig.folder / name).read_text() for name in ("ctlr.passwd", "ctlr.acl")]
    again = rig.script("controller", CTLR)
    assert (again.stdout, "has a password already" in again.stderr) == ("", True)
    assert [(rig.folder / name).read_text() for name in ("ctlr.passwd", "ctlr.acl")] == before
    file = tmp_path / "etc" / "mqtt.env"
    rig.script("controller", CTLR, "--into", str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert re.fullmatch(
        rf"CTLR_MQTT__USERNAME={CTLR}\nCTLR_MQTT__PASSWORD=[0-9a-f]{{48}}\n", file.read_text()
    )
    kept = file.read_text()
    rig.script("controller", CTLR, "--into", str(file))
    assert file.read_text() == kept
    rig.script("controller", CTLR, "--into", str(file), "--renew")
    assert file.read_text() != kept
    secret = file.read_text().split("=")[-1].strip()
    assert secret not in (rig.folder / "ctlr.passwd").read_text()


@pytest.mark.parametrize("name", ["Cam", "cam/01", "#", "+", "cam 01", "a:b", "cam\n", ""])
async def test_the_script_takes_only_names_of_nodes(tmp_path: Path, name: str) -> None:
    done = run_script(tmp_path, "node", name)
    assert (done.returncode, "no node name" in done.stderr) == (2, True)
    assert list(tmp_path.iterdir()) == []


async def test_a_camera_that_is_refused_is_warned_of(rig: Rig, tmp_path: Path) -> None:
    async with CameraNode("cam-01") as camera:
        settings = settings_in(
            tmp_path / "rig",
            [camera.address],
            mqtt={
                "port": rig.broker.port,
                "username": CTLR,
                "password": rig.passwords[CTLR],
            },
        )
        async with running(settings) as controller:

            async def warned() -> list[str]:
                await rig.refuses(None)  # as an installed camera's log, a few times a minute
                warnings = (await controller.status())["warnings"]
                return [w["message"] for w in warnings if w["code"] == "camera_refused_by_broker"]

            async def is_warned() -> bool:
                return bool(await warned())

            await until(is_warned)
            (message,) = await warned()
    assert message.startswith("The MQTT broker does not let cam-01 in (")
    assert message.endswith("sudo ctlr-mqtt-user node cam-01 --renew.")


async def test_an_installed_camera_comes_in_by_the_defaults_of_mosquitto_pub(
    rig: Rig, tmp_path: Path
) -> None:
    """Its logger calls mosquitto_pub with host, topic and text, and cannot be told a password."""
    home = tmp_path / "home"
    (home / ".config").mkdir(parents=True)
    command = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(rig.broker.port)]
    command += ["-t", "logging/cam-01", "-m", '{"level": "INFO"}']
    environment = {"HOME": str(home), "PATH": os.environ["PATH"]}

    def log() -> int:
        return subprocess.run(command, env=environment, capture_output=True, check=False).returncode

    assert log() != 0
    defaults = f"-u cam-01\n-P {rig.passwords['cam-01']}\n"
    (home / ".config" / "mosquitto_pub").write_text(defaults)
    async with rig.client(CTLR) as reader:
        await reader.subscribe("logging/#", qos=1)
        assert await asyncio.to_thread(log) == 0
        assert "logging/cam-01" in await everything_heard(reader)


async def test_what_a_node_can_have_retained_is_bounded(rig: Rig) -> None:
    """Each retained message stays in the broker's memory, and a topic costs nothing to make up."""
    async with rig.client("cam-01") as node:
        for number in range(200):
            for topic in ("logging/cam-01", "status/node/cam-01"):
                await node.publish(f"{topic}/{number}", "x" * 1000, qos=1, retain=True)
        await node.publish("status/node/cam-01/camera", "x", qos=1, retain=True)
    async with rig.client(CTLR) as reader:
        await reader.subscribe([("logging/#", 1), ("status/#", 1)])
        assert await everything_heard(reader) == ["status/node/cam-01/camera"]


async def test_nobody_reads_the_ids_of_others(rig: Rig) -> None:
    async with rig.client("desk") as reader, rig.client(CTLR) as controller:
        await reader.subscribe([("$SYS/#", 1), ("$SYS/broker/log/N", 1)])
        await controller.subscribe("$SYS/broker/log/N", qos=1)
        async with rig.client("cam-01"):
            pass
        async with asyncio.timeout(20):
            while b"cam-01" not in bytes((await anext(controller.messages)).payload):
                pass
        heard_of = await everything_heard(reader)
    assert [topic for topic in heard_of if "log" in topic] == []


def subscriber_settings(rig: Rig, folder: Path) -> Settings:
    mqtt = MqttSettings(
        host="127.0.0.1",
        port=rig.broker.port,
        spool=folder / "spool.db",
        username=CTLR,
        password=SecretStr(rig.passwords[CTLR]),
    )
    storage = StorageSettings(logging=folder / "logging", require_mounts=False)
    return Settings(node=CTLR, mqtt=mqtt, storage=storage)


@asynccontextmanager
async def subscribing(rig: Rig, folder: Path) -> AsyncIterator[None]:
    """``ctlr subscribe-logs`` of the rig's controller."""
    config = folder / "ctlr.toml"
    settings = subscriber_settings(rig, folder)
    settings.storage.logging.mkdir(exist_ok=True)
    values = settings.model_dump(mode="json", exclude_none=True)
    values["mqtt"]["password"] = rig.passwords[CTLR]
    config.write_text(to_toml(values))
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ctlr", "--config", str(config), "subscribe-logs")
    )
    try:
        yield
    finally:
        child.terminate()
        await child.wait()


async def until_stored(folder: Path, wanted: set[str]) -> None:
    async def all_stored() -> bool:
        return wanted <= await asyncio.to_thread(stored_in, folder)

    await until(all_stored)


def stored_in(folder: Path) -> set[str]:
    """The messages in the log store; none before it is made."""
    try:
        page = read_page(log_path(folder / "logging"), LogQuery(limit=1000))
    except (OSError, sqlite3.Error):
        return set()
    return {json.loads(record.payload)["message"] for record in page.records}


async def publish(rig: Rig, *messages: str) -> None:
    async with rig.client("cam-02") as node:
        for message in messages:
            record = {"id": message, "component": "test", "message": message}
            await node.publish("logging/cam-02", json.dumps(record), qos=1)


async def test_a_nodes_password_takes_nobodys_session(rig: Rig, tmp_path: Path) -> None:
    """The id of the log subscriber, as far as a node can know it."""
    async with subscribing(rig, tmp_path):

        async def hears() -> bool:  # from the first subscription on
            await publish(rig, "first")
            return "first" in await asyncio.to_thread(stored_in, tmp_path)

        await until(hears)
    await publish(rig, "while it is away")
    for known in (f"ctlr-{CTLR}-subscribe-logs-intake", f"ctlr-{CTLR}-subscribe-logs-intake-"):
        async with aiomqtt.Client(
            *("127.0.0.1", rig.broker.port),
            username="cam-01",
            password=rig.passwords["cam-01"],
            identifier=known,
        ):
            pass
    async with subscribing(rig, tmp_path):
        await until_stored(tmp_path, {"first", "while it is away"})


async def test_what_waited_under_a_former_name_is_taken_and_that_session_ended(
    rig: Rig, tmp_path: Path
) -> None:
    former = f"ctlr-{CTLR}-subscribe-logs-intake"
    connect = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    connect.SessionExpiryInterval = 3600

    def as_before() -> aiomqtt.Client:
        return aiomqtt.Client(
            *("127.0.0.1", rig.broker.port),
            username=CTLR,
            password=rig.passwords[CTLR],
            identifier=former,
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=False,
            properties=connect,
        )

    async with as_before() as client:
        await client.subscribe("logging/#", qos=1)
    await publish(rig, "before the update", "and another")
    async with subscribing(rig, tmp_path):
        await until_stored(tmp_path, {"before the update", "and another"})
        await publish(rig, "after it")
        await until_stored(tmp_path, {"after it"})

        async def is_forgotten() -> bool:
            async with as_before() as client:
                await publish(rig, "for nobody")
                return await everything_heard(client) == []

        await until(is_forgotten)


def test_ids_follow_from_the_password_and_tell_nothing_of_it() -> None:
    def made(password: str | None, node: str = "cam-01", process: str = "camera") -> str:
        secret = None if password is None else SecretStr(password)
        settings = MqttSettings(username="u" if password else None, password=secret)
        return client_id(settings, node, process)

    assert made(None) == "ctlr-cam-01-camera"
    ids = {made("p"), made("q"), made("p", "cam-02"), made("p", process="serve")}
    assert len(ids) == 4
    assert made("p") in ids
    assert re.fullmatch(r"ctlr-cam-01-camera-[0-9a-f]{24}", made("p"))


BEFORE = """# Who may say and read what
pattern write logging/%u/#
pattern write status/node/%u/#
user melb-01-ctlr
topic write logging/#
topic write status/recording
topic read logging/#
topic read status/#
topic read $SYS/broker/log/N
user desk
topic deny logging/desk/#
topic deny status/node/desk/#
topic read logging/#
topic read status/#
topic read $SYS/#
"""


def test_rights_of_an_earlier_version_become_todays(rig: Rig, tmp_path: Path) -> None:
    for name in ("ctlr.passwd", "ctlr.acl"):
        (tmp_path / name).write_bytes((rig.folder / name).read_bytes())
    today = (tmp_path / "ctlr.acl").read_text()
    (tmp_path / "ctlr.acl").write_text(BEFORE)
    for _ in range(2):
        assert run_script(tmp_path, "controller", CTLR).returncode == 0
        changed = (tmp_path / "ctlr.acl").read_text()
        rules = [line for line in changed.splitlines() if line and not line.startswith("#")]
        wanted = [line for line in today.splitlines() if line and not line.startswith("#")]
        assert sorted(rules) == sorted(wanted)
