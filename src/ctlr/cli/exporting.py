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
    side_by_side: Annotated[
        bool, typer.Option("--side-by-side", help="One video of all cameras, encoded again.")
    ] = False,
) -> None:
    """Bring sessions into the forms of other tools; what was made already is not made again."""
    from ctlr.cli.export_work import export_all

    wanted = {"mcap": mcap, "parquet": parquet, "side-by-side": side_by_side}
    forms = [name for name, asked in wanted.items() if asked]
    if not forms:
        raise typer.BadParameter(f"in which form? {', '.join('--' + name for name in wanted)}")
    export_all(folders, forms, to)


@app.command(
    rich_help_panel=FIELD,
    epilog=examples("ctlr catalog /data/drives", "ctlr catalog /media/me/SYNC --html"),
)
def catalog(
    folder: Annotated[Path, typer.Argument(help="A drive with sessions, or a folder of drives.")],
    *,
    to: Annotated[
        Path | None,
        typer.Option(
            help="The table: .parquet or .sqlite; catalog.parquet here, if nothing is said."
        ),
    ] = None,
    html: Annotated[
        bool, typer.Option("--html", help="Also a page that searches it, beside the table.")
    ] = False,
) -> None:
    """Make one table of all sessions from their manifests, or bring it up to date."""
    from ctlr.cli.export_work import make_catalog

    make_catalog(folder, to, html=html)
