import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ctlr.kernel.errors import Refusal
from ctlr.logbook import reader
from ctlr.logbook.entry import Entry
from ctlr.logbook.reader import LogQuery, LogReader, read_page
from ctlr.logbook.store import LogStore

LEVELS = ("METRICS", "DEBUG", "INFO", "WARN", "ERROR")


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """Numbers 1 to 100: levels in turn, each node twenty in a row, a second apart."""
    path = tmp_path / "logs.db"
    store = LogStore(path, 1000, 16 << 20)
    store.append(
        [
            Entry(
                str(n), f"cam-{(n - 1) // 20}", LEVELS[n % 5], n * 1000, 10**6 + n, f'{{"n":{n}}}'
            )
            for n in range(1, 101)
        ]
    )
    yield path
    store.close()


def numbers(path: Path, **query: Any) -> list[int]:
    return [record.number for record in read_page(path, LogQuery(**query)).records]


def test_the_newest_page_without_measurements(path: Path) -> None:
    assert numbers(path, limit=6) == [93, 94, 96, 97, 98, 99]


def test_a_level_brings_what_is_worse(path: Path) -> None:
    assert numbers(path, level="WARN", limit=4) == [93, 94, 98, 99]
    assert numbers(path, level="ERROR", limit=3) == [89, 94, 99]
    assert numbers(path, level="METRICS", limit=3) == [90, 95, 100]


def test_a_node(path: Path) -> None:
    assert numbers(path, node="cam-2", level="ERROR") == [44, 49, 54, 59]
    assert numbers(path, node="cam-9") == []


def test_since_is_the_time_of_who_said_it(path: Path) -> None:
    assert numbers(path, since_ms=97_000) == [97, 98, 99]
    assert numbers(path, level="METRICS", since_ms=95_001) == [100]


def test_pages_backwards_and_forwards_meet(path: Path) -> None:
    every = [number for number in range(1, 101) if number % 5]
    backwards: list[int] = []
    before = None
    while page := numbers(path, before=before, limit=7):
        backwards = page + backwards
        before = page[0]
    forwards: list[int] = []
    after = 0
    while page := numbers(path, after=after, limit=7):
        forwards += page
        after = page[-1]
    assert backwards == forwards == every


def test_the_newest_number_is_that_of_the_store(path: Path) -> None:
    assert read_page(path, LogQuery(level="ERROR", before=10)).newest == 100


def test_no_page_needs_a_sort(path: Path) -> None:
    db = sqlite3.connect(path)
    for query in (LogQuery(), LogQuery(node="cam-1", after=3), LogQuery(level="METRICS")):
        values: dict[str, Any] = {"limit": 5, "node": query.node}
        sql, _ = reader.page_numbers(query, values)
        steps = " ".join(str(row[3]) for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", values))
        assert "TEMP B-TREE" not in steps
        assert "COVERING INDEX" in steps
    db.close()


async def test_a_drive_that_is_away_is_an_answer(path: Path) -> None:
    with pytest.raises(Refusal, match=r"storage_unavailable.*not mounted"):
        await LogReader(path, lambda: "not mounted").read(LogQuery())


async def test_a_drive_without_a_store_is_an_answer(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="no_logs"):
        await LogReader(tmp_path / "none" / "logs.db", lambda: None).read(LogQuery())
    assert list(tmp_path.iterdir()) == []


async def test_a_store_that_is_only_being_made_is_none_yet(tmp_path: Path) -> None:
    (tmp_path / "logs.db").touch()
    with pytest.raises(Refusal, match="no_logs"):
        await LogReader(tmp_path / "logs.db", lambda: None).read(LogQuery())


async def test_a_file_that_is_none_is_an_answer(tmp_path: Path) -> None:
    (tmp_path / "logs.db").write_bytes(b"no database" * 1000)
    with pytest.raises(Refusal, match=r"storage_unavailable.*not a database"):
        await LogReader(tmp_path / "logs.db", lambda: None).read(LogQuery())


async def test_a_drive_that_hangs_costs_one_thread(path: Path) -> None:
    release = threading.Event()
    sticky = StickyPath(path)
    sticky.release = release
    logs = LogReader(sticky, lambda: None, deadline_s=0.05)
    for _ in range(3):
        with pytest.raises(Refusal, match="does not answer"):
            await logs.read(LogQuery())
    assert sticky.asked == 1
    release.set()


class StickyPath(type(Path())):  # type: ignore[misc]  # its class depends on the platform
    """A path on a disk that does not answer until ``release`` is set."""

    release: threading.Event
    asked = 0

    def stat(self, **_: Any) -> Any:
        self.asked += 1
        self.release.wait(20)
        raise FileNotFoundError
