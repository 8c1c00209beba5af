"""What the verbs of ``processing`` do, apart from them: it loads all of post-processing, which a
controller and a camera do without.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ctlr.cli.command import fail, say
from ctlr.cli.outcome import end_with, with_bar
from ctlr.config import Settings
from ctlr.kernel.texts import show_controls
from ctlr.postprocess.folder.folders import find_folder
from ctlr.postprocess.folder.verify import verify_session
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
        say("\n".join(describe(plan)))
        raise typer.Exit(0 if plan.complete else 3)
    end_on_sigterm()
    end_with(with_bar(lambda report: process(settings, session, facts, report)))


@_in_one_line()
def read_back(settings: Settings, uuid: str) -> NoReturn:
    """Verify a session of the sync disk and keep the result there."""
    end_on_sigterm()
    _require_mount(settings, "sync")
    whole = uuid.lower()
    session = whole if find_folder(settings, whole) else resolve_prefix(settings, uuid)
    end_with(with_bar(lambda report: verify_session(settings, session, report)))


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


def _require_mount(settings: Settings, name: Literal["logging", "sync"]) -> None:
    if problem := mount_problem(settings.storage, name):
        fail(f"The {name} drive cannot be used: {problem}. Nothing was changed.", code=1)


@_in_one_line()
def show_sessions(settings: Settings) -> None:
    """Print what lies on the logging disk."""
    sessions = list_sessions(settings)
    if not sessions:
        say(f"No session lies below {settings.storage.logging}.")
        return
    table = Table("session", "cameras", "segments", "size", "folder", "state")
    for found in sessions:
        state = "up to date" if found.up_to_date else "to do"
        table.add_row(
            found.uuid,
            ", ".join(found.nodes) or "-",
            str(found.segments),
            f"{found.bytes / 2**20:.1f} MB",
            escape(show_controls(found.folder or "-")),
            f"{state} (revision {found.revision})" if found.revision else state,
        )
    Console(width=None if Console().is_terminal else 200).print(table)
