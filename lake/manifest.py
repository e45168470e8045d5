"""The Parquet files of a published table, and which of them can hold some instruments' bars.

What is published never changes, so the catalog is asked once; DuckLake asks it at every question,
which takes longer than to read one symbol's month (docs/decisions/004-partitions.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import duckdb

from lake.changes import META
from lake.sql import literal

# A row a file, from the tables of DuckLake's specification. `plain` says that all of its rows are
# the table's, as they are: none deleted, none of a later snapshot, columns that never changed.
# Paths are relative in the catalog, but a file's name is unique.
FILES = f"""
    WITH tables AS (
        SELECT table_id, (
            SELECT min(begin_snapshot) FROM {META}.ducklake_table AS named
            WHERE named.table_id = ducklake_table.table_id
        ) AS made
        FROM {META}.ducklake_table JOIN {META}.ducklake_schema AS schemas USING (schema_id)
        WHERE schema_name = 'silver' AND table_name = '{{table}}'
            AND ducklake_table.begin_snapshot <= {{snapshot}}
            AND coalesce(ducklake_table.end_snapshot > {{snapshot}}, true)
    ), columns AS (
        SELECT table_id, column_id, column_name,
            begin_snapshot > made OR coalesce(end_snapshot <= {{snapshot}}, false) AS changed
        FROM {META}.ducklake_column AS columns JOIN tables USING (table_id)
        WHERE begin_snapshot <= {{snapshot}}
    ), bounds AS (
        SELECT data_file_id, column_name, min_value, max_value
        FROM {META}.ducklake_file_column_stats JOIN columns USING (table_id, column_id)
        WHERE NOT changed
    ), buckets AS (
        SELECT data_file_id, partition_value::integer AS bucket,
            regexp_extract(transform, '^bucket\\((\\d+)\\)$', 1)::integer AS buckets
        FROM {META}.ducklake_data_file
        JOIN {META}.ducklake_partition_column AS keys USING (table_id, partition_id)
        JOIN {META}.ducklake_file_partition_value USING (data_file_id, partition_key_index)
        JOIN columns USING (table_id, column_id)
        WHERE transform LIKE 'bucket(%' AND column_name = '{{key}}'
    ), whole AS (
        SELECT NOT EXISTS (FROM columns WHERE changed) AND NOT EXISTS (
            FROM {META}.ducklake_inlined_data_tables SEMI JOIN tables USING (table_id)
        ) AS whole
    )
    SELECT listed.data_file, keys.min_value, keys.max_value,
        try_cast(dates.min_value AS date), try_cast(dates.max_value AS date), bucket, buckets,
        whole AND data_file_id IS NOT NULL AND delete_file IS NULL AND encryption_key IS NULL
            AND mapping_id IS NULL AND coalesce(partial_max <= {{snapshot}}, true) AS plain,
        tables.table_id
    FROM ducklake_list_files(
        'lake', '{{table}}', schema => 'silver', snapshot_version => {{snapshot}}
    ) AS listed
    CROSS JOIN whole CROSS JOIN tables
    LEFT JOIN {META}.ducklake_data_file AS files
        ON parse_filename(files.path) = parse_filename(listed.data_file)
    LEFT JOIN (FROM bounds WHERE column_name = '{{key}}') AS keys USING (data_file_id)
    LEFT JOIN (FROM bounds WHERE column_name = 'date') AS dates USING (data_file_id)
    LEFT JOIN buckets USING (data_file_id)
"""


@dataclass(frozen=True)
class File:
    """A file, and what it can hold: names and dates from … to, both included; None is unknown.

    `bucket`, one of `buckets`, is where names of that hash are (Iceberg's bucket transform). All
    rows of a `plain` one are the table's.
    """

    path: str
    least: str | None
    greatest: str | None
    first: date | None
    last: date | None
    bucket: int | None
    buckets: int | None
    plain: bool

    def overlaps(self, first: date | None, last: date | None) -> bool:
        """Whether it can have a date from `first` to `last`."""
        early = first is not None and self.last is not None and self.last < first
        late = last is not None and self.first is not None and self.first > last
        return not early and not late

    def can_hold(self, name: str, digest: int) -> bool:
        """Whether it can have the name, whose hash is given."""
        if self.buckets is not None and digest % self.buckets != self.bucket:
            return False
        below = self.least is not None and name < self.least
        return not below and not (self.greatest is not None and name > self.greatest)


@dataclass(frozen=True)
class Manifest:
    """The columns and files of a table at its published snapshot."""

    columns: tuple[str, ...]
    files: tuple[File, ...]

    @property
    def source(self) -> str:
        """SQL of the rows in the files that the variable `files` lists."""
        columns = ", ".join(f'"{name}"' for name in self.columns)
        files = "read_parquet(getvariable('files'), hive_partitioning = false)"
        return f"(SELECT {columns} FROM {files})"

    @property
    def in_buckets(self) -> bool:
        """Whether names have to be hashed to find their files."""
        return any(file.buckets for file in self.files)

    def paths(
        self, hashes: Mapping[str, int] | None, first: date | None, last: date | None
    ) -> list[str] | None:
        """The files that can hold these names (None for all), on dates from `first` to `last`.

        None where they alone do not tell the rows.
        """
        files = [file for file in self.files if file.overlaps(first, last)]
        if hashes is not None:
            items = hashes.items()
            files = [file for file in files if any(file.can_hold(*item) for item in items)]
        return [file.path for file in files] if all(file.plain for file in files) else None


def manifest(
    connection: duckdb.DuckDBPyConnection, table: str, key: str, snapshot: int
) -> Manifest:
    """The files of a table of silver; none where they do not tell its rows.

    Args:
        connection: has the lake attached.
        table: its name.
        key: its column of instruments.
        snapshot: one that exists.
    """
    rows = connection.execute(FILES.format(table=table, key=key, snapshot=snapshot)).fetchall()
    if not rows or _deletes_inlined(connection, rows[0][-1]):
        return Manifest((), ())
    sql = f"SELECT * FROM lake.silver.{table} AT (VERSION => {snapshot}) LIMIT 0"
    columns = tuple(name for name, *_ in connection.execute(sql).description or ())
    return Manifest(columns, tuple(File(*facts) for *facts, _ in rows))


def _deletes_inlined(connection: duckdb.DuckDBPyConnection, table_id: int) -> bool:
    """Whether the catalog itself lists deleted rows: our writers never do, but others may.

    No list of tables has that one.
    """
    try:
        connection.execute(f"SELECT 1 FROM {META}.ducklake_inlined_delete_{table_id} LIMIT 0")
    except duckdb.CatalogException:
        return False
    return True


def hashed(connection: duckdb.DuckDBPyConnection, names: list[str]) -> dict[str, int]:
    """The hash of each name; DuckLake's bucket is this modulo the number of buckets."""
    each = f"SELECT unnest({literal(names)}::varchar[]) AS name"
    sql = f"SELECT name, murmur3_32(name) & 2147483647 FROM ({each})"
    return dict(connection.execute(sql).fetchall())
