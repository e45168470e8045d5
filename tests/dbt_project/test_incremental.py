"""Incremental equals full refresh, whatever the order of arrival (DESIGN.md section 3)."""

from __future__ import annotations

import json
import random
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest

from lake.catalog import attach_sql, install_extensions
from lake.datasets import DATASETS
from lake.layout import Layout
from tests.dbt_project.conftest import Dbt

DAYS = [day for day in (date(2023, 12, 20) + timedelta(n) for n in range(100)) if day.weekday() < 5]
SYMBOLS = ["AAA", "BBB", "NA", "aaa"]
CONTRACTS = ["O:AAA240419C00010000", "O:BBB240419P00020500", "O:AAA1240419C00010000"]


def write_day(root: Path, name: str, day: date, seed: int) -> None:
    """One bronze day of a few instruments; `seed` makes another version of the same day."""
    dataset = DATASETS[name]
    rng = np.random.default_rng([seed, day.toordinal(), len(name)])
    names = [n for n in (SYMBOLS if dataset.asset == "stocks" else CONTRACTS) if rng.random() < 0.8]
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
        high=(pl.col("close") + 0.05).cast(price),
        low=(pl.col("close") - 0.05).cast(price),
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


def silver(root: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of the four tables, ordered."""
    layout = Layout(root)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        install_extensions(connection)
        connection.execute(attach_sql(layout, read_only=True))
        return {
            name: connection.sql(f"SELECT * FROM lake.silver.{name} ORDER BY ALL").fetchall()
            for name in DATASETS
        }


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_random_arrivals_equal_a_full_refresh(tmp_path: Path, dbt: Dbt, seed: int) -> None:
    chance = random.Random(seed)
    pending = [(name, day) for name in DATASETS for day in DAYS]
    chance.shuffle(pending)
    arrived: list[tuple[str, date]] = []
    while pending:
        for name, day in [pending.pop() for _ in range(min(len(pending), chance.randint(1, 150)))]:
            write_day(tmp_path, name, day, seed=0)
            arrived.append((name, day))
        for name, day in chance.sample(arrived, 3):
            write_day(tmp_path, name, day, seed=chance.randint(1, 9))
        for name, day in chance.sample(arrived, 2):
            Layout(tmp_path).bronze(DATASETS[name], day).unlink(missing_ok=True)
        dbt.build(tmp_path, batch_rows=chance.choice([5, 40, 10_000]))
    grown = silver(tmp_path)
    dbt.build(tmp_path, "--full-refresh", batch_rows=10_000)
    rebuilt = silver(tmp_path)
    for name in DATASETS:
        assert len(grown[name]) > 100
        assert grown[name] == rebuilt[name]
