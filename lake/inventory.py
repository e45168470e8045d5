"""What the DuckLake catalog knows of silver's files, without reading one of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import duckdb

from lake import engine
from lake.attaching import attach
from lake.changes import META
from lake.layout import Layout
from lake.sql import quoted

FILES = f"""
    FROM {META}.ducklake_data_file AS files
    JOIN {META}.ducklake_table AS tables
        ON files.table_id = tables.table_id AND tables.end_snapshot IS NULL
    JOIN {META}.ducklake_schema AS schemas
        ON schemas.schema_id = tables.schema_id AND schemas.schema_name = 'silver'
"""


@dataclass(frozen=True)
class Written:
    """Rows and bytes of the files that were added to one table of silver."""

    table: str
    rows: int
    bytes: int


@dataclass(frozen=True)
class Files:
    """The files that one table of silver consists of now.

    `small` ones are below a MiB, and another file of their partition could take them in. `rows` are
    those that a query finds: what `delete_files` take out of a file is not among them.
    """

    files: int
    small_files: int
    delete_files: int
    rows: int
    bytes: int


def files(lake: duckdb.DuckDBPyConnection) -> dict[str, Files]:
    """How each table of silver is cut into files.

    Args:
        lake: has the catalog attached as `lake`.
    """
    sql = f"""
        WITH live AS (
            SELECT table_name, files.data_file_id, record_count, file_size_bytes AS bytes,
                count(*) OVER (PARTITION BY table_name, regexp_replace(files.path, '[^/]*$', ''))
                    AS together {FILES}
            WHERE files.end_snapshot IS NULL
        ), deleted AS (
            SELECT data_file_id AS deleted_file, sum(delete_count) AS deleted_rows
            FROM {META}.ducklake_delete_file WHERE end_snapshot IS NULL GROUP BY data_file_id
        )
        SELECT table_name, count(*), count(*) FILTER (bytes < {1 << 20} AND together > 1),
            count(deleted_file), sum(record_count - coalesce(deleted_rows, 0)), sum(bytes)
        FROM live LEFT JOIN deleted ON deleted_file = data_file_id
        GROUP BY table_name ORDER BY table_name
    """
    return {name: Files(*map(int, counts)) for name, *counts in lake.execute(sql).fetchall()}


def written(layout: Layout, since: datetime) -> list[Written]:
    """What the commits since a moment (with a time zone) added to each table of silver."""
    sql = f"""
        SELECT table_name, sum(record_count), sum(file_size_bytes) {FILES}
        JOIN {META}.ducklake_snapshot AS snapshots
            ON snapshots.snapshot_id = files.begin_snapshot
        WHERE snapshot_time::TIMESTAMPTZ >= {quoted(since)} GROUP BY table_name ORDER BY table_name
    """
    with engine.connect("256MiB", 1, layout.temp) as connection:
        attach(connection, layout, read_only=True)
        rows = connection.execute(sql).fetchall()
    return [Written(name, int(count), int(size)) for name, count, size in rows]
