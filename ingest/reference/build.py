"""From landed pages to a reference table, in DuckDB, so that memory stays bounded.

The rows of a sync are parsed and checked once, into a database that spills to disk. Then each file
of the table that they touch is written anew, beside the table, and at last all are renamed into it.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ingest.reference import quarantine, sql
from ingest.reference.landing import Sync, readable
from ingest.reference.tables import Table
from lake import engine
from lake.errors import BadData, CorruptFile, NotBuilt
from lake.files import replacing
from lake.layout import Layout

FILES = "read_parquet(?)"


@dataclass(frozen=True)
class Draft:
    """The next files of a table, written but not in place.

    Attributes:
        layout: the lake.
        table: which table.
        parts: names of the files that are written.
        whole: whether files that are not among them go.
        rows: that the table will hold.
        quarantined: rows of the sync that were rejected.
        duplicates: exact copies among its rows.
    """

    layout: Layout
    table: Table
    parts: list[str]
    whole: bool
    rows: int
    quarantined: int
    duplicates: int

    def publish(self) -> None:
        """Put the files in place: the quarantine first, so that it lacks nothing of the table.

        A crash on the way leaves old and new files, each whole and no key in two of them; the sync
        is not noted as done then, and the next call writes all of them again.
        """
        draft = self.layout.reference_draft(self.table.name)
        folder = self.layout.reference(self.table.name)
        quarantine.publish(self.layout, self.table, draft)
        for part in self.parts:
            with replacing(folder / part) as temporary:
                _drafted(draft, part).replace(temporary)
        for old in folder.glob("*.parquet") if self.whole else ():
            if old.name not in self.parts:
                old.unlink()
        shutil.rmtree(draft)


def build(
    layout: Layout,
    table: Table,
    sync: Sync,
    *,
    standing: list[str],
    whole: bool,
    may_empty: bool,
    memory_limit: str,
    threads: int,
) -> Draft:
    """Write the next files of a table, for `Draft.publish` to put in place.

    Args:
        layout: the lake.
        table: which table.
        sync: a sync whose pages are all landed.
        standing: names of the older syncs that the table will still hold rows of.
        whole: whether the sync fetched all that the table shall hold.
        may_empty: whether a table with rows may become one without.
        memory_limit: of DuckDB.
        threads: of DuckDB.

    Raises:
        CorruptFile: a landed page cannot be read.
        BadData: no valid row came for a table that has some.
        NotBuilt: DuckDB ran out of memory or disk.
    """
    draft, folder = layout.reference_draft(table.name), layout.reference(table.name)
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        # What exceeds its memory spills beside the draft.
        with engine.connect(memory_limit, threads, draft / "spill") as connection:
            before = _count(connection, FILES, list(folder.glob("*.parquet")))
            _parse(connection, table, sync)
            parts = _write_parts(connection, table, sync, folder, draft, whole)
            files = [_drafted(draft, part) for part in parts]
            if not whole:
                files += [path for path in folder.glob("*.parquet") if path.name not in parts]
            rows = _count(connection, FILES, files)
            quarantine.draft(connection, layout, table, sync, draft, standing)
            counts = [_count(connection, name) for name in ("rejected", "copies")]
    except duckdb.Error as error:
        if broken := [path for path, _ in sync.all_pages() if not readable(path)]:
            raise CorruptFile(
                f"{table.name}: {broken[0]} cannot be read; run again, all pages are fetched anew"
            ) from None
        raise NotBuilt(
            f"{table.name}: not built ({error}); see to memory and disk space and run again, the "
            "answers are kept"
        ) from None
    if whole and before and not rows and not may_empty:
        raise BadData(
            f"{table.name}: no valid row came, though the table has {before:,}; if that is right, "
            f"run `quantmini reference sync --full {table.name}`"
        )
    return Draft(layout, table, parts, whole, rows, *counts)


def _parse(connection: duckdb.DuckDBPyConnection, table: Table, sync: Sync) -> None:
    """Make `pages`, `parsed`, `rejected` and an empty `copies`."""
    pages = sync.all_pages()
    names = [str(path) for path, _ in pages]
    asked = [query.asked for _, query in pages]
    connection.execute("CREATE TABLE pages (filename VARCHAR, page INTEGER, asked VARCHAR)")
    connection.execute(
        "INSERT INTO pages SELECT unnest(?), unnest(?), unnest(?)",
        [names, list(range(len(pages))), asked],
    )
    for first in range(0, max(len(names), 1), sql.BATCH_PAGES):
        batch = slice(first, first + sql.BATCH_PAGES)
        into = "INSERT INTO parsed" if first else "CREATE TABLE parsed AS"
        connection.execute(
            sql.PARSED.format(into=into, **sql.words(table)),
            {"first": first, "files": names[batch], "asked": asked[batch]},
        )
    connection.execute(sql.REJECTED)


def _write_parts(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    sync: Sync,
    folder: Path,
    draft: Path,
    whole: bool,
) -> list[str]:
    """Write every file that the sync touches, and at least one."""
    found = connection.execute("SELECT DISTINCT part FROM parsed WHERE reason IS NULL ORDER BY 1")
    stems = [stem for (stem,) in found.fetchall()] or ["part-0"]
    for stem in stems:
        old = folder / f"{stem}.parquet"
        kept = old if not whole and old.exists() else None
        for statement in sql.merged(table, stem, kept, sync.since):
            connection.execute(statement)
        connection.execute(sql.write(table, _drafted(draft, old.name)))
    return [f"{stem}.parquet" for stem in stems]


def _drafted(draft: Path, part: str) -> Path:
    """Under a name that no search for Parquet files finds."""
    return (draft / part).with_suffix(".draft")


def _count(
    connection: duckdb.DuckDBPyConnection, source: str, files: list[Path] | None = None
) -> int:
    """The rows of some files, or of a table of the build."""
    if files == []:
        return 0
    bound = [[str(path) for path in files]] if files else []
    found = connection.execute(f"SELECT count(*) FROM {source}", bound).fetchone()
    return int(found[0]) if found else 0
