"""The commands that ask the published lake: `query`, `bars` and `chain`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lake.answer import Answer
    from lake.published import Lake

Form = Annotated[
    str | None,
    typer.Option("--format", help="table, csv, json or parquet; by default as the file ends."),
]
Out = Annotated[Path | None, typer.Option(help="Write to this file.")]
Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Trading date.")]


def query(
    sql: Annotated[str, typer.Argument(help="SELECT over silver.<table> and metadata.<table>.")],
    form: Form = None,
    out: Out = None,
) -> None:
    """Ask the published lake in SQL."""
    answer(lambda lake: lake.sql(sql), form, out)


def bars(
    symbols: Annotated[list[str], typer.Argument(help="Symbols, or contracts with their `O:`.")],
    start: Day = None,
    end: Day = None,
    freq: Annotated[
        str | None, typer.Option(help="1min, 5min, 30min, hour, day, week or month.")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="A data set; told from the rest.")] = None,
    adjusted: Annotated[
        bool, typer.Option("--adjusted", help="By splits and dividends, to the newest day.")
    ] = False,
    form: Form = None,
    out: Out = None,
) -> None:
    """Bars of symbols, in order; day bars of all dates by default."""
    first, last = (moment and moment.date() for moment in (start, end))

    def ask(lake: Lake) -> Answer:
        return lake.bars(symbols, first, last, dataset=dataset, freq=freq, adjusted=adjusted)

    answer(ask, form, out)


def chain(
    underlying: Annotated[str, typer.Argument(help="Such as SPY.")],
    date: Day = None,
    form: Form = None,
    out: Out = None,
) -> None:
    """The option chain of an underlying, by expiry and strike; of the newest date by default."""
    answer(lambda lake: lake.chain(underlying, date and date.date()), form, out)


def answer(question: Callable[[Lake], Answer], form: str | None, out: Path | None) -> None:
    """Open the lake, ask it and write what it says."""
    do_without_pandas()
    import lake
    from lake import formats

    form = formats.chosen(form, out)
    try:
        with lake.connect() as published:
            formats.write(question(published), form, out)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads, `head` say, has had enough. Python flushes once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def do_without_pandas() -> None:
    """Spare a second: DuckDB imports pandas with the first value it binds, to know its NaT.

    The calendar, which an error message may want, is made with pandas once a month.
    """
    from lake.calendar import sessions

    sessions()
    sys.modules.setdefault("pandas", None)  # type: ignore[arg-type]
