"""``ctlr verify FOLDER``: it only reads, and works on any computer, also where no rig does."""

import json
from pathlib import Path
from typing import NoReturn

import typer

from ctlr.cli.command import fail
from ctlr.cli.outcome import end_with, with_bar
from ctlr.export.jobs import find_sessions
from ctlr.kernel.hashing import hash_bytes
from ctlr.layout.session import MANIFEST_NAME
from ctlr.postprocess.folder.folders import SET_ASIDE_NAME
from ctlr.postprocess.folder.read_back import verify_folder
from ctlr.postprocess.manifest import progress as steps


def read_back_folder(folder: Path, done: Path | None = None) -> NoReturn:
    """Verify a session folder wherever it lies, or all that lie on a drive, or in a folder of drives.

    ``done`` is a file that notes each session that was as it was written: one that is in it, and
    has had no new revision since, is not read again.
    """
    try:
        found = list(find_sessions([folder], (MANIFEST_NAME, SET_ASIDE_NAME)))
        if found in ([], [folder]):
            end_with(with_bar(lambda report: verify_folder(folder, report)))
        before = _read(done)
        left = [one for one in found if not _is_done(one, before)]
        results = [_read_back_one(one, done) for one in left]
    except OSError as error:
        what = error.strerror or error
        fail(f"{folder} cannot be read back: {what}. Nothing was changed.", code=1)
    bad = sum(result.exit_code != 0 for result in results)
    known = f", {len(found) - len(left)} were read back before" if len(left) < len(found) else ""
    typer.echo(f"{folder}: {len(results)} sessions read back, {bad or 'none'} with faults{known}")
    raise typer.Exit(3 if bad else 0)


def _read_back_one(folder: Path, done: Path | None) -> steps.RunResult:
    manifest = _hash(folder)
    result = with_bar(lambda report: verify_folder(folder, report))
    typer.echo(result.summary)
    if done is not None and result.exit_code == 0:
        with open(done, "a", encoding="utf-8") as file:
            told = {"folder": str(folder.resolve()), "manifest": manifest}
            file.write(f"\n{json.dumps(told)}\n")  # an earlier line may have been cut off
    return result


def _is_done(folder: Path, before: dict[str, str]) -> bool:
    known = before.get(str(folder.resolve()))
    return known is not None and known == _hash(folder)


def _hash(folder: Path) -> str | None:
    """Of the manifest; None where a session is not finished."""
    path = folder / MANIFEST_NAME
    return hash_bytes(path.read_bytes()) if path.is_file() else None


def _read(done: Path | None) -> dict[str, str]:
    """The manifest's hash of each session that is noted; a line that was cut off counts for nothing."""
    if done is None or not done.is_file():
        return {}
    known: dict[str, str] = {}
    for line in done.read_text("utf-8", "replace").splitlines():
        try:
            told = json.loads(line)
            known[told["folder"]] = told["manifest"]
        except (ValueError, TypeError, KeyError):
            continue
    return known
