"""Verbs that take many sessions, wherever they lie: export them, list them in one table."""

from pathlib import Path
from typing import Annotated

import typer

from ctlr.cli.command import FIELD, app, examples

Folders = Annotated[
    list[Path],
    typer.Argument(help="Sessions' folders, drives with sessions, or folders of drives."),
]


@app.command(
    rich_help_panel=FIELD,
    epilog=examples(
        "ctlr export /media/me/SYNC --mcap",
        "ctlr export /data/drives --parquet --to /data/parquet",
    ),
)
def export(
    folders: Folders,
    *,
    to: Annotated[Path, typer.Option(help="Where the exports go.")] = Path("exports"),
    mcap: Annotated[bool, typer.Option("--mcap", help="One MCAP file, for Foxglove.")] = False,
    parquet: Annotated[bool, typer.Option("--parquet", help="Parquet, a file a table.")] = False,
) -> None:
    """Bring sessions into the forms of other tools; what was made already is not made again."""
    from ctlr.cli.export_work import export_all

    wanted = {"mcap": mcap, "parquet": parquet}
    forms = [name for name, asked in wanted.items() if asked]
    if not forms:
        raise typer.BadParameter(f"in which form? {', '.join('--' + name for name in wanted)}")
    export_all(folders, forms, to)
