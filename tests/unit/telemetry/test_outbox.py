import asyncio
import io
import json
import threading
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.unit.can.recording import no_file_may_grow_beyond

from ctlr.telemetry.log import configure_logging
from ctlr.telemetry.outbox import MAX_BYTES_IN_MEMORY, MAX_IN_MEMORY, Outbox

MAX_BYTES = 64 << 20


def record(number: int) -> dict[str, object]:
    return {"node": "n", "message": str(number)}


async def waiting(outbox: Outbox) -> list[int]:
    return [int(json.loads(item.payload)["message"]) for item in await outbox.next_batch(100_000)]


async def test_what_is_published_is_stored_in_order_with_an_id(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "spool.db", 100, MAX_BYTES)
    for number in range(5):
        outbox.publish(record(number))
    await outbox.close()
    outbox = Outbox(tmp_path / "spool.db", 100, MAX_BYTES)
    outbox.publish(record(5))
    await outbox.write()
    batch = await outbox.next_batch(100)
    assert [json.loads(item.payload)["message"] for item in batch] == list("012345")
    assert len({json.loads(item.payload)["id"] for item in batch}) == 6
    assert {item.topic for item in batch} == {"logging/n"}
    await outbox.close()


async def test_acknowledged_records_are_gone_others_stay(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "spool.db", 100, MAX_BYTES)
    for number in range(5):
        outbox.publish(record(number))
    await outbox.write()
    await outbox.acknowledge((await outbox.next_batch(2))[-1])
    assert await waiting(outbox) == [2, 3, 4]
    await outbox.close()


async def test_many_threads_publish_at_once(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "spool.db", 100_000, MAX_BYTES)

    def publish() -> None:
        for number in range(500):
            outbox.publish(record(number))

    threads = [threading.Thread(target=publish) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    await outbox.write()
    assert sorted(await waiting(outbox)) == sorted(list(range(500)) * 4)
    await outbox.close()


async def test_memory_is_bounded_before_the_card_is_reached(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "spool.db", 1_000_000, MAX_BYTES)
    for number in range(MAX_IN_MEMORY + 7):
        outbox.publish(record(number))
    assert outbox.dropped == 7
    await outbox.write()
    assert await waiting(outbox) == list(range(7, MAX_IN_MEMORY + 7))
    await outbox.close()


async def test_memory_is_bounded_in_bytes_too(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "spool.db", 1_000_000, MAX_BYTES)
    for number in range(1000):
        outbox.publish(record(number) | {"text": "x" * 20_000})
    kept = 1000 - outbox.dropped
    assert kept * 20_000 <= MAX_BYTES_IN_MEMORY < (kept + 1) * 20_200
    await outbox.write()
    assert await waiting(outbox) == list(range(1000 - kept, 1000))
    await outbox.close()


@pytest.mark.usefixtures("logging_as_it_was")
async def test_that_records_are_lost_is_said_once(tmp_path: Path) -> None:
    lines: list[dict[str, object]] = []
    configure_logging("n", "test", publish=lines.append, stream=io.StringIO())
    outbox = Outbox(tmp_path / "spool.db", 10, MAX_BYTES)
    for number in range(30):
        outbox.publish(record(number))
        await outbox.write()
    assert outbox.dropped == 20
    assert ["spool is full" in str(line["message"]) for line in lines] == [True]
    await outbox.close()


async def test_without_a_place_on_disk_a_small_spool_in_memory_stands_in(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    outbox = Outbox(tmp_path / "file" / "spool.db", 100, MAX_BYTES)
    outbox.publish(record(1))
    await outbox.write()
    assert await waiting(outbox) == [1]
    await outbox.close()


async def test_a_card_that_is_full_costs_records_and_counts_them(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "spool.db", 100, MAX_BYTES)
    outbox.publish(record(1))
    await outbox.write()
    for number in range(3):
        outbox.publish(record(number))
    with capture_logs() as lines, no_file_may_grow_beyond(0):
        await outbox.write()
    assert len(lines) == 1  # said once, not for each record
    assert outbox.dropped == 3
    assert await waiting(outbox) == [1]
    outbox.publish(record(2))
    await outbox.write()
    assert await waiting(outbox) == [1, 2]
    await outbox.close()


async def test_the_loop_writes_what_gathers(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "spool.db", 100, MAX_BYTES, write_interval_s=0.01)
    loop = asyncio.create_task(outbox.write_forever())
    for number in range(3):
        outbox.publish(record(number))
        async with asyncio.timeout(5):
            await outbox.stored.wait()
            while len(await waiting(outbox)) <= number:
                await outbox.stored.wait()
    loop.cancel()
    await outbox.close()
