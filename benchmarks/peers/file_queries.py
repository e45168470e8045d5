"""The same questions to plain Parquet files, as users of each library ask them, kept open and warm.

Each function opens its library on the files of a month of minute bars, of a year of day bars and of
one day of options, and returns the questions by name; a question takes the instruments it is about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.compute as pc
import pyarrow.dataset as ds

from benchmarks.latency import Question

SCAN = "SELECT symbol, avg(minute_return) AS mean_return FROM {} GROUP BY symbol"


@dataclass(frozen=True)
class Files:
    """What a peer reads: a file a day, and the seed's directories of the same month."""

    minutes: list[Path]
    days: list[Path]
    options: Path
    seed: Path


def with_duckdb(files: Files) -> dict[str, Question]:
    """Bare DuckDB, one connection, footers remembered."""
    connection = remembering()
    for name, paths in (("minutes", files.minutes), ("days", files.days)):
        connection.from_parquet([str(path) for path in paths]).create_view(name)
    connection.from_parquet(str(files.options)).create_view("options")

    def asked(sql: str) -> Question:
        def question(names: Sequence[str]) -> object:
            marks = ", ".join("?" * len(names))
            return connection.execute(sql.format(marks), list(names)).to_arrow_table()

        return question

    chain = "WHERE underlying IN ({}) ORDER BY expiration_date, strike_price, contract_type"
    return {
        "minutes": asked("FROM minutes WHERE symbol IN ({}) ORDER BY symbol, ts"),
        "days": asked("FROM days WHERE symbol IN ({}) ORDER BY symbol, date"),
        "chain": asked(f"FROM options {chain}"),
        "scan": lambda _: connection.execute(SCAN.format("minutes")).to_arrow_table(),
    }


def remembering() -> duckdb.DuckDBPyConnection:
    """A connection that remembers the footers of files."""
    connection = duckdb.connect(config={"threads": 2})
    connection.execute("SET TimeZone = 'UTC'; SET parquet_metadata_cache = true")
    return connection


def with_polars(files: Files) -> dict[str, Question]:
    """Polars, lazily over the files."""
    minutes, days = pl.scan_parquet(files.minutes), pl.scan_parquet(files.days)
    options = pl.scan_parquet(files.options)
    contract = ("expiration_date", "strike_price", "contract_type")
    mean = pl.col("minute_return").mean()

    def of(frame: pl.LazyFrame, column: str, *order: str) -> Question:
        def question(names: Sequence[str]) -> object:
            among = pl.col(column).is_in(list(names))
            if len(names) == 1:
                among = pl.col(column) == names[0]
            return frame.filter(among).sort(order).collect()

        return question

    return {
        "minutes": of(minutes, "symbol", "symbol", "ts"),
        "days": of(days, "symbol", "symbol", "date"),
        "chain": of(options, "underlying", *contract),
        "scan": lambda _: minutes.group_by("symbol").agg(mean).collect(engine="streaming"),
    }


def with_pyarrow(files: Files) -> dict[str, Question]:
    """Pyarrow datasets."""
    minutes, days = ds.dataset(files.minutes), ds.dataset(files.days)
    options = ds.dataset(files.options)

    def of(dataset: ds.Dataset, column: str, *order: str) -> Question:
        keys = [(name, "ascending") for name in order]

        def question(names: Sequence[str]) -> object:
            among = pc.field(column).isin(list(names))
            if len(names) == 1:
                among = pc.field(column) == names[0]
            return dataset.to_table(filter=among).sort_by(keys)

        return question

    def scan(_: Sequence[str]) -> object:
        columns = minutes.to_table(columns=["symbol", "minute_return"])
        return columns.group_by("symbol").aggregate([("minute_return", "mean")])

    contract = ("expiration_date", "strike_price", "contract_type")
    return {
        "minutes": of(minutes, "symbol", "symbol", "ts"),
        "days": of(days, "symbol", "symbol", "date"),
        "chain": of(options, "underlying", *contract),
        "scan": scan,
    }


def with_seed(files: Files) -> dict[str, Question]:
    """The seed's directories, each symbol's opened by its name, and all of them for a scan."""
    connection = remembering()

    def minutes(names: Sequence[str]) -> object:
        paths = [f"{files.seed}/symbol={name}/year=*/month=*/*.parquet" for name in names]
        sql = "FROM read_parquet(?, hive_partitioning = true) ORDER BY symbol, ts"
        return connection.execute(sql, [paths]).to_arrow_table()

    def scan(_: Sequence[str]) -> object:
        everything = f"read_parquet('{files.seed}/**/*.parquet', hive_partitioning = true)"
        return connection.execute(SCAN.format(everything)).to_arrow_table()

    return {"minutes": minutes, "scan": scan}
