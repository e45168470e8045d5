"""The rejected rows of a reference table, as the vendor sent them."""

from __future__ import annotations

from pathlib import Path

import duckdb

from ingest.reference import sql
from ingest.reference.landing import Sync
from ingest.reference.tables import Table
from lake.files import replacing
from lake.layout import Layout
from lake.sql import quoted

DRAFT = "quarantine.draft"
RAW = (
    """
INSERT INTO found
WITH answers AS (
    SELECT
        $pages[list_position($files, filename)] AS page,
        $asked[list_position($files, filename)] AS asked,
        from_json({rows}, '["JSON"]') AS listed
    FROM """
    + sql.FILES
    + """
),
rows AS (
    SELECT page, unnest(listed) AS raw, unnest(range(len(listed))) AS position FROM answers
)
SELECT reason, rows.raw::VARCHAR, page, position FROM rejected JOIN rows USING (page, position)
"""
)


def draft(
    connection: duckdb.DuckDBPyConnection,
    layout: Layout,
    table: Table,
    sync: Sync,
    folder: Path,
    standing: list[str],
) -> None:
    """Write the next quarantine into a draft's folder; no file where no row was rejected.

    The columns are `reason`, `raw` (the row's JSON), `sync` and `page` (its folder and file).

    Args:
        connection: holds `rejected` and `pages` of a build.
        layout: the lake.
        table: which table.
        sync: the sync that is built.
        folder: of the draft.
        standing: the older syncs that stay in landing; rejected rows of others go with them.
    """
    # Most rows are valid, so only the pages with others are read again, for the JSON as it came.
    named = "SELECT DISTINCT filename, page, asked FROM rejected JOIN pages USING (page) ORDER BY 2"
    found = connection.execute(named).fetchall()
    # Those that lost against a newer row were in the table before, on no page of this sync.
    connection.execute(
        "CREATE TABLE found AS SELECT reason, raw, page, position FROM rejected WHERE page = -1"
    )
    for first in range(0, len(found), sql.BATCH_PAGES):
        files, pages, asked = zip(*found[first : first + sql.BATCH_PAGES], strict=True)
        bound = {"files": list(files), "pages": list(pages), "asked": list(asked)}
        connection.execute(RAW.format(rows=table.rows), bound)
    old, new = layout.reference_quarantine(table.name), folder / DRAFT
    connection.execute(
        "CREATE TABLE quarantined AS SELECT reason, raw, ? AS sync, "
        "parse_filename(filename) AS page FROM found LEFT JOIN pages USING (page) "
        "ORDER BY pages.page, position",
        [sync.folder.name],
    )
    if old.exists():
        connection.execute(
            f"INSERT INTO quarantined FROM read_parquet({quoted(old)}) "
            "WHERE list_contains(?, sync)",
            [standing],
        )
    if connection.execute("FROM quarantined LIMIT 1").fetchone():
        rows = "FROM quarantined ORDER BY sync, page"
        connection.execute(f"COPY ({rows}) TO {quoted(new)} (FORMAT parquet, COMPRESSION zstd)")


def publish(layout: Layout, table: Table, folder: Path) -> None:
    """Put the drafted quarantine in place, or remove the old one where there is none."""
    path = layout.reference_quarantine(table.name)
    if not (folder / DRAFT).exists():
        path.unlink(missing_ok=True)
        return
    with replacing(path) as temporary:
        (folder / DRAFT).replace(temporary)
