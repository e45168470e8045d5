"""Rows by data set and date, in each layer."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from pathlib import Path

import duckdb

from lake.catalog import connect
from lake.datasets import DATASETS
from lake.layout import Layout


def csv_rows(source: Path) -> dict[tuple[str, str], int]:
    """Data rows of every flat file: (data set, date) → rows."""
    return {
        (dataset.name, path.name[:10]): gzip.decompress(path.read_bytes()).count(b"\n") - 1
        for dataset in DATASETS.values()
        for path in (source / dataset.prefix).rglob("*.csv.gz")
    }


def bronze_rows(layout: Layout) -> dict[tuple[str, str], int]:
    return {
        (name, str(day)): duckdb.sql(f"SELECT count(*) FROM '{path}'").fetchall()[0][0]
        for name, dataset in DATASETS.items()
        for day, path in layout.bronze_files(dataset).items()
    }


def silver_rows(layout: Layout, names: Iterable[str] = DATASETS) -> dict[tuple[str, str], int]:
    with connect(layout, "1GB", 2) as lake:
        return {
            (name, str(day)): rows
            for name in names
            for day, rows in lake.sql(
                f"SELECT date, count(*) FROM silver.{name} GROUP BY date"
            ).fetchall()
        }
