"""``ctlr logs``: what the whole rig said, from the log store on the logging drive.

The controller is asked, as by every other verb. On its own machine the store is read without it
where it does not answer: that is when its log is wanted most.
"""

import asyncio
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Annotated, Literal
from urllib.parse import urlencode

import typer
from rich.console import Console

from ctlr.cli.command import FIELD, app, examples, settings_of
from ctlr.cli.controller import Json, Url, ask, controller_url, printable, printer
from ctlr.config import ConfigDeniedError, Settings
from ctlr.kernel.errors import Refusal

POLL_S = 1.0
LARGEST_PAGE = 1000

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_STYLES = {"ERROR": "red", "WARN": "yellow", "DEBUG": "dim", "METRICS": "dim"}

Level = Literal["DEBUG", "INFO", "WARN", "ERROR", "METRICS"]
GetPage = Callable[[Json], Json]


@app.command(
    rich_help_panel=FIELD, epilog=examples("ctlr logs --level WARN --since 2h", "ctlr logs -f")
)
def logs(
    context: typer.Context,
    node: Annotated[str | None, typer.Option(help="Only records of this node.")] = None,
    level: Annotated[
        Level, typer.Option(help="This level and worse; METRICS: measurements only.")
    ] = "DEBUG",
    since: Annotated[
        str | None, typer.Option(help="Since when: 10m, 2h, 3d, or an ISO 8601 time.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many of the newest.")] = 100,
    url: Url = None,
    *,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Show new records until Ctrl-C.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object per line.")] = False,
) -> None:
    """Show what the rig's nodes, the phone and the watch said."""
    chosen: Json = {"level": level}
    if node is not None:
        chosen["node"] = node
    if since is not None:
        chosen["since"] = parse_since(since, time.time())
    get_page = partial(_ask_page, controller_url(context, url))
    if url is None:
        with suppress(ConfigDeniedError):  # then the controller alone can say
            get_page = partial(_page_of_this_machine, settings_of(context), get_page)
    show = _print_json if as_json else partial(_print_line, printer())
    try:
        for line in lines(get_page, chosen, limit, follow=follow):
            show(line)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def lines(get_page: GetPage, chosen: Json, limit: int, *, follow: bool) -> Iterator[Json]:
    """The newest ``limit`` lines in order and, to follow, whatever comes after them."""
    page = get_page({**chosen, "limit": min(LARGEST_PAGE, limit)})
    newest, found = page["newest"], page["logs"]
    while page["logs"] and len(found) < limit:
        wanted = min(LARGEST_PAGE, limit - len(found))
        page = get_page({**chosen, "before": found[0]["number"], "limit": wanted})
        found = page["logs"] + found
    yield from found
    if follow:
        yield from _lines_after(newest, get_page, chosen)


def _lines_after(newest: int, get_page: GetPage, chosen: Json) -> Iterator[Json]:
    told = False
    while True:
        time.sleep(POLL_S)
        try:
            page = get_page({**chosen, "after": newest, "limit": LARGEST_PAGE})
        except Refusal as refusal:  # a restart, or the drive is away: it comes back
            if not told:
                typer.echo(f"{refusal.detail} Waiting.", err=True)
            told = True
            continue
        told = False
        yield from page["logs"]
        # All that matched is here unless the page was full. Another drive counts from 1 again.
        full = len(page["logs"]) == LARGEST_PAGE
        newest = page["logs"][-1]["number"] if full else page["newest"]


def parse_since(text: str, now_s: float) -> int:
    """Unix ms of ``10m`` ago or of an ISO 8601 time, local where it names no zone."""
    if match := re.fullmatch(r"(\d{1,9})([smhd])", text):
        return round((now_s - int(match[1]) * _UNITS_S[match[2]]) * 1000)
    try:
        return round(datetime.fromisoformat(text).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            "give 10m, 2h, 3d or a time such as 2026-04-14T10:40", param_hint="--since"
        ) from None


def _ask_page(url: str, query: Json) -> Json:
    return ask(url, "GET", f"/api/logs?{urlencode(query)}")


def _page_of_this_machine(settings: Settings, from_controller: GetPage, query: Json) -> Json:
    try:
        return from_controller(query)
    except Refusal as refusal:
        if refusal.code != "controller_unreachable":
            raise
    from ctlr.api.logs import page_of
    from ctlr.logbook.reader import LogQuery, LogReader
    from ctlr.logbook.store import log_path
    from ctlr.storage.mount_snapshot import mount_problem

    storage = settings.storage
    reader = LogReader(log_path(storage.logging), partial(mount_problem, storage, "logging"))
    values = {"since_ms" if key == "since" else key: value for key, value in query.items()}
    return page_of(asyncio.run(reader.read(LogQuery(**values)))).model_dump()


def _print_json(line: Json) -> None:
    typer.echo(json.dumps(line))


def _print_line(console: Console, line: Json) -> None:
    head = [line["ts"], f"{line['level']:<5}", line["node"], f"{line['component']}:"]
    fields = [f"{key}={value}" for key, value in line["fields"].items() if key != "id"]
    text = " ".join(printable(part) for part in (*head, line["message"], *fields))
    console.print(text, style=_STYLES.get(line["level"]), soft_wrap=True)
