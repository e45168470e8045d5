"""Bronze of any size, which DuckDB makes in no time: for benchmarks that begin at bronze."""

from __future__ import annotations

from datetime import date

import duckdb

from lake.calendar import sessions
from lake.datasets import DATASETS, Dataset
from lake.layout import Layout

PRICE = "(100 + (hash(s, m, '{day}') % 1000) / 100)::decimal(18, 4)"
BARS = """
    SELECT {name} AS {key}, DATE '{day}' AS date,
        timezone('America/New_York', TIMESTAMP '{day} 09:30:00') + to_minutes(m) AS ts,
        {price} AS open, {price} + 1 AS high, {price} - 1 AS low, {price} AS close,
        (m + 1)::decimal(18, 0) AS volume, 1::bigint AS transactions
    FROM range({instruments}) AS a (s), range({minutes}) AS b (m)
    ORDER BY {key}, ts
"""
STOCK = "'S' || lpad(s::varchar, 6, '0')"
OPTION = "'O:S' || lpad((s // 40)::varchar, 6, '0') || '301220C' || lpad((s % 40)::varchar, 8, '0')"
MINUTES = 200


def trading_days(count: int) -> list[date]:
    """The first sessions from June 2022 on; up to 398."""
    days = sessions()["date"].to_pylist()
    return [day for day in days if date(2022, 6, 1) <= day <= date(2023, 12, 29)][:count]


def write_day(layout: Layout, dataset: Dataset, day: date, rows: int) -> None:
    """One bronze day of this many rows: 200 minutes an instrument, or one bar."""
    minutes = MINUTES if dataset.minute else 1
    path = layout.bronze(dataset, day)
    path.parent.mkdir(parents=True, exist_ok=True)
    bars = BARS.format(
        name=STOCK if dataset.asset == "stocks" else OPTION,
        key=dataset.instrument,
        day=day,
        price=PRICE.format(day=day),
        instruments=rows // minutes,
        minutes=minutes,
    )
    footer = "{quantmini: '{\"etag\": 1}'}"
    duckdb.execute(
        f"COPY ({bars}) TO '{path}' (FORMAT parquet, COMPRESSION zstd, KV_METADATA {footer})"
    )


def write_days(layout: Layout, days: list[date], rows: int) -> None:
    """Days of all four data sets. Day bars have a tenth of the rows of minute bars."""
    for day in days:
        for dataset in DATASETS.values():
            write_day(layout, dataset, day, rows if dataset.minute else rows // 10)
