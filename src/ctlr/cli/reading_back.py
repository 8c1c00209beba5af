"""``ctlr verify FOLDER``: it only reads, and works on any computer, also where no rig does."""

from pathlib import Path
from typing import NoReturn

import typer

from ctlr.cli.command import fail
from ctlr.cli.outcome import end_with, with_bar
from ctlr.layout.session import MANIFEST_NAME
from ctlr.postprocess.folder.folders import session_folders
from ctlr.postprocess.folder.read_back import verify_folder
from ctlr.postprocess.manifest import progress as steps


def read_back_folder(folder: Path) -> NoReturn:
    """Verify a session folder wherever it lies, or all that lie on a drive."""
    try:
        if (folder / MANIFEST_NAME).is_file() or not (found := session_folders(folder)):
            end_with(with_bar(lambda report: verify_folder(folder, report)))
        results = [_read_back_one(one) for one in found]
    except OSError as error:
        what = error.strerror or error
        fail(f"{folder} cannot be read back: {what}. Nothing was changed.", code=1)
    bad = sum(result.exit_code != 0 for result in results)
    typer.echo(f"{folder}: {len(results)} sessions read back, {bad or 'none'} with faults")
    raise typer.Exit(3 if bad else 0)


def _read_back_one(folder: Path) -> steps.RunResult:
    result = with_bar(lambda report: verify_folder(folder, report))
    typer.echo(result.summary)
    return result
