import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from ctlr.logbook.entry import Entry
from ctlr.logbook.store import (
    MAX_NODES,
    MAX_WAL_BYTES,
    OTHER_NODE,
    LogStore,
    NewerStoreError,
)

MAX_BYTES = 16 << 20


def entry(number: int, node: str = "cam-01", level: str = "INFO", size: int = 0) -> Entry:
    payload = f'{{"n":{number},"x":"{"y" * size}"}}'
    return Entry(f"{node}/{number}", node, level, 1000 + number, 2000 + number, payload)


def entries(first: int, last: int) -> list[Entry]:
    return [entry(number) for number in range(first, last + 1)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "logs.db"


@pytest.fixture
def store(path: Path) -> Iterator[LogStore]:
    store = LogStore(path, 1000, MAX_BYTES)
    yield store
    store.close()


def numbers(store: LogStore) -> list[int]:
    return [record.number for record in store.after(0, 100_000)]


def test_records_come_back_as_they_came(store: LogStore, path: Path) -> None:
    assert store.append([entry(1, "cam-01", "WARN"), entry(2, "phone", "METRICS")]) == 0
    first, second = store.after(0, 10)
    assert (first.number, first.node, first.level) == (1, "cam-01", "WARN")
    assert (second.node, second.level, second.payload) == ("phone", "METRICS", '{"n":2,"x":""}')
    assert (first.ts_ms, first.received_ms) == (1001, 2001)
    assert store.after(1, 10) == [second]
    assert path.is_file()


def test_a_repeat_is_stored_once_in_a_batch_and_later(store: LogStore) -> None:
    assert store.append([entry(1), entry(1), entry(2)]) == 1
    assert store.append([entry(2), entry(3)]) == 1
    assert numbers(store) == [1, 2, 3]


def test_what_has_no_key_is_always_stored(store: LogStore) -> None:
    nameless = Entry(None, "cam-01", "INFO", 1, 1, "{}")
    assert store.append([nameless, nameless]) == 0
    assert numbers(store) == [1, 2]


def test_a_second_opening_goes_on(store: LogStore, path: Path) -> None:
    store.append(entries(1, 3))
    store.save_position("loki", 2)
    store.close()
    again = LogStore(path, 1000, MAX_BYTES)
    assert again.append([entry(3), entry(4)]) == 1
    assert (numbers(again), again.position_of("loki"), again.position_of("nobody")) == (
        [1, 2, 3, 4],
        2,
        0,
    )
    again.close()


def test_the_oldest_go_at_the_bound_of_records(store: LogStore) -> None:
    for first in range(1, 3000, 100):
        store.append(entries(first, first + 99))
    assert numbers(store) == list(range(2001, 3001))


def test_the_file_stays_within_its_bytes_and_keeps_the_newest(path: Path) -> None:
    store = LogStore(path, 1_000_000, 4 << 20)
    for first in range(0, 5000, 250):
        store.append([entry(number, size=2000) for number in range(first, first + 250)])
    found = numbers(store)
    assert found == list(range(found[0], 5001))
    assert len(found) > 600
    store.close()
    assert path.stat().st_size <= 4 << 20


def test_the_log_beside_the_file_does_not_grow(path: Path) -> None:
    store = LogStore(path, 1_000_000, 256 << 20)
    store.append([entry(number, size=20_000) for number in range(1000)])
    for number in range(1000, 1005):
        store.append([entry(number)])
    assert path.with_name("logs.db-wal").stat().st_size <= MAX_WAL_BYTES
    store.close()


def test_names_made_up_by_a_stranger_fill_nothing(store: LogStore) -> None:
    store.append([entry(1, "cam-01")])
    store.append([entry(number, f"made-up-{number}") for number in range(2, 700)])
    store.append([entry(700, "cam-01")])
    names = [record.node for record in store.after(0, 1000)]
    assert names[0] == names[-1] == "cam-01"
    assert len(set(names)) == MAX_NODES + 1
    assert names[400:-1] == [OTHER_NODE] * 299


@pytest.mark.parametrize(
    "content", [b"this was a database once" * 1000, b"SQLite format 3\0" + bytes(5000)]
)
def test_a_damaged_file_is_put_aside(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    store = LogStore(path, 1000, MAX_BYTES)
    store.append(entries(1, 2))
    assert numbers(store) == [1, 2]
    store.close()
    assert path.with_suffix(".damaged").read_bytes() == content


def test_a_file_of_a_newer_release_is_left_alone(store: LogStore, path: Path) -> None:
    store.append(entries(1, 2))
    store.close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version=99")
    db.commit()
    db.close()
    with pytest.raises(NewerStoreError, match="version 99"):
        LogStore(path, 1000, MAX_BYTES)
