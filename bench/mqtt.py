"""Log records: into the spool beside a plain file, and out to a broker beside ``mosquitto_pub``.

The spool's reference writes the same JSON lines to a file, without order, bound or position. The
sender's reference is ``mosquitto_pub -l -q 1`` (in C, from a file, nothing removed at the end)
to the same broker; ours reads each batch from the spool and removes it once acknowledged.
"""

import asyncio
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bench.paired import Sample, compare, run_here, show

from ctlr.config import MqttSettings
from ctlr.kernel.clock import SystemClock
from ctlr.telemetry.mqtt import Publisher
from ctlr.telemetry.outbox import MAX_IN_MEMORY, Outbox
from ctlr.telemetry.record import Record, encode_record, make_record

MAX_BYTES = 64 << 20
RECORDS = MAX_IN_MEMORY  # what one write takes at most


def main() -> None:
    now_ms = SystemClock().now_ms()
    records = [
        make_record(now_ms, "bench", "health", "METRICS", "health", cpu=1.5, mem=2.5, number=number)
        for number in range(RECORDS)
    ]
    with tempfile.TemporaryDirectory() as name, broker(Path(name)) as port:
        folder = Path(name)
        lines = folder / "lines"
        spooled = compare(lambda: write_file(lines, records), lambda: fill_spool(folder, records))
        drained = compare(lambda: publish_lines(port, lines), lambda: drain(folder, port, records))
    show(f"{RECORDS} records", {"into the spool / a file": spooled, "to the broker": drained})
    for what, pair in (("into the spool", spooled), ("to the broker", drained)):
        rates = sorted(RECORDS / sample.wall_s for sample in pair.candidate)
        print(f"{what}: {rates[len(rates) // 2]:,.0f} records/s")


def write_file(lines: Path, records: list[Record]) -> Sample:
    def write() -> None:
        with open(lines, "wb") as file:
            file.writelines(encode_record(record) + b"\n" for record in records)

    return run_here(write)


def fill_spool(folder: Path, records: list[Record]) -> Sample:
    async def fill() -> Sample:
        outbox = Outbox(folder / "fill.db", RECORDS * 2, MAX_BYTES)
        sample = await measure(lambda: put(outbox, records))
        await outbox.close()
        (folder / "fill.db").unlink()
        return sample

    return asyncio.run(fill())


async def put(outbox: Outbox, records: list[Record]) -> None:
    for record in records:
        outbox.publish(record)
    await outbox.write()


def publish_lines(port: int, lines: Path) -> Sample:
    command = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(port), "-q", "1", "-l", "-t", "bench"]
    with open(lines, "rb") as file:
        return run_here(lambda: subprocess.run(command, stdin=file, check=True))


def drain(folder: Path, port: int, records: list[Record]) -> Sample:
    async def send() -> Sample:
        outbox = Outbox(folder / "drain.db", RECORDS * 2, MAX_BYTES)
        await put(outbox, records)
        settings = MqttSettings(host="127.0.0.1", port=port)
        publisher = Publisher(settings, "bench", "status/node/bench", outbox)

        async def until_empty() -> None:
            sending = asyncio.create_task(publisher.run())
            while await outbox.waiting():  # noqa: ASYNC110 - once per 20 ms, beside the sender
                await asyncio.sleep(0.02)
            sending.cancel()
            with suppress(asyncio.CancelledError):
                await sending

        sample = await measure(until_empty)
        await outbox.close()
        return sample

    return asyncio.run(send())


async def measure(work: Callable[[], Coroutine[Any, Any, None]]) -> Sample:
    cpu, began = time.process_time(), time.perf_counter()
    await work()
    return Sample(time.perf_counter() - began, time.process_time() - cpu)


@contextmanager
def broker(folder: Path) -> Iterator[int]:
    mosquitto = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if mosquitto is None:
        raise SystemExit("mosquitto is not installed. Run: sudo apt-get install mosquitto")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nlog_dest none\n")
    child = subprocess.Popen([mosquitto, "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
        yield port
    finally:
        child.terminate()
        child.wait(5)


if __name__ == "__main__":
    main()
