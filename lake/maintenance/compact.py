"""Fewer, larger files: rows deleted for good, neighbours of a partition merged in sort order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import duckdb

from lake.changes import META


@dataclass(frozen=True)
class LiveFiles:
    """The live files of one table: data, and the delete files that readers apply to them."""

    data: int
    deletes: int
    bytes: int


@dataclass(frozen=True)
class Compacted:
    """One table whose files changed; `table` with its schema."""

    table: str
    before: LiveFiles
    after: LiveFiles


def compact(
    connection: duckdb.DuckDBPyConnection,
    on_table: Callable[[object, int, int], None] | None = None,
) -> list[Compacted]:
    """Rewrite what has deleted rows and merge what is small, one output file at a time.

    Every row, every kept snapshot and every change between them stays as it was.

    Args:
        connection: has the lake attached for writing; one thread, since each holds its buffers.
        on_table: called after each table with its name, the tables done and their total.

    Returns:
        The tables whose files changed.
    """
    before = files(connection)
    for number, (schema, table) in enumerate(before, start=1):
        where = f"'lake', '{table}', schema => '{schema}'"
        connection.execute(f"CALL ducklake_rewrite_data_files({where}, delete_threshold => 0)")
        merge = f"CALL ducklake_merge_adjacent_files({where}, max_compacted_files => 1)"
        while connection.execute(merge).fetchall():
            pass
        if on_table:
            on_table(f"{schema}.{table}", number, len(before))
    after = files(connection)
    return [
        Compacted(".".join(name), before[name], after[name])
        for name in before
        if before[name] != after[name]
    ]


def files(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], LiveFiles]:
    """The live files of each table, by schema and name."""
    sql = f"""
        SELECT schema_name, table_name, file_count, delete_file_count,
            file_size_bytes + delete_file_size_bytes
        FROM ducklake_table_info('lake')
        JOIN {META}.ducklake_schema AS schemas USING (schema_id)
        WHERE schemas.end_snapshot IS NULL
        ORDER BY ALL
    """
    return {
        (schema, table): LiveFiles(*facts)
        for schema, table, *facts in connection.execute(sql).fetchall()
    }
