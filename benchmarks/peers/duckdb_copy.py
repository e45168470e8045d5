"""Plain DuckDB: one COPY from csv.gz to Parquet, types as its sniffer sees them."""

from __future__ import annotations

from pathlib import Path

import duckdb


def convert(source: Path, target: Path) -> None:
    """One flat file to one Parquet file."""
    with duckdb.connect(config={"threads": 2, "preserve_insertion_order": False}) as connection:
        connection.read_csv(str(source)).write_parquet(str(target), compression="zstd")
