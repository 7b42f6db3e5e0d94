"""Words and progress bars for the person at the terminal; on standard error, so that output can be piped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID


@lru_cache
def console() -> Console:
    """The one console."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """A line of plain text; brackets in it are not markup."""
    console().print(text, markup=False)


class Bar:
    """A progress bar that is open."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def update(self, done: float, total: float, text: str = "") -> None:
        """Set how far it is."""
        self._progress.update(self._task, completed=done, total=total, text=text)

    def step(self, count: int = 1) -> None:
        """So many more are done."""
        self._progress.advance(self._task, count)


@contextmanager
def bar(description: str, total: float | None = None) -> Iterator[Bar]:
    """A progress bar with the time that is left; a plain line where the output is no terminal."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[text]}", markup=False),
    )
    if not console().is_terminal:
        say(description)
    with Progress(*columns, console=console(), disable=not console().is_terminal, transient=True) as progress:
        yield Bar(progress, progress.add_task(description, total=total, text=""))
