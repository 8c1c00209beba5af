"""How a verb that works on a session shows its progress, and how it ends."""

from collections.abc import Callable
from typing import NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from ctlr.cli.command import say
from ctlr.kernel.texts import show_controls
from ctlr.postprocess.manifest import progress as steps


def with_bar(work: Callable[[steps.Report], steps.RunResult]) -> steps.RunResult:
    """Do it with a bar on the terminal, if there is one."""
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
            what = escape(show_controls(f"{step.stage} {step.source or ''}".rstrip()))
            total = step.bytes_total or None
            bar.update(task, description=what, completed=step.bytes_done, total=total)

        return work(show)


def end_with(outcome: steps.RunResult) -> NoReturn:
    """Say what came of it, and end with its exit code."""
    say(outcome.summary, err=outcome.exit_code == 1)
    raise typer.Exit(outcome.exit_code)
