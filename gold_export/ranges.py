"""Series that are written whole, a range of instruments at a time, here or by other processes."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise, takewhile
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gold_export import queries, series, store_files, versions
from gold_export.job import Job
from gold_export.selection import Selection, frequency, numbered, registered
from gold_export.series import Spans

# Values of a range that is given away: some 40 MB of files, a few seconds of work.
VALUES = 10_000_000


@dataclass(frozen=True)
class Range:
    """Some instruments of one data set, N of them, and what decides their series.

    Attributes:
        dataset: its name.
        columns: F fields.
        sessions: the first and last session of the calendar that `base` counts in.
        base: the index in it where the store's calendar begins.
        adjusted: whether prices are.
        batch_rows: rows held at a time.
        tickers: N tickers, in the order of their instruments.
        spans: the N instruments and their places in the store's calendar.
    """

    dataset: str
    columns: list[str]
    sessions: tuple[date, date]
    base: int
    adjusted: bool
    batch_rows: int
    tickers: list[str]
    spans: Spans

    @property
    def files(self) -> list[str]:
        """The file of each field."""
        return [f"{column.lower()}.{frequency(self.dataset)}.bin" for column in self.columns]

    def universe(self) -> pa.Table:
        """Its instruments as `gold_universe`."""
        return numbered(self.tickers, np.arange(len(self.tickers)))

    def of(self, numbers: npt.NDArray[np.int64]) -> Range:
        """Some of its instruments alone."""
        names, first, last = self.spans.names, self.spans.first[numbers], self.spans.last[numbers]
        spans = Spans([names[number] for number in numbers], first, last)
        return replace(self, tickers=[self.tickers[number] for number in numbers], spans=spans)

    def cut(self, values: int) -> list[Range]:
        """The same as ranges of about so many values, each of at least one instrument."""
        lengths = (1 + self.spans.last - self.spans.first) * len(self.columns)
        share = np.cumsum(lengths) // values
        edges = [0, *(np.flatnonzero(np.diff(share)) + 1).tolist(), len(lengths)]
        return [self.of(np.arange(*ends)) for ends in pairwise(edges)]


# Has ranges written into a version's folder by other processes; yields the instruments of each.
Spread = Callable[[Path, list[Range]], Generator[int, None, None]]


def whole(
    job: Job, selection: Selection, columns: list[str], sessions: tuple[date, date], base: int
) -> Range:
    """All that a selection shows, with `sessions` and `base` as a Range has them."""
    return Range(
        selection.dataset,
        columns,
        sessions,
        base,
        job.adjusted,
        job.options.batch_rows,
        selection.tickers,
        selection.spans,
    )


def write_all(job: Job, part: Range, folder: Path, *, again: bool) -> int:
    """Write the series of a range into a version, in smaller ones by `job.spread` if there is one.

    Returns:
        Instruments written.
    """
    parts = part.cut(VALUES)
    if job.spread is None or len(parts) == 1:
        return write(job.con, part, folder, again=again)
    with closing(job.spread(folder, parts)) as written:
        return sum(written)


def write(con: duckdb.DuckDBPyConnection, part: Range, folder: Path, *, again: bool) -> int:
    """Write the series of a range into a version.

    One that is complete is left alone: so late comes only a process that was given up for dead.

    Args:
        con: has silver, `gold_sessions` and, where prices are adjusted, `gold_factors`.
        part: the range.
        folder: the version.
        again: whether files may be there, of an attempt before or an older state.

    Returns:
        Instruments written.
    """
    with registered(con, gold_universe=part.universe()):
        bars = stream(con, part, np.full(len(part.tickers), np.nan))
        state = folder / versions.STATE
        blocks = takewhile(lambda _: not state.exists(), series.dense(bars, part.spans))
        names = part.spans.names
        return store_files.write(folder / "features", blocks, names, part.files, replace=again)


def stream(
    con: duckdb.DuckDBPyConnection,
    part: Range,
    before: npt.NDArray[np.float64],
    source: str = "",
) -> Iterable[pa.RecordBatch]:
    """The bars of `gold_universe` as `series.dense` takes them.

    They are read as they are consumed, so the connection must run nothing else meanwhile.

    Args:
        con: as of `write`, and with `gold_universe`.
        part: the range.
        before: (N,) by number, the adjusted close before an instrument's first row.
        source: where the bars are, silver by default.
    """
    sql = queries.bars(part.dataset, part.columns, part.base, source, adjusted=part.adjusted)
    batches: Iterable[pa.RecordBatch] = con.execute(sql).to_arrow_reader(part.batch_rows)
    return series.changes(batches, before) if "change" in part.columns else batches
