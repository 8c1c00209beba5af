"""``ctlr preflight``: everything that would spoil a session now, before anyone drives off."""

import typer
from rich.table import Table

from ctlr.cli.command import FIELD, app
from ctlr.cli.controller import (
    AsJson,
    Url,
    ask,
    controller_url,
    print_json,
    printable,
    printer,
    understand,
)


@app.command(rich_help_panel=FIELD)
def preflight(context: typer.Context, *, url: Url = None, as_json: AsJson = False) -> None:
    """Check cameras, clocks and drives before a session; exit code 1 when something is not well."""
    answer = ask(controller_url(context, url), "GET", "/api/preflight")
    ready = bool(answer.get("ready"))
    if as_json:
        print_json(answer)
        raise typer.Exit(0 if ready else 1)
    from ctlr.api import shapes

    found = understand(shapes.PreflightAnswer, answer)
    console = printer()
    table = Table("check", "", "found")
    for name, check in found.checks.items():
        style = None if check.ok else "yellow"
        verdict = "ok" if check.ok else "not ok"
        table.add_row(printable(name), verdict, printable(check.msg), style=style)
    console.print(table)
    console.print("All is well." if ready else "Not all is well. A start is still possible.")
    raise typer.Exit(0 if ready else 1)
