"""Log records: into the spool beside a plain file, and out to a broker beside ``mosquitto_pub``.

The spool's reference writes the same JSON lines to a file, without order, bound or position. The
sender's reference is ``mosquitto_pub -l -q 1`` (in C, from a file, nothing removed at the end)
to the same broker; ours reads each batch from the spool and removes it once acknowledged.

Then an hour without a broker at full rate, in a process of its own and without waiting between the
writes: ``HOUR_RECORDS`` records, which is what the default bound of 100,000 holds, written once per
second of that hour. Afterwards a broker comes; what reaches a subscriber is counted.
"""

import asyncio
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from bench.paired import Sample, compare, run_here, show

from ctlr.config import MqttSettings
from ctlr.kernel.clock import SystemClock
from ctlr.telemetry.mqtt import Publisher
from ctlr.telemetry.outbox import MAX_IN_MEMORY, Outbox
from ctlr.telemetry.record import Record, encode_record, make_record

MAX_BYTES = 64 << 20
RECORDS = MAX_IN_MEMORY  # what one write takes at most
HOUR_S = 3600
PER_SECOND = 27
HOUR_RECORDS = HOUR_S * PER_SECOND


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
    with tempfile.TemporaryDirectory() as name, broker(Path(name)) as port:
        hour_without_broker(Path(name), port)


def hour_without_broker(folder: Path, port: int) -> None:
    talking = [sys.executable, "-m", "bench.mqtt", "hour", str(folder), str(port)]
    talker = subprocess.Popen(talking, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert talker.stdout
    print(talker.stdout.readline(), end="")  # the hour is over
    command = ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(port), "-q", "1", "-t", "logging/#"]
    command += ["-C", str(HOUR_RECORDS), "-W", "120", "-F", "%l"]
    subscriber = subprocess.Popen(command, stdout=subprocess.PIPE)
    told, _ = talker.communicate("\n")
    print(told, end="")
    output, _ = subscriber.communicate()
    lost = HOUR_RECORDS - len(output.splitlines())
    print(f"an hour without broker: {lost} of {HOUR_RECORDS:,} records lost")


async def live_an_hour(folder: Path, port: int) -> None:
    """What the process of ``hour_without_broker`` does."""
    outbox = Outbox(folder / "hour.db", 100_000, MAX_BYTES)
    clock = SystemClock()
    before = after_a_minute = memory_mib()
    for second in range(HOUR_S):
        for number in range(second * PER_SECOND, (second + 1) * PER_SECOND):
            now_ms = clock.now_ms()
            outbox.publish(make_record(now_ms, "bench", "x", "INFO", "m" * 100, number=number))
        await outbox.write()
        if second == 60:
            after_a_minute = memory_mib()
    size_mib = (folder / "hour.db").stat().st_size / 2**20
    print(
        f"memory at the begin, after a minute, after an hour: {before:.1f}, {after_a_minute:.1f}, "
        f"{memory_mib():.1f} MiB; spool {size_mib:.0f} MiB; dropped {outbox.dropped}",
        flush=True,
    )
    await asyncio.to_thread(sys.stdin.readline)
    publisher = Publisher(
        MqttSettings(host="127.0.0.1", port=port), "bench-hour", "status/node/bench", outbox
    )
    sample = await measure(lambda: send_all(publisher, outbox))
    print(f"sent in {sample.wall_s:.1f} s, {HOUR_RECORDS / sample.wall_s:,.0f} records/s; ", end="")
    print(f"memory {memory_mib():.1f} MiB")
    await outbox.close()


def memory_mib() -> float:
    return psutil.Process().memory_info().rss / 2**20


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
        sample = await measure(lambda: send_all(publisher, outbox))
        await outbox.close()
        return sample

    return asyncio.run(send())


async def send_all(publisher: Publisher, outbox: Outbox) -> None:
    sending = asyncio.create_task(publisher.run())
    while await outbox.waiting():  # noqa: ASYNC110 - once per 20 ms, beside the sender
        await asyncio.sleep(0.02)
    sending.cancel()
    with suppress(asyncio.CancelledError):
        await sending


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
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nlog_dest none\nmax_queued_messages 0\n"
    )
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
    match sys.argv[1:]:
        case ["hour", folder, port]:
            asyncio.run(live_an_hour(Path(folder), int(port)))
        case _:
            main()
