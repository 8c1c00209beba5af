import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ctlr.kernel.database import Database, DatabaseError, load_migrations, open_readonly

FIRST = "CREATE TABLE thing (name TEXT PRIMARY KEY) STRICT;"
SECOND = "ALTER TABLE thing ADD COLUMN size INTEGER;"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(tmp_path / "new" / "ctlr.db", [FIRST])
    yield opened
    await opened.close()


async def add(database: Database, name: str, *, durable: bool = True) -> None:
    async with database.transaction(durable=durable) as db:
        await db.execute("INSERT INTO thing (name) VALUES (?)", (name,))
        await asyncio.sleep(0)
        await db.execute("INSERT INTO thing (name) VALUES (?)", (f"{name}'",))


async def names(database: Database) -> list[str]:
    return [row["name"] for row in await database.fetch("SELECT name FROM thing ORDER BY name")]


async def test_an_acknowledged_commit_is_meant_to_survive(database: Database) -> None:
    (mode,) = await database.fetch("PRAGMA journal_mode")
    (synchronous,) = await database.fetch("PRAGMA synchronous")
    assert (mode[0], synchronous[0]) == ("wal", 2)


async def test_what_need_not_be_durable_is_there_at_once_and_durable_with_the_next(
    database: Database, tmp_path: Path
) -> None:
    seen = []
    for durable in (False, True):
        async with database.transaction(durable=durable) as db:
            (synchronous,) = await database.fetch("PRAGMA synchronous")
            seen.append(synchronous[0])
            await db.execute("INSERT INTO thing (name) VALUES (?)", (f"durable={durable}",))
        other = open_readonly(tmp_path / "new" / "ctlr.db")
        seen += other.execute("SELECT count(*) FROM thing").fetchone()
        other.close()
    assert seen == [1, 1, 2, 2]


async def test_a_failure_of_what_need_not_be_durable_does_not_make_the_next_less_so(
    database: Database,
) -> None:
    async def fail() -> None:
        async with database.transaction(durable=False):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    async with database.transaction():
        (synchronous,) = await database.fetch("PRAGMA synchronous")
    assert synchronous[0] == 2


async def test_a_block_that_fails_leaves_nothing(database: Database) -> None:
    async def fail() -> None:
        async with database.transaction() as db:
            await db.execute("INSERT INTO thing (name) VALUES ('half')")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    await add(database, "a")
    assert await names(database) == ["a", "a'"]


async def test_blocks_of_many_coroutines_do_not_mix(database: Database) -> None:
    await add(database, "3")
    results = await asyncio.gather(
        *(add(database, str(number)) for number in range(8)), return_exceptions=True
    )
    assert [isinstance(result, sqlite3.IntegrityError) for result in results].count(True) == 1
    assert await names(database) == sorted([*"01234567", *(f"{n}'" for n in range(8))])


@pytest.mark.parametrize("steps", range(12))
async def test_a_block_that_is_cancelled_anywhere_leaves_the_next_one_working(
    database: Database, steps: int
) -> None:
    block = asyncio.create_task(add(database, "cancelled", durable=False))
    for _ in range(steps):
        await asyncio.sleep(0)
    block.cancel()
    await asyncio.gather(block, return_exceptions=True)
    await add(database, "next")
    (synchronous,) = await database.fetch("PRAGMA synchronous")
    assert synchronous[0] == 2
    assert len(await names(database)) in (2, 4)


async def test_a_database_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "ctlr.db"
    first = await Database.open(path, [FIRST])
    await add(first, "kept")
    await first.close()
    second = await Database.open(path, [FIRST, SECOND])
    try:
        assert [row["size"] for row in await second.fetch("SELECT size FROM thing")] == [None] * 2
        assert (await second.fetch("PRAGMA user_version"))[0][0] == 2
    finally:
        await second.close()


async def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ctlr.db"
    await (await Database.open(path, [FIRST])).close()
    broken = f"{SECOND}\nCREATE TABLE thing (again TEXT);"
    with pytest.raises(DatabaseError, match="cannot be used"):
        await Database.open(path, [FIRST, broken])
    again = await Database.open(path, [FIRST, SECOND])
    await again.close()


async def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ctlr.db"
    await (await Database.open(path, [FIRST, SECOND])).close()
    with pytest.raises(DatabaseError, match="version 2; this program knows versions up to 1"):
        await Database.open(path, [FIRST])


@pytest.mark.parametrize("content", [b"not a database at all, " * 100, b"SQLite format 3\0" * 64])
async def test_a_damaged_database_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ctlr.db"
    path.write_bytes(content)
    with pytest.raises(DatabaseError, match=r"move the file away"):
        await Database.open(path, [FIRST])
    assert path.read_bytes() == content


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseError, match="cannot be opened"):
        await Database.open(tmp_path / "file" / "ctlr.db", [FIRST])


async def test_a_second_process_can_only_read(database: Database, tmp_path: Path) -> None:
    await add(database, "a")
    connection = open_readonly(tmp_path / "new" / "ctlr.db")
    try:
        assert len(connection.execute("SELECT * FROM thing").fetchall()) == 2
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            connection.execute("DELETE FROM thing")
    finally:
        connection.close()


def test_migrations_are_numbered_without_a_hole() -> None:
    assert load_migrations("ctlr.sessions.schema")[0].startswith("CREATE TABLE session")


async def test_a_second_writer_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ctlr.db"
    first = await Database.open(path, ["CREATE TABLE t (x INTEGER) STRICT;"])
    with pytest.raises(DatabaseError, match="another controller"):
        await Database.open(path, ["CREATE TABLE t (x INTEGER) STRICT;"])
    async with first.transaction() as db:
        await db.execute("INSERT INTO t VALUES (1)")
    await first.close()
    again = await Database.open(path, ["CREATE TABLE t (x INTEGER) STRICT;"])
    assert [row["x"] for row in await again.fetch("SELECT x FROM t")] == [1]
    await again.close()


async def test_a_disk_that_fails_is_noted_until_it_works_again(database: Database) -> None:
    await add(database, "a")
    await database.fetch("PRAGMA query_only=1")  # as on one made read-only
    with pytest.raises(sqlite3.OperationalError):
        await add(database, "b")
    assert "readonly" in (database.problem or "")
    await database.check()
    assert database.problem is not None
    await database.fetch("PRAGMA query_only=0")
    await database.check()
    assert database.problem is None
    assert await names(database) == ["a", "a'"]


async def test_what_breaks_a_rule_is_not_the_disks_fault(database: Database) -> None:
    await add(database, "a")
    with pytest.raises(sqlite3.IntegrityError):
        await add(database, "a")
    assert database.problem is None
