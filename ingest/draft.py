"""Writing a bronze file while its lines are still parsed."""

from __future__ import annotations

import json
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from pathlib import Path
from types import TracebackType

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from ingest.bronze import FOOTER_KEY, Encoding, Provenance, table
from ingest.duplicates import in_order
from ingest.exact import SPARE, Slice
from lake.datasets import Dataset

# More than any column of a row group has, so that the rows alone end a page.
PAGE_BYTES = 1 << 27


class Writer:
    """A Parquet file of bronze rows. Left without `finish`, what was written is no use.

    By default as measured best (docs/decisions/003): plain prices with zstd 6 are smaller than with
    a dictionary or deltas, and so is volume, of which zstd 1 makes the least; times repeat, so they
    take a dictionary. A column of a row group is one page, in which zstd finds more that repeats.
    """

    def __init__(
        self, path: Path, dataset: Dataset, day: date, row_group_rows: int, encoding: Encoding
    ) -> None:
        """Write a data set's trading day to a path, in row groups of so many rows."""
        self.path, self.dataset, self.day = path, dataset, day
        self.row_group_rows, self.encoding = row_group_rows, encoding
        self._waiting: list[Slice] = []
        self._writer: pq.ParquetWriter | None = None
        self._encoder: ThreadPoolExecutor | None = None
        self._encoding: Future[None] | None = None

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._encoder is not None:
            self._encoder.shutdown()
        if self._writer is not None:
            self._writer.close()

    def add(self, slice_: Slice) -> None:
        """Take rows, all in one unit; whole row groups are encoded while the caller goes on."""
        self._waiting.append(slice_)
        count = sum(len(part.rows) for part in self._waiting)
        if count < self.row_group_rows:
            return
        held = _together(self._waiting)
        whole = count - count % self.row_group_rows
        self._waiting = [Slice(held.rows[whole:], held.scales)]
        self._settled()
        # A small day never comes here and is spared the thread.
        self._encoder = self._encoder or ThreadPoolExecutor(1, thread_name_prefix="encode")
        self._encoding = self._encoder.submit(self._encode, Slice(held.rows[:whole], held.scales))

    def finish(self, provenance: Provenance) -> None:
        """Write what is left and the footer."""
        self._settled()
        rest = _together(self._waiting)
        if len(rest.rows) or self._writer is None:
            self._encode(rest)
        self.close(provenance)

    def close(self, provenance: Provenance) -> None:
        """Write the footer, after at least one table."""
        assert self._writer is not None  # noqa: S101
        self._writer.add_key_value_metadata({FOOTER_KEY: json.dumps(vars(provenance))})
        self._writer.close()

    def _settled(self) -> None:
        """One table at most is under way, so that memory stays bounded; its error shows here."""
        if self._encoding is not None:
            self._encoding.result()

    def _encode(self, slice_: Slice) -> None:
        """Write row groups; each has a dictionary of its own names only."""
        for begin in range(0, max(len(slice_.rows), 1), self.row_group_rows):
            part = Slice(slice_.rows[begin : begin + self.row_group_rows], slice_.scales)
            self.write(table(part, self.dataset, self.day))

    def write(self, rows: pa.Table) -> None:
        """Write a table as bronze stores it, at once."""
        if self._writer is None:
            self._writer = self._opened(rows.schema)
        self._writer.write_table(rows, self.row_group_rows)

    def _opened(self, schema: pa.Schema) -> pq.ParquetWriter:
        return pq.ParquetWriter(
            self.path,
            schema,
            **self.encoding.options(schema.names, self.dataset),
            data_page_size=PAGE_BYTES,
            max_rows_per_page=self.row_group_rows,
            store_decimal_as_integer=True,
            store_schema=False,
        )


def _together(parts: list[Slice]) -> Slice:
    return Slice(pl.concat(part.rows for part in parts), parts[0].scales)


class Draft:
    """A day written slice by slice, good while each slice continues the order and unit before it.

    Nearly every day does so. For one that does not, `holds` turns False and the day is to be
    sorted and written anew.
    """

    def __init__(self, writer: Writer) -> None:
        """Rows go to this writer."""
        self.writer, self.dataset = writer, writer.dataset
        self.holds = True
        self._scales: tuple[int, int] | None = None
        self._last: tuple[str, int] = ("", 0)

    def add(self, slice_: Slice) -> None:
        """Write a slice, or see that the draft does not hold."""
        self.holds = self.holds and self._continues(slice_)
        if self.holds and self._scales is not None:
            self.writer.add(slice_.at(*self._scales))

    def _continues(self, slice_: Slice) -> bool:
        scales, rows = slice_.scales, slice_.rows
        if scales is None:
            return False
        self._scales = known = self._scales or scales
        if not all(0 <= ours - own <= SPARE for ours, own in zip(known, scales, strict=True)):
            return False
        if not len(rows):
            return True
        first, last = ((rows["ticker"][at], rows["window_start"][at]) for at in (0, -1))
        follows = first > self._last if self.dataset.minute else first[0] > self._last[0]
        self._last = last
        # Python compares strings by code point, which is the byte order of UTF-8.
        return follows and in_order(slice_, self.dataset)
