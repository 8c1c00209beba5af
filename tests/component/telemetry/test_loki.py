"""The forwarder against a Loki over HTTP that fails in every way it can."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import SecretStr
from tests.fakes.loki import Loki

from ctlr.config import LogSettings
from ctlr.kernel.backoff import Backoff
from ctlr.logbook.keeper import DriveAwayError
from ctlr.logbook.loki import BATCH, Forwarder
from ctlr.logbook.store import Stored

NOW_MS = 1_776_313_714_123


@dataclass
class Drive:
    """A store in memory on a drive that can go away; ``away`` is for how many more calls.
    ``tried_again``: records were read to be forwarded for the fourth time."""

    records: list[Stored] = field(default_factory=list)
    position: int = 0
    away: int = 0
    tries: int = 0
    tried_again: asyncio.Event = field(default_factory=asyncio.Event)
    stored: asyncio.Event = field(default_factory=asyncio.Event)

    def store(self, count: int) -> None:
        first = len(self.records) + 1
        self.records += [
            Stored(n, f"cam-{n % 3}", "INFO", NOW_MS, NOW_MS, f'{{"n":{n}}}')
            for n in range(first, first + count)
        ]
        self.stored.set()

    async def after(self, number: int, limit: int) -> list[Stored]:
        self._look()
        self.tries += 1
        if self.tries == 4:
            self.tried_again.set()
        return self.records[number : number + limit]

    async def position_of(self, _follower: str) -> int:
        self._look()
        return self.position

    async def save_position(self, _follower: str, number: int) -> None:
        self._look()
        self.position = number

    def _look(self) -> None:
        if self.away:
            self.away -= 1
            raise DriveAwayError("ejected")


@asynccontextmanager
async def forwarding(drive: Drive, url: str, **settings: Any) -> AsyncIterator[Forwarder]:
    forwarder = Forwarder(
        LogSettings(**settings), url, drive, deadline_s=1.5, retry=Backoff(0.01, 60.0)
    )
    running = asyncio.create_task(forwarder.run())
    try:
        yield forwarder
    finally:
        assert not running.done()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def numbers(loki: Loki) -> list[int]:
    return sorted(line["n"] for line in loki.lines())


@pytest.mark.parametrize(
    "trouble",
    [
        ["500", "503"],
        ["429"],
        ["hang"],
        ["cut", "cut"],
        ["refuse"],
        ["401", "404"],
        ["cut", "hang"],
    ],
    ids=str,
)
async def test_whatever_fails_each_record_arrives_once(trouble: list[str]) -> None:
    drive = Drive()
    drive.store(1200)
    async with Loki(list(trouble)) as loki, forwarding(drive, loki.url) as forwarder:
        await loki.until(1200)
        assert numbers(loki) == list(range(1, 1201))
        assert loki.pushes[: len(trouble) + 1] == [*trouble, "ok"]
        assert loki.repeats > 0 or "cut" not in trouble
        drive.store(1)
        await loki.until(1201)
        assert forwarder.rejected == 0
    assert numbers(loki) == list(range(1, 1202))


async def test_what_loki_will_never_take_is_skipped_and_counted() -> None:
    drive = Drive()
    drive.store(BATCH + 10)
    async with Loki(["400", "ok"]) as loki, forwarding(drive, loki.url) as forwarder:
        await loki.until(10)
        assert numbers(loki) == list(range(BATCH + 1, BATCH + 11))
        assert forwarder.rejected == BATCH


async def test_a_drive_that_goes_away_in_the_middle_costs_a_repeat_at_most() -> None:
    for away_after in range(4):
        drive = Drive()
        async with Loki() as loki, forwarding(drive, loki.url):
            drive.store(50)
            for _ in range(away_after):
                await asyncio.sleep(0)
            drive.away = 3
            await loki.until(50)
            drive.store(50)
            await loki.until(100)
        assert numbers(loki) == list(range(1, 101))


async def test_a_new_process_goes_on_where_the_last_one_was() -> None:
    drive = Drive()
    drive.store(700)
    async with Loki() as loki:
        async with forwarding(drive, loki.url):
            await loki.until(700)
        drive.store(300)
        async with forwarding(drive, f"{loki.url}/loki/api/v1/push"):
            await loki.until(1000)
    assert numbers(loki) == list(range(1, 1001))
    assert loki.repeats <= BATCH  # of a push whose place was not kept any more


async def test_who_we_are_goes_along() -> None:
    drive = Drive()
    drive.store(1)
    login = {"loki_username": "rig", "loki_password": SecretStr("s:ecret"), "loki_tenant": "field"}
    async with Loki() as loki, forwarding(drive, loki.url, **login):
        await loki.until(1)
    assert loki.headers[0]["X-Scope-OrgID"] == "field"
    pair = loki.headers[0]["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(pair) == b"rig:s:ecret"


async def test_nobody_there_is_no_end() -> None:
    drive = Drive()
    drive.store(5)
    async with Loki() as gone:
        url = gone.url
    async with forwarding(drive, url) as forwarder:
        async with asyncio.timeout(10):
            await drive.tried_again.wait()
        assert forwarder.forwarded == 0
    assert drive.position == 0
