"""Progress for a person at a terminal; nothing where stderr is a file or a pipe."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

T = TypeVar("T")

console = Console(stderr=True)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Name a stage while it runs, and say how long it took."""
    if not console.is_terminal:
        yield
        return
    began = time.perf_counter()
    console.print(f"[bold]{name}[/bold] …")
    yield
    console.print(f"[bold]{name}[/bold] {time.perf_counter() - began:.1f} s")


def call(name: str, function: Callable[..., T], *arguments: Any) -> T:
    """A step run directly. Prefect's twin wraps the same function in a task of this name."""
    with stage(name):
        return function(*arguments)


@contextmanager
def bar(name: str) -> Iterator[Callable[[object, int, int], None]]:
    """A progress bar; the callable takes what was done last, and how many of how many are done."""
    with Progress(
        TextColumn(name),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task(name, total=None)
        yield lambda _last, done, total: progress.update(task, completed=done, total=total)
