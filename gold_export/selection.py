"""Which instruments and which stretch of the calendar a data set brings to a store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gold_export import calendars, names, queries
from gold_export.series import Spans
from lake.datasets import DATASETS


@dataclass(frozen=True)
class Selection:
    """The universe of one data set, and its calendar from the first to the last exported session.

    Attributes:
        dataset: its name.
        frequency: `day` or `1min`.
        base: where `moments` begins in the calendar of `gold_sessions`.
        moments: the calendar, datetime64[s]; New York wall-clock time for 1min.
        tickers: N tickers, in the order of their instruments.
        spans: the N instruments and their places in `moments`.
        rows: silver rows with a place in the calendar.
        left_out: silver rows of the universe without one.
    """

    dataset: str
    frequency: calendars.Frequency
    base: int
    moments: npt.NDArray[np.datetime64]
    tickers: list[str]
    spans: Spans
    rows: int
    left_out: int

    def lifetimes(self) -> dict[str, tuple[np.datetime64, np.datetime64]]:
        """Instrument → the moments of its first and last bar."""
        first, last = self.moments[self.spans.first], self.moments[self.spans.last]
        return dict(zip(self.spans.names, zip(first, last, strict=True), strict=True))


@contextmanager
def selected(
    con: duckdb.DuckDBPyConnection, dataset: str, symbols: tuple[str, ...], top: int
) -> Iterator[Selection | None]:
    """Select what to export; `gold_sessions` and `gold_universe` stand in `con` meanwhile.

    Args:
        con: has `silver.<dataset>`.
        dataset: its name.
        symbols: tickers to keep, empty for no list.
        top: how many to keep by dollar volume, 0 for all.

    Yields:
        The selection; None where no bar of the universe lies in a session.
    """
    frequency: calendars.Frequency = "1min" if DATASETS[dataset].minute else "day"
    [(first, last)] = con.execute(f"select min(date), max(date) from silver.{dataset}").fetchall()
    if first is None:
        yield None
        return
    part = calendars.sessions(first, last)
    con.register("gold_sessions", calendars.as_table(part, frequency))
    try:
        selection = _select(con, dataset, frequency, part, symbols, top)
        if selection is not None:
            numbers = np.arange(len(selection.tickers), dtype=np.int32)
            table = pa.table(
                {"ticker": pa.array(selection.tickers, pa.string()), "number": numbers}
            )
            con.register("gold_universe", table)
        yield selection
    finally:
        con.unregister("gold_sessions")
        con.unregister("gold_universe")


def _select(
    con: duckdb.DuckDBPyConnection,
    dataset: str,
    frequency: calendars.Frequency,
    part: calendars.Sessions,
    symbols: tuple[str, ...],
    top: int,
) -> Selection | None:
    sql = queries.universe(dataset, listed=bool(symbols), top=top)
    found = con.execute(sql, [list(symbols)] if symbols else []).fetchall()
    places = {ticker: (first, last) for ticker, _, placed, first, last in found if placed}
    if not places:
        return None
    prefix = "O:" if DATASETS[dataset].asset == "options" else ""
    instruments = names.instruments(places, prefix)
    bounds = np.array([places[ticker] for ticker in instruments], np.int64)
    offsets = calendars.offsets(part, frequency)
    start, stop = np.searchsorted(offsets, [bounds.min(), bounds.max()], side="right")
    base = int(offsets[start - 1])
    rows = sum(placed for _, _, placed, _, _ in found)
    return Selection(
        dataset=dataset,
        frequency=frequency,
        base=base,
        moments=calendars.times(part.part(int(start) - 1, int(stop)), frequency),
        tickers=list(instruments),
        spans=Spans(list(instruments.values()), bounds[:, 0] - base, bounds[:, 1] - base),
        rows=rows,
        left_out=sum(total for _, total, *_ in found) - rows,
    )
