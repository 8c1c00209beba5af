import sqlite3
from pathlib import Path

import pytest

from ctlr.telemetry.spool import MAX_WAL_BYTES, RecordSpool

TOPIC = "logging/n"
MAX_BYTES = 1 << 20


def records(first: int, last: int) -> list[tuple[str, bytes]]:
    return [(TOPIC, str(number).encode()) for number in range(first, last + 1)]


def payloads(spool: RecordSpool, limit: int = 1000) -> list[int]:
    return [int(record.payload) for record in spool.oldest(0, limit)]


def test_records_come_back_in_order_across_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "spool.db"
    spool = RecordSpool(path, 100, MAX_BYTES)
    spool.append(records(1, 5))
    spool.close()
    spool = RecordSpool(path, 100, MAX_BYTES)
    spool.append(records(6, 7))
    assert payloads(spool) == [1, 2, 3, 4, 5, 6, 7]
    spool.remove_through(spool.oldest(0, 3)[-1].number)
    assert payloads(spool, 2) == [4, 5]
    assert spool.counts() == (4, 0)
    spool.close()


def test_numbers_never_repeat_though_the_spool_was_empty(tmp_path: Path) -> None:
    spool = RecordSpool(tmp_path / "spool.db", 100, MAX_BYTES)
    spool.append(records(1, 2))
    last = spool.oldest(0, 9)[-1].number
    spool.remove_through(last)
    spool.close()
    spool = RecordSpool(tmp_path / "spool.db", 100, MAX_BYTES)
    spool.append(records(3, 3))
    assert [record.number for record in spool.oldest(last, 9)] == [last + 1]
    spool.close()


def test_the_oldest_go_at_the_bound_and_are_counted(tmp_path: Path) -> None:
    spool = RecordSpool(tmp_path / "spool.db", 10, MAX_BYTES)
    assert spool.append(records(1, 8)) == 0
    assert spool.append(records(9, 13)) == 3
    assert payloads(spool) == list(range(4, 14))
    assert spool.counts() == (10, 3)
    spool.close()
    spool = RecordSpool(tmp_path / "spool.db", 10, MAX_BYTES)
    assert spool.counts() == (10, 3)
    spool.close()


def test_the_file_stays_within_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    spool = RecordSpool(path, 1_000_000, max_bytes=400 << 10)
    lost = 0
    for number in range(200):
        lost += spool.append([(TOPIC, b"%d " % number + bytes(8000))])
    waiting, counted = spool.counts()
    assert lost == counted
    assert lost + waiting == 200
    newest = [int(record.payload.split()[0]) for record in spool.oldest(0, 1000)]
    assert newest == list(range(lost, 200))
    spool.close()
    assert path.stat().st_size <= 400 << 10


def test_a_damaged_file_is_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    path.write_bytes(b"this was a database once" * 1000)
    spool = RecordSpool(path, 10, MAX_BYTES)
    spool.append(records(1, 1))
    assert payloads(spool) == [1]
    spool.close()
    assert (tmp_path / "spool.damaged").exists()


def test_a_second_process_does_not_get_the_file(tmp_path: Path) -> None:
    spool = RecordSpool(tmp_path / "spool.db", 10, MAX_BYTES)
    spool.append(records(1, 1))
    with pytest.raises(sqlite3.OperationalError):
        RecordSpool(tmp_path / "spool.db", 10, MAX_BYTES, wait_s=0.05)
    assert payloads(spool) == [1]
    spool.close()


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises((OSError, sqlite3.Error)):
        RecordSpool(tmp_path / "file" / "spool.db", 10, MAX_BYTES)


def test_a_batch_larger_than_the_file_leaves_its_newest(tmp_path: Path) -> None:
    spool = RecordSpool(tmp_path / "spool.db", 1000, 256 << 10)
    lost = spool.append([(TOPIC, b"%d " % number + bytes(8000)) for number in range(100)])
    newest = [int(record.payload.split()[0]) for record in spool.oldest(0, 1000)]
    assert newest == list(range(lost, 100))
    assert len(newest) > 10
    spool.close()


def test_the_log_beside_the_file_is_cut_back_after_a_burst(tmp_path: Path) -> None:
    spool = RecordSpool(tmp_path / "spool.db", 100_000, 64 << 20)
    spool.append([(TOPIC, bytes(8000)) for _ in range(2000)])
    wal = tmp_path / "spool.db-wal"
    assert wal.stat().st_size > 2 * MAX_WAL_BYTES
    for _ in range(3):
        spool.append(records(1, 1))
    assert wal.stat().st_size <= MAX_WAL_BYTES
    spool.close()
