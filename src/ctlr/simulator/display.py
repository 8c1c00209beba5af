"""What a person sees while the demo works: a progress display, or plain lines in a pipe."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn


class Display:
    """Steps, one after the other; each may say how far it got. Use as a context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[note]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._finish()
        self._progress.stop()

    def step(self, text: str) -> None:
        """The step before is done; this one begins."""
        self._finish()
        self._task = self._progress.add_task(text, total=None, note="")
        if self._progress.disable:
            elapsed = time.monotonic() - self._began
            self._console.print(f"{elapsed:6.1f} s  {text}", highlight=False)

    def update(self, done: float, total: float, note: str = "") -> None:
        """How far the present step is; shown on a terminal only."""
        if self._task is not None:
            self._progress.update(self._task, completed=min(done, total), total=total, note=note)

    def note(self, text: str) -> None:
        if self._task is not None:
            self._progress.update(self._task, note=text)

    def _finish(self) -> None:
        if self._task is not None:
            self._progress.update(self._task, total=1, completed=1, note="")
