"""Where the time of a command goes, for whoever wants to make it faster.

yappi looks at all threads; most profilers see one, and here the main one mostly waits. dbt is a
process of its own and reports by itself (`flows.dbt`).
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

LINES = 40


def set_profiling(wanted: bool) -> None:
    """As a variable, so that a Prefect flow, which reads the settings itself, sees it too."""
    if wanted:
        os.environ["QUANTMINI_MONITORING__ENABLE_PROFILING"] = "true"


Profile = Annotated[
    bool,
    typer.Option(
        "--profile",
        help="Write to logs/performance where the time goes (monitoring.enable_profiling).",
        callback=set_profiling,
        expose_value=False,
    ),
]


@contextmanager
def profiled(path: Path) -> Iterator[None]:
    """Profile the block by the clock, threads included.

    Args:
        path: gets `.txt`, the functions with most time of their own, and `.pstats`, which
            snakeviz and Python's pstats read.
    """
    import yappi

    yappi.set_clock_type("wall")
    yappi.start()
    try:
        yield
    finally:
        yappi.stop()
        path.parent.mkdir(parents=True, exist_ok=True)
        functions = yappi.get_func_stats()
        functions.save(str(path.with_suffix(".pstats")), type="pstat")
        path.with_suffix(".txt").write_text(_text(functions), encoding="utf-8")
        yappi.clear_stats()


def _text(functions: object) -> str:
    """Threads, then functions by the seconds spent in themselves."""
    import yappi

    threads, table = io.StringIO(), io.StringIO()
    yappi.get_thread_stats().print_all(out=threads)
    functions.sort("tsub")  # type: ignore[attr-defined]
    lines = [
        f"{each.tsub:10.3f} {each.ttot:10.3f} {each.ncall:9,}  {each.full_name}"
        for each in list(functions)[:LINES]  # type: ignore[call-overload]
    ]
    heads = f"{'own s':>10} {'with all':>10} {'calls':>9}  function"
    table.write("\n".join([heads, *lines]))
    return f"{threads.getvalue()}\n{table.getvalue()}\n"
