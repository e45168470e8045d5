"""Flat files of any shape, which DuckDB makes in no time: for rates, not for sizes."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb

from lake.datasets import Dataset

PRICE = "(100 + (hash(s, m, '{day}') % 100000) / 1000)::decimal(9, 4)"
LINES = """
    SELECT {name} AS ticker, 1 + hash(m, s, '{day}') % 9999 AS volume, p AS open, p AS close,
        p + 1 AS high, p - 1 AS low,
        epoch_ns(timezone('America/New_York', TIMESTAMP '{day} {start}') + to_minutes(m))
            AS window_start,
        1 + hash(m, s) % 99 AS transactions
    FROM (
        SELECT s + {offset} AS s, m, {price} AS p
        FROM range({instruments}) AS a (s), range({minutes}) AS b (m)
    )
    ORDER BY ticker, window_start
"""
STOCK = "'S' || lpad(s::varchar, 7, '0')"
OPTION = (
    "'O:S' || lpad((s // 2000)::varchar, 5, '0') || "
    "CASE WHEN s % 2 = 0 THEN '301220C' ELSE '301220P' END || "
    "lpad((s % 2000 * 500)::varchar, 8, '0')"
)


def write_flat_file(
    bucket: Path, dataset: Dataset, day: date, instruments: int, minutes: int = 1, offset: int = 0
) -> Path:
    """One csv.gz in the bucket's layout.

    It holds `instruments` tickers from number `offset` on, each with `minutes` bars from 04:00 in
    New York on, or with a day bar.
    """
    path = bucket / dataset.object_key(day)
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = LINES.format(
        name=STOCK if dataset.asset == "stocks" else OPTION,
        day=day,
        start="04:00:00" if dataset.minute else "00:00:00",
        offset=offset,
        price=PRICE.format(day=day),
        instruments=instruments,
        minutes=minutes,
    )
    duckdb.execute(f"COPY ({lines}) TO '{path}' (FORMAT csv, HEADER, COMPRESSION gzip)")
    return path
