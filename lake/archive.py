"""Expired options that left silver: the files in `archive/expired_options`, and which count.

The ledger `metadata.archived` in the lake says so, at each snapshot. A month of expiries is either
in silver or in one file, whole, so that no window of a contract reads from both
(docs/decisions/010-maintenance.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import duckdb

from lake.changes import META
from lake.datasets import DATASETS
from lake.errors import CorruptFile
from lake.layout import Layout
from lake.sql import quoted

LEDGER = "lake.metadata.archived"
# The data sets whose instruments expire.
NAMES = tuple(name for name, dataset in DATASETS.items() if dataset.asset == "options")


def files(
    connection: duckdb.DuckDBPyConnection, layout: Layout, dataset: str, snapshot: int
) -> list[Path]:
    """The files whose rows belong to a data set at a snapshot; silver has none of these rows.

    Args:
        connection: has the lake attached.
        layout: the lake; a shared one has no archive.
        dataset: its name.
        snapshot: one that exists.
    """
    if layout.shared or dataset not in NAMES or not _made(connection, snapshot):
        return []
    sql = f"""
        SELECT file FROM {LEDGER} AT (VERSION => {snapshot})
        WHERE dataset = {quoted(dataset)} AND restored IS NULL ORDER BY file
    """
    found = connection.execute(sql).fetchall()
    return [layout.expired_options(dataset) / name for (name,) in found]


def _made(connection: duckdb.DuckDBPyConnection, snapshot: int) -> bool:
    """Whether the ledger was there; a lake that never archived has none."""
    sql = f"""
        SELECT 1 FROM {META}.ducklake_table AS tables
        JOIN {META}.ducklake_schema AS schemas USING (schema_id)
        WHERE schemas.schema_name = 'metadata' AND tables.table_name = 'archived'
            AND tables.begin_snapshot <= {snapshot}
            AND coalesce(tables.end_snapshot > {snapshot}, true)
    """
    return bool(connection.execute(sql).fetchall())


def reading(paths: Iterable[Path]) -> str:
    """SQL of the rows in files of the archive, at least one."""
    return f"read_parquet([{', '.join(map(quoted, paths))}], hive_partitioning = false)"


def every_row(
    connection: duckdb.DuckDBPyConnection, layout: Layout, dataset: str, snapshot: int
) -> str:
    """SQL of all rows of a data set at a snapshot, those in silver and those archived.

    Where a file is missing, a query of it fails and says what helps; other queries go on.
    """
    silver = f"SELECT * FROM lake.silver.{dataset} AT (VERSION => {snapshot})"
    paths = files(connection, layout, dataset, snapshot)
    if text := _missing(paths):
        # In every column: a condition on one that is always null would spare it the error.
        wrong = f"error({quoted(text)})"
        columns = connection.execute(f"{silver} LIMIT 0").description or []
        each = ", ".join(f'{wrong} AS "{column}"' for column, *_ in columns)
        return f"{silver} UNION ALL BY NAME SELECT {each} WHERE {wrong}"
    return f"{silver} UNION ALL BY NAME FROM {reading(paths)}" if paths else silver


def check(
    connection: duckdb.DuckDBPyConnection, layout: Layout, snapshots: Mapping[str, int]
) -> None:
    """Whether all files are there, before a stage reads data sets at their snapshots.

    Raises:
        CorruptFile: one is missing.
    """
    for name, snapshot in snapshots.items():
        if text := _missing(files(connection, layout, name, snapshot)):
            raise CorruptFile(text)


def _missing(paths: list[Path]) -> str:
    for path in (path for path in paths if not path.exists()):
        return f"{path} is missing; put it back, or run `quantmini maintain rebuild`"
    return ""
