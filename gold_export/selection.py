"""Which instruments and which stretch of the calendar a data set brings to a store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gold_export import calendars, names
from gold_export.series import Spans
from lake.datasets import DATASETS


@dataclass(frozen=True)
class Selection:
    """The universe of one data set, and its calendar from the first to the last exported session.

    Attributes:
        dataset: its name.
        part: the sessions of the calendar.
        base: where they begin in the calendar that `places` counts in.
        tickers: N tickers, in the order of their instruments.
        spans: the N instruments and their places in the calendar.
        closes: (N,) float64, the adjusted close of the last bar of each.
        dollars: dollar volume of each in whole dollars.
        rows: silver rows with a place in the calendar.
        left_out: silver rows of the universe without one.
    """

    dataset: str
    part: calendars.Sessions
    base: int
    tickers: list[str]
    spans: Spans
    closes: npt.NDArray[np.float64]
    dollars: list[int]
    rows: int
    left_out: int

    @property
    def frequency(self) -> calendars.Frequency:
        """`day` or `1min`."""
        return frequency(self.dataset)


def frequency(dataset: str) -> calendars.Frequency:
    """The frequency of a data set's bars."""
    return "1min" if DATASETS[dataset].minute else "day"


def dates(con: duckdb.DuckDBPyConnection, dataset: str) -> tuple[date, date] | None:
    """The first and last date in `silver.<dataset>`, None where it is empty."""
    [(first, last)] = con.execute(f"select min(date), max(date) from silver.{dataset}").fetchall()
    return None if first is None else (first, last)


@contextmanager
def registered(con: duckdb.DuckDBPyConnection, **tables: pa.Table) -> Iterator[None]:
    """Let SQL see these tables by name; afterwards nobody does."""
    for name, table in tables.items():
        con.register(name, table)
    try:
        yield
    finally:
        for name in tables:
            con.unregister(name)


def numbered(tickers: list[str], numbers: npt.NDArray[np.int64]) -> pa.Table:
    """The table `gold_universe`: some tickers with their numbers in a selection."""
    return pa.table({"ticker": pa.array(tickers, pa.string()), "number": numbers.astype(np.int32)})


def largest(places: pa.Table, top: int) -> pa.Table:
    """The places of the `top` tickers with the largest dollar volume; 0 keeps all."""
    if not top:
        return places
    order = [("dollars", "descending"), ("ticker", "ascending")]
    return places.sort_by(order).slice(0, top)


def select(
    dataset: str, places: pa.Table, sessions: calendars.Sessions, top: int
) -> Selection | None:
    """Choose the largest tickers and the stretch of the calendar between their outermost bars.

    Args:
        dataset: its name.
        places: as `queries.places` gives them, `first` and `last` counted in `sessions`.
        sessions: cover every bar.
        top: how many tickers to keep by dollar volume, 0 for all.

    Returns:
        The selection; None where no bar of the universe lies in a session.
    """
    places = largest(places, top)
    rows, placed = (int(places[name].to_numpy().sum()) for name in ("rows", "placed"))
    if not placed:
        return None
    places = places.filter(places["first"].is_valid())
    prefix = "O:" if DATASETS[dataset].asset == "options" else ""
    row_of = {ticker: row for row, ticker in enumerate(places["ticker"].to_pylist())}
    instruments = names.instruments(row_of, prefix)
    places = places.take([row_of[ticker] for ticker in instruments])
    first, last = (places[name].to_numpy() for name in ("first", "last"))
    offsets = calendars.offsets(sessions, frequency(dataset))
    start, stop = np.searchsorted(offsets, [first.min(), last.max()], side="right")
    base = int(offsets[start - 1])
    return Selection(
        dataset=dataset,
        part=sessions.part(int(start) - 1, int(stop)),
        base=base,
        tickers=list(instruments),
        spans=Spans(list(instruments.values()), first - base, last - base),
        closes=places["close"].to_numpy(),
        dollars=[int(dollars) for dollars in places["dollars"].to_pylist()],
        rows=placed,
        left_out=rows - placed,
    )
