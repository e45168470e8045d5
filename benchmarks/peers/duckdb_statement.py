"""Bare DuckDB runs the statement that dbt compiled: what dbt, the lake and the gate add."""

from __future__ import annotations

from pathlib import Path

import duckdb

from lake.layout import Layout

BARS = """
    CREATE TEMP VIEW bars AS
    SELECT * REPLACE (
        open::decimal(18, 6) AS open, high::decimal(18, 6) AS high, low::decimal(18, 6) AS low,
        close::decimal(18, 6) AS close, volume::decimal(18, 6) AS volume
    ), false AS is_context
    FROM raw_bars
"""


def build(name: str, lake: Path, files: list[Path], target: Path, memory_limit: str) -> None:
    """One model of stocks, as a dbt before compiled it in `lake`, over bronze files into one."""
    compiled = next((Layout(lake).dbt_target / "compiled").rglob(f"features/{name}.sql"))
    config = {"threads": 2, "memory_limit": memory_limit, "preserve_insertion_order": False}
    with duckdb.connect(config=config) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.from_parquet([str(path) for path in files]).create_view("raw_bars")
        connection.execute(BARS)
        connection.execute("CREATE TEMP TABLE splits (symbol varchar, ex_date date, ratio double)")
        connection.execute("SET VARIABLE lake = ?", [str(lake)])
        statement = compiled.read_text(encoding="utf-8")
        connection.sql(statement).write_parquet(str(target), compression="zstd")
