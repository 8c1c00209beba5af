"""What the verbs of ``processing`` do, apart from them: it loads all of post-processing, which a
controller and a camera do without.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ctlr.cli.command import fail
from ctlr.config import Settings
from ctlr.layout.session import MANIFEST_NAME
from ctlr.postprocess.folder.folders import find_folder, session_folders
from ctlr.postprocess.folder.verify import verify_folder, verify_session
from ctlr.postprocess.manifest import progress as steps
from ctlr.postprocess.run.follow import follow
from ctlr.postprocess.run.listing import list_sessions, resolve_prefix
from ctlr.postprocess.run.plan_text import describe
from ctlr.postprocess.run.planning import plan_session
from ctlr.postprocess.run.session import explain, process
from ctlr.postprocess.run.worker import (
    ProgressLines,
    become_background,
    end_on_sigterm,
    log_to_parent,
)
from ctlr.postprocess.supervise.workers import Task
from ctlr.sessions.reading import read_session
from ctlr.storage.mount_snapshot import mount_problem


@contextmanager
def _in_one_line() -> Iterator[None]:
    """What the disks refuse is said in one line, for a person."""
    try:
        yield
    except OSError as error:
        fail(explain(error), code=1)
    except sqlite3.Error as error:
        fail(f"The controller's database cannot be read ({error}). Nothing was changed.", code=1)


@_in_one_line()
def make_ready(settings: Settings, uuid: str, *, dry_run: bool) -> NoReturn:
    """Process a session, or print what would be done; ends with the contract's exit code."""
    _require_mount(settings, "logging")
    _require_mount(settings, "sync")
    session = resolve_prefix(settings, uuid)
    facts = read_session(settings.database.path, session)
    if dry_run:
        plan = plan_session(settings, session, facts)
        typer.echo("\n".join(describe(plan)))
        raise typer.Exit(0 if plan.complete else 3)
    end_on_sigterm()
    _end(_with_bar(lambda report: process(settings, session, facts, report)))


@_in_one_line()
def read_back(settings: Settings, uuid: str) -> NoReturn:
    """Verify a session of the sync disk and keep the result there."""
    end_on_sigterm()
    _require_mount(settings, "sync")
    whole = uuid.lower()
    session = whole if find_folder(settings, whole) else resolve_prefix(settings, uuid)
    _end(_with_bar(lambda report: verify_session(settings, session, report)))


@_in_one_line()
def read_back_folder(folder: Path) -> NoReturn:
    """Verify a session folder wherever it lies, or all that lie on a drive."""
    end_on_sigterm()
    if (folder / MANIFEST_NAME).is_file() or not (found := session_folders(folder)):
        _end(_with_bar(lambda report: verify_folder(folder, report)))
    results = [_read_back_one(one) for one in found]
    bad = sum(result.exit_code != 0 for result in results)
    typer.echo(f"{folder}: {len(results)} sessions read back, {bad or 'none'} with faults")
    raise typer.Exit(3 if bad else 0)


def _read_back_one(folder: Path) -> steps.RunResult:
    result = _with_bar(lambda report: verify_folder(folder, report))
    typer.echo(result.summary)
    return result


def work(settings: Settings, task: str, uuid: str) -> NoReturn:
    """One task for the controller, reported in lines on the pipe."""
    end_on_sigterm()
    become_background(os.getppid())
    log_to_parent(settings.node)
    lines = ProgressLines()
    _require_mount(settings, "logging")
    _require_mount(settings, "sync")

    match Task(task):
        case Task.PROCESS:
            outcome = process(settings, uuid, read_session(settings.database.path, uuid), lines)
        case Task.FOLLOW:
            outcome = follow(
                settings, uuid, lines, lambda: read_session(settings.database.path, uuid)
            )
        case Task.VERIFY:
            outcome = verify_session(settings, uuid, lines)
    lines.end(outcome)
    raise typer.Exit(outcome.exit_code)


def _end(outcome: steps.RunResult) -> NoReturn:
    typer.echo(outcome.summary, err=outcome.exit_code == 1)
    raise typer.Exit(outcome.exit_code)


def _require_mount(settings: Settings, name: Literal["logging", "sync"]) -> None:
    if problem := mount_problem(settings.storage, name):
        fail(f"The {name} drive cannot be used: {problem}. Nothing was changed.", code=1)


def _with_bar(work: Callable[[steps.Report], steps.RunResult]) -> steps.RunResult:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("examine", total=None)

        def show(step: steps.Progress) -> None:
            what = f"{step.stage} {step.source or ''}".rstrip()
            total = step.bytes_total or None
            bar.update(task, description=what, completed=step.bytes_done, total=total)

        return work(show)


@_in_one_line()
def show_sessions(settings: Settings) -> None:
    """Print what lies on the logging disk."""
    sessions = list_sessions(settings)
    if not sessions:
        typer.echo(f"No session lies below {settings.storage.logging}.")
        return
    table = Table("session", "cameras", "segments", "size", "folder", "state")
    for found in sessions:
        state = "up to date" if found.up_to_date else "to do"
        table.add_row(
            found.uuid,
            ", ".join(found.nodes) or "-",
            str(found.segments),
            f"{found.bytes / 2**20:.1f} MB",
            found.folder or "-",
            f"{state} (revision {found.revision})" if found.revision else state,
        )
    Console(width=None if Console().is_terminal else 200).print(table)
