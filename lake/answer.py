"""What a question to the lake gives: rows, computed when they are asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from lake import query_cache
from lake.reading import Parameters, Reading

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

BATCH_ROWS = 100_000


@dataclass(frozen=True)
class Expected:
    """Instruments that an answer should hold, and what to do where some are missing.

    Attributes:
        column: the name of their column.
        names: of them; empty where all are asked for, so that only no row at all is strange.
        explain: raises an error that helps, or returns where having no rows is in order.
    """

    column: str
    names: frozenset[str]
    explain: Callable[[frozenset[str]], None]


@dataclass(frozen=True, repr=False)
class Answer:
    """The rows of one query, in the form that is asked for. Each call computes them anew.

    Bars and chains read the files that held them when they were asked for, for a day at least.

    It is an Arrow stream to other libraries: `polars.DataFrame(answer)`, `pyarrow.table(answer)`.
    """

    reading: Reading
    sql: str
    parameters: Parameters = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    key: Callable[[], str | None] = lambda: None
    expected: Expected | None = None
    name: str = ""

    def arrow(self) -> pa.Table:
        """All rows as an Arrow table. Prices are exact decimals, times are UTC."""
        return self.reader().read_all()

    def polars(self) -> pl.DataFrame:
        """All rows as a Polars frame. Prices are exact decimals, times are UTC."""
        import polars as pl

        return pl.DataFrame(pl.from_arrow(self.arrow()))

    def pandas(self) -> pd.DataFrame:
        """All rows as a pandas frame. Prices are float64, as pandas computes."""
        frame: pd.DataFrame = self.reading.cursor().from_arrow(self.arrow()).df()
        return frame

    def lazy(self) -> pl.LazyFrame:
        """A Polars query on top of this one, which runs when it is collected.

        DuckDB then reads no more than the columns, rows and dates that the Polars query needs. It
        stays on this snapshot, as long as the lake keeps that. A query with parameters is computed
        now.
        """
        if self.expected:
            self._look_for_expected()
        frame: pl.LazyFrame = self._relation().pl(lazy=True)
        return frame

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows as tuples of Python values."""
        columns = [column.to_pylist() for column in self.arrow().columns]
        return list(zip(*columns, strict=True))

    def reader(self) -> pa.RecordBatchReader:
        """The rows as a stream of Arrow batches, for answers larger than memory."""
        began = time.perf_counter()
        key = self.key()
        table = self.reading.kept(key)
        if table is not None:
            self.reading.record(self.title, time.perf_counter() - began, table.num_rows, "hit")
            return table.to_reader()
        try:
            cursor = self.reading.cursor(self.variables)
            stream = cursor.execute(self.sql, self.parameters).to_arrow_reader(BATCH_ROWS)
            batches, whole = _head(stream)
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            fault = self._fault(error)
            self.reading.record(self.title, time.perf_counter() - began, 0, "none", str(fault))
            raise fault from None
        if not whole:
            return self._rest(stream, batches, began)
        table = pa.Table.from_batches(batches, stream.schema)
        seconds = time.perf_counter() - began
        if key is not None and key == self.key():
            self.reading.keep(key, table, seconds)
        self.reading.record(self.title, seconds, table.num_rows, "none" if key is None else "miss")
        self._check(batches)
        return table.to_reader()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The Arrow PyCapsule interface."""
        return self.reader().__arrow_c_stream__(requested_schema)

    @property
    def title(self) -> str:
        """What was asked, for the record."""
        return self.name or " ".join(self.sql.split())

    def __repr__(self) -> str:
        asked = self.title
        return f"<Answer to {asked!r}: .polars(), .lazy(), .arrow(), .pandas(), .fetchall()>"

    def _fault(self, error: Exception) -> Exception:
        return self.reading.fault(error, listed="files" in self.variables)

    def _relation(self) -> duckdb.DuckDBPyRelation:
        try:
            return self.reading.cursor(self.variables).sql(self.sql, params=self.parameters)
        except duckdb.Error as error:
            raise self._fault(error) from None

    def _rest(
        self, stream: pa.RecordBatchReader, batches: list[pa.RecordBatch], began: float
    ) -> pa.RecordBatchReader:
        """A large answer: the batches that are here already, then the others as they come."""

        def all_of_them() -> Iterator[pa.RecordBatch]:
            rows, slim = 0, []
            try:
                for batch in chain(batches, stream):
                    rows += batch.num_rows
                    if self.expected:
                        slim.append(batch.select([self.expected.column]))
                    yield batch
            except (duckdb.Error, pa.ArrowException, OSError) as error:
                raise self._fault(error) from None
            self.reading.record(self.title, time.perf_counter() - began, rows, "none")
            self._check(slim)

        return pa.RecordBatchReader.from_batches(stream.schema, all_of_them())

    def _check(self, batches: list[pa.RecordBatch]) -> None:
        if self.expected is None:
            return
        seen: set[str] = set()
        for batch in batches:
            seen.update(pc.unique(batch.column(self.expected.column)).to_pylist())
        missing = self.expected.names - seen
        if missing or not seen:
            self.expected.explain(missing)

    def _look_for_expected(self) -> None:
        """Ask which instruments there are, for an answer that is read later."""
        assert self.expected is not None  # noqa: S101 - the caller has looked
        names = f"SELECT DISTINCT {self.expected.column} FROM ({self.sql})"
        seen = self.reading.cursor(self.variables).sql(names).to_arrow_table()
        self._check(seen.to_batches())


def _head(stream: pa.RecordBatchReader) -> tuple[list[pa.RecordBatch], bool]:
    """The first batches, and whether they are all: up to what the cache would keep."""
    batches, size = [], 0
    for batch in stream:
        batches.append(batch)
        size += batch.nbytes
        if size > query_cache.LARGEST:
            return batches, False
    return batches, True
