"""When a table of silver changed, and where its change feed begins where snapshots were expired.

Two SQL macros, since dbt's gate and gold's updates both read the feed. Their answers rest on the
catalog's own files: a file says in which snapshots it came and went, expired ones included.
"""

from __future__ import annotations

import duckdb

from lake.sql import quoted

META = "__ducklake_metadata_lake"

# The first snapshot after this one in which the table changed; NULL if none did. What came and went
# again in expired snapshots does not count, nor need it. A file that was merged from the rows of
# several snapshots says only which was the last, so the first possible one is taken.
FIRST_CHANGE = f"""
    CREATE OR REPLACE MACRO first_change(tab, snap) AS (
        WITH tables AS (
            SELECT DISTINCT table_id
            FROM {META}.ducklake_table
            JOIN {META}.ducklake_schema AS schemas USING (schema_id)
            WHERE table_name = tab AND schema_name = 'silver'
        ), files AS (
            SELECT table_id, begin_snapshot, end_snapshot, partial_max
            FROM {META}.ducklake_data_file
            UNION ALL
            SELECT table_id, begin_snapshot, end_snapshot, partial_max
            FROM {META}.ducklake_delete_file
            UNION ALL
            SELECT table_id, begin_snapshot, end_snapshot, NULL
            FROM {META}.ducklake_table
        )
        SELECT least(
            min(begin_snapshot) FILTER (begin_snapshot > snap),
            min(end_snapshot) FILTER (end_snapshot > snap),
            min(snap + 1) FILTER (begin_snapshot <= snap AND partial_max > snap)
        )
        FROM files SEMI JOIN tables USING (table_id)
    )
"""

# Where `ducklake_table_changes` has to begin to tell all that came after this snapshot: the next
# one that exists. NULL where the feed cannot tell it, or this snapshot is gone.
FEED_START = """
    CREATE OR REPLACE MACRO feed_start(tab, snap) AS (
        SELECT min(snapshot_id) FILTER (snapshot_id > snap)
        FROM ducklake_snapshots('lake')
        HAVING bool_or(snapshot_id = snap)
            AND coalesce(
                first_change(tab, snap) >= min(snapshot_id) FILTER (snapshot_id > snap), true
            )
    )
"""


def define(connection: duckdb.DuckDBPyConnection) -> None:
    """Define both macros on a connection that has the lake attached."""
    connection.execute(FIRST_CHANGE)
    connection.execute(FEED_START)


def first_change(connection: duckdb.DuckDBPyConnection, table: str, snapshot: int) -> int | None:
    """The first snapshot after this one in which a table of silver changed; None if none did."""
    [(found,)] = connection.execute(f"SELECT first_change({quoted(table)}, {snapshot})").fetchall()
    return None if found is None else int(found)


def feed_start(connection: duckdb.DuckDBPyConnection, table: str, snapshot: int) -> int | None:
    """The first snapshot that the table's change feed has to be read from, None if none will do."""
    [(found,)] = connection.execute(f"SELECT feed_start({quoted(table)}, {snapshot})").fetchall()
    return None if found is None else int(found)
