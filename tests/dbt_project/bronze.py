"""Bronze of a few instruments, and silver as it stands in the lake, published or not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from lake.attaching import attach_sql, install_extensions
from lake.datasets import DATASETS
from lake.layout import Layout

SYMBOLS = ["AAA", "BBB", "NA", "aaa"]
CONTRACTS = ["O:AAA240419C00010000", "O:BBB240419P00020500", "O:AAA1240419C00010000"]


def write_day(
    root: Path,
    name: str,
    day: date,
    seed: int = 0,
    spread: float = 0.05,
    contracts: Sequence[str] = CONTRACTS,
) -> None:
    """One bronze day of a few instruments; `seed` makes another version of the same day.

    With a negative `spread` highs lie below lows, as validation would never let through.
    """
    dataset = DATASETS[name]
    rng = np.random.default_rng([seed, day.toordinal(), len(name)])
    names = [n for n in (SYMBOLS if dataset.asset == "stocks" else contracts) if rng.random() < 0.8]
    minutes = 5 if dataset.minute else 1
    rows = [
        (symbol, day, minute, float(rng.integers(900, 1100)) / 100, int(rng.integers(0, 500)))
        for symbol in sorted(names)
        for minute in range(minutes)
    ]
    price = pl.Decimal(18, 4)
    frame = pl.DataFrame(
        rows,
        schema={
            dataset.instrument: pl.String,
            "date": pl.Date,
            "minute": pl.Int64,
            "close": pl.Float64,
            "volume": pl.Int64,
        },
        orient="row",
    ).with_columns(
        ts=pl.col("date").cast(pl.Datetime("us", "UTC")) + pl.duration(hours=15, minutes="minute"),
        open=pl.col("close").cast(price),
        high=(pl.col("close") + spread).cast(price),
        low=(pl.col("close") - spread).cast(price),
        close=pl.col("close").cast(price),
        volume=pl.col("volume").cast(pl.Decimal(18, 0)),
        transactions=pl.lit(1, pl.Int64),
    )
    columns = ["date", "ts", "open", "high", "low", "close", "volume", "transactions"]
    path = Layout(root).bronze(dataset, day)
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.select(dataset.instrument, *columns).write_parquet(
        path, metadata={"quantmini": json.dumps({"etag": seed})}
    )


def attached(root: Path, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    """A connection to the lake as it stands, whatever is published."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    install_extensions(connection)
    connection.execute(attach_sql(Layout(root), read_only=read_only))
    return connection


def silver(root: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table of silver, ordered."""
    tables = "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'silver'"
    with attached(root, read_only=True) as connection:
        return {
            name: connection.sql(f"SELECT * FROM lake.silver.{name} ORDER BY ALL").fetchall()
            for (name,) in connection.sql(tables).fetchall()
        }


def write_minutes(root: Path, day: date, symbols: int, minutes: int) -> None:
    """One bronze day of minute bars of any size, which DuckDB makes in no time."""
    path = Layout(root).bronze(DATASETS["stocks_minute"], day)
    path.parent.mkdir(parents=True, exist_ok=True)
    price = f"(100 + (hash(s, m, '{day}') % 1000) / 100)::decimal(18, 4)"
    duckdb.execute(
        f"""
        COPY (
            SELECT 'S' || s AS symbol, DATE '{day}' AS date,
                timezone('America/New_York', TIMESTAMP '{day} 09:30:00') + to_minutes(m) AS ts,
                {price} AS open, {price} + 1 AS high, {price} - 1 AS low, {price} AS close,
                (m + 1)::decimal(18, 0) AS volume, 1::bigint AS transactions
            FROM range({symbols}) AS a (s), range({minutes}) AS b (m)
            ORDER BY symbol, ts
        ) TO '{path}' (FORMAT parquet, COMPRESSION zstd, KV_METADATA {{quantmini: '{{"etag": 1}}'}})
        """
    )


def write_splits(root: Path, splits: dict[tuple[str, date], tuple[float, float]]) -> None:
    """The splits that are landed: symbol and ex-date → shares before and after."""
    rows = [(symbol, day, old, new) for (symbol, day), (old, new) in splits.items()]
    schema = {
        "ticker": pl.String,
        "execution_date": pl.Date,
        "split_from": pl.Float64,
        "split_to": pl.Float64,
    }
    _write_reference(root, "splits", pl.DataFrame(rows, schema, orient="row"))


def published_splits(market: Path) -> dict[tuple[str, date], tuple[float, float]]:
    """The splits of a generated market, as `write_splits` takes them."""
    answer = json.loads((market / "reference/splits.json").read_text(encoding="utf-8"))
    return {
        (fact["ticker"], date.fromisoformat(fact["execution_date"])): (
            float(fact["split_from"]),
            float(fact["split_to"]),
        )
        for fact in answer["results"]
    }


def write_dividends(root: Path, dividends: dict[tuple[str, date], float]) -> None:
    """The dividends that are landed: symbol and ex-date → dollars a share."""
    rows = [(symbol, day, cash, "USD") for (symbol, day), cash in dividends.items()]
    schema = {
        "ticker": pl.String,
        "ex_dividend_date": pl.Date,
        "cash_amount": pl.Float64,
        "currency": pl.String,
    }
    _write_reference(root, "dividends", pl.DataFrame(rows, schema, orient="row"))


def write_contracts(root: Path, underlyings: dict[str, str]) -> None:
    """The option contracts that are landed: ticker → underlying."""
    schema = {"ticker": pl.String, "underlying_ticker": pl.String}
    frame = pl.DataFrame(list(underlyings.items()), schema, orient="row")
    _write_reference(root, "option_contracts", frame)


def _write_reference(root: Path, table: str, frame: pl.DataFrame) -> None:
    path = Layout(root).reference(table) / f"{table}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(path)
