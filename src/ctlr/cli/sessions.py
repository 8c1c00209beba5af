"""``ctlr sessions``: what has been recorded, and one of them in detail."""

from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import quote, urlencode

import typer
from rich.table import Table

from ctlr.cli.command import FIELD, app, examples
from ctlr.cli.controller import (
    AsJson,
    Json,
    Url,
    ask,
    controller_url,
    day_and_time,
    lasting,
    print_json,
    printable,
    printer,
    understand,
    whole_id,
)

if TYPE_CHECKING:  # loaded by the verbs that read an answer: a worker and a camera do without
    from ctlr.api import shapes

sessions = typer.Typer(
    help="What has been recorded: list, search, show, say something of it.",
    epilog=examples(
        "ctlr sessions",
        "ctlr sessions --search wet --verdict good",
        "ctlr sessions show 3f2b",
        "ctlr sessions note 3f2b 'fog on the left lens'",
    ),
)
app.add_typer(sessions, name="sessions", rich_help_panel=FIELD)

Verdict = Literal["good", "bad"]
Text = Annotated[str, typer.Argument(help="What is to be said.")]
SessionId = Annotated[
    str, typer.Argument(help="The session: its id or the beginning of it.", metavar="UUID")
]


@sessions.callback(invoke_without_command=True)
def list_sessions(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many of the newest.")] = 20,
    search: Annotated[
        str | None,
        typer.Option("--search", "-s", help="Only with this in label, notes, folder or a mark."),
    ] = None,
    verdict: Annotated[Verdict | None, typer.Option(help="Only takes that are this.")] = None,
    *,
    binned: Annotated[bool, typer.Option("--bin", help="Those in the bin.")] = False,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """List what has been recorded, newest first; or work on one session."""
    if context.invoked_subcommand is not None:
        return
    wanted = {"limit": limit, "search": search, "verdict": verdict, "binned": binned or None}
    query = urlencode({name: value for name, value in wanted.items() if value is not None})
    path = f"/api/sessions?{query}"
    answer = ask(controller_url(context, url), "GET", path)
    if as_json:
        print_json(answer)
        return
    from ctlr.api import shapes

    found = understand(shapes.SessionList, answer).sessions
    printer().print(_table(found) if found else "Nothing has been recorded here yet.")


def _add_saying(verb: str, key: str, meaning: str, example: str) -> None:
    """A verb that keeps a text with a session, under a key of the API's; "" takes it away."""

    @sessions.command(verb, help=meaning, epilog=examples(f"ctlr sessions {verb} 3f2b '{example}'"))
    def say(
        context: typer.Context,
        session: SessionId,
        text: Text,
        *,
        url: Url = None,
        as_json: AsJson = False,
    ) -> None:
        _remark(context, session, {key: text or None}, url, as_json=as_json)


def _add_verdict(verdict: Verdict, meaning: str) -> None:
    """A verb that says what a session is worth."""

    @sessions.command(verdict, help=meaning, epilog=examples(f"ctlr sessions {verdict} 3f2b"))
    def judge(
        context: typer.Context, session: SessionId, *, url: Url = None, as_json: AsJson = False
    ) -> None:
        _remark(context, session, {"verdict": verdict}, url, as_json=as_json)


_add_saying("label", "label", 'Say what a session is called; "" takes it away.', "lap 1, dry")
_add_saying(
    *("note", "notes"),
    'Keep notes with a session, in place of those that it had; "" takes them away.',
    "fog on the left lens",
)
_add_verdict("good", "Say that it is a good take.")
_add_verdict("bad", "Say that it is a bad take. Nothing is deleted for that.")


@sessions.command("bin", epilog=examples("ctlr sessions bin 3f2b", "ctlr sessions restore 3f2b"))
def bin_session(
    context: typer.Context,
    session: SessionId,
    *,
    everything: Annotated[
        bool, typer.Option("--everything", help="The raw data is to go as well; asks again.")
    ] = False,
    sure: Annotated[bool, typer.Option("--sure", help="Do not ask again.")] = False,
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Throw a session away: it is out of the lists at once, and kept for a week. Then its folder is
    deleted; its raw data stays."""
    base = controller_url(context, url)
    whole = whole_id(base, session)
    if everything and not sure:
        typer.echo(f"In a week nothing of session {whole} will be left, raw data included.")
        sure = typer.confirm("Is that meant?")
    body = {"everything": everything, "sure": sure}
    answer = ask(base, "POST", f"/api/sessions/{whole}/bin", body)
    if as_json:
        print_json(answer)
        return
    typer.echo(f"Session {whole} is in the bin. Out again: ctlr sessions restore {whole[:8]}")


@sessions.command("restore")
def restore(
    context: typer.Context, session: SessionId, *, url: Url = None, as_json: AsJson = False
) -> None:
    """Take a session out of the bin."""
    base = controller_url(context, url)
    whole = whole_id(base, session)
    answer = ask(base, "POST", f"/api/sessions/{whole}/restore")
    if as_json:
        print_json(answer)
        return
    typer.echo(f"Session {whole} is in the lists again.")


def _remark(
    context: typer.Context, session: str, said: Json, url: str | None, *, as_json: bool
) -> None:
    path = f"/api/sessions/{quote(session, safe='')}"
    answer = ask(controller_url(context, url), "PATCH", path, said)
    if as_json:
        print_json(answer)
        return
    from ctlr.api import shapes

    kept = understand(shapes.SessionSummary, answer)
    told = [kept.label, kept.verdict and f"{kept.verdict} take", kept.notes]
    text = "; ".join(printable(remark) for remark in told if remark)
    typer.echo(f"Session {kept.uuid}: {text or 'nothing is said of it'}")


@sessions.command("show")
def show(
    context: typer.Context, session: SessionId, *, url: Url = None, as_json: AsJson = False
) -> None:
    """Show one session: what is in it, what is missing, what is done with it."""
    path = f"/api/sessions/{quote(session, safe='')}"
    answer = ask(controller_url(context, url), "GET", path)
    if as_json:
        print_json(answer)
        return
    from ctlr.api import shapes

    _print(understand(shapes.SessionDetail, answer))


def _table(found: "list[shapes.SessionSummary]") -> Table:
    table = Table("session", "label", "take", "started", "lasted", "state", "whole", "folder")
    for session in found:
        cells = (
            session.uuid[:8],
            session.label,
            session.verdict,
            day_and_time(session.started_at or session.created_at),
            _length(session),
            session.state,
            wholeness(session),
            session.folder,
        )
        table.add_row(*map(printable, cells))
    return table


def wholeness(session: "shapes.SessionSummary") -> str:
    """Whether everything is in a session, and what is not."""
    if session.lacks:
        return "no: " + "; ".join(lack.text for lack in session.lacks)
    if session.complete is None:
        return "-"
    if not session.complete:
        return "no"
    return "yes, verified" if session.verified_at else "yes"


def _length(session: "shapes.SessionSummary") -> str:
    if session.started_at is None or session.stopped_at is None:
        return "-"
    return lasting(max(0, session.stopped_at - session.started_at) / 1000)


def _print(session: "shapes.SessionDetail") -> None:
    console = printer()
    label = f" ({printable(session.label)})" if session.label else ""
    console.print(f"Session {session.uuid}{label}: {session.state}")
    if session.verdict:
        console.print(f"A {session.verdict} take")
    for line in (session.notes or "").splitlines():
        console.print(f"  {printable(line)}")
    console.print(f"Started {day_and_time(session.started_at)}, lasted {_length(session)}")
    console.print(f"Folder on the drive: {printable(session.folder)}")
    console.print(f"Whole: {printable(wholeness(session))}", style=_style(session))
    if session.verified_at:
        console.print(f"Read back from the drive: {day_and_time(session.verified_at)}")
    table = Table("camera", "started", "stopped", "segments", "still there", "delivered", "error")
    for name, source in session.sources.items():
        flags = ("yes" if flag else "no" for flag in (source.started, source.stopped))
        delivered = "all" if source.complete else "not all"
        counts = (source.segments_total, source.segments_pending)
        table.add_row(*map(printable, (name, *flags, *counts, delivered, source.error)))
    console.print(table)
    for mark in session.marks:
        console.print(f"Mark {day_and_time(mark.at_ms)}: {printable(mark.label)}")
    if session.why:
        console.print(printable(session.why))
    for problem in session.problems:
        console.print(f"Problem: {printable(problem.message)}", style="yellow")


def _style(session: "shapes.SessionSummary") -> str | None:
    return "yellow" if session.lacks or session.complete is False else None
