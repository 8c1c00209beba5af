"""What ``ctlr export`` does: every session in every form, and one that fails stops no other."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import typer

from ctlr.cli.command import fail
from ctlr.cli.outcome import with_bar
from ctlr.export.catalog import all_rows, search_words, update_catalog
from ctlr.export.catalog_file import default_file
from ctlr.export.catalog_page import make_page
from ctlr.export.jobs import Exported, ExportError, export_session, find_sessions
from ctlr.export.kinds import KINDS
from ctlr.kernel.atomic import write_atomic
from ctlr.postprocess.manifest.progress import Report, RunResult
from ctlr.reader import NotASessionError


def export_all(folders: Sequence[Path], forms: Sequence[str], to: Path) -> NoReturn:
    """Ends with 0, with 3 where some could not be exported, with 1 where none was found."""
    try:
        sessions = list(find_sessions(folders))
    except OSError as error:
        fail(f"{error.filename} cannot be read: {error.strerror}. Nothing was exported.", code=1)
    if not sessions:
        fail("There is no finished session there; nothing was exported.", code=1)
    made = kept = bad = 0
    for folder in sessions:
        for form in forms:
            exported = _export_one(folder, form, to)
            made += exported is not None and exported.made
            kept += exported is not None and not exported.made
            bad += exported is None
    typer.echo(f"{made} exported to {to}, {kept} up to date, {bad or 'none'} failed")
    raise typer.Exit(3 if bad else 0)


def make_catalog(folder: Path, to: Path | None, *, html: bool) -> None:
    """Bring the table up to date, and write the page beside it if it is asked for."""
    target = to or Path(default_file())
    try:
        sessions, read = update_catalog(folder, target)
        typer.echo(f"{target}: {sessions} sessions, {read} of them new or changed")
        if html:
            page = target.with_suffix(".html")
            rows = list(all_rows(target))
            root = Path(os.path.relpath(str(folder), str(page.parent)))
            text = make_page(rows, map(search_words, rows), root.as_posix())
            write_atomic(page, text.encode())
            typer.echo(f"{page}: open it in a browser")
    except OSError as error:
        what = f"{error.filename or folder}: {error.strerror or error}"
        fail(f"The catalogue cannot be made ({what}). No session was changed.", code=1)


def _export_one(folder: Path, form: str, to: Path) -> Exported | None:
    exported: list[Exported] = []

    def work(report: Report) -> RunResult:
        exported.append(export_session(folder, KINDS[form], to, report))
        return RunResult("", 0, "")

    try:
        with_bar(work)
    except (ExportError, NotASessionError, OSError) as error:
        typer.echo(f"{folder} was not exported as {form}: {error}", err=True)
        return None
    for note in exported[0].notes:
        typer.echo(f"{exported[0].path}: {note}")
    return exported[0]
