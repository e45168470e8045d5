"""Contracts that expired long ago, out of silver and into files of the archive."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

import duckdb
import pyarrow.parquet as pq

from lake.archive import LEDGER, NAMES, reading
from lake.errors import CorruptFile
from lake.files import replacing, sync
from lake.layout import Layout

# Written once and seldom read, so the strongest level that zstd has for ordinary memory.
LEVEL = 19
# Of a row group, as DuckDB makes them. Minutes take a tenth less by pyarrow than by DuckDB.
ROWS = 122_880


@dataclass(frozen=True)
class Month:
    """What expired in a month, of one data set; `bytes` of its file, 0 where it stays in silver."""

    dataset: str
    month: date
    rows: int
    bytes: int


@dataclass(frozen=True)
class _Seen:
    """Rows as they were read: how many, the sum of their hashes, their first and last date."""

    rows: int
    checksum: str | None
    first: date | None
    last: date | None


def due(
    connection: duckdb.DuckDBPyConnection, datasets: Iterable[str], before: date
) -> list[tuple[str, date]]:
    """Data set and month, by its first day, of all expiries before a date that are in silver.

    Args:
        connection: has the lake attached for writing.
        datasets: names; those of stocks are passed over.
        before: the first day of a month.
    """
    return [
        (name, month)
        for name in NAMES
        if name in datasets
        for (month,) in connection.execute(
            "SELECT DISTINCT date_trunc('month', expiration_date)::DATE "
            f"FROM lake.silver.{name} WHERE expiration_date < ? ORDER BY ALL",
            [before],
        ).fetchall()
    ]


def archive(
    connection: duckdb.DuckDBPyConnection,
    layout: Layout,
    dataset: str,
    snapshot: int,
    month: date,
) -> Month:
    """Move what expires in a month out of silver.

    It is written to a file, the file is read back and compared with silver by count and by a
    checksum over all columns; then one transaction deletes it from silver and enters the file into
    the ledger. So a kill leaves it in silver or in the archive. What silver has otherwise than it
    is published stays there, since nothing has tested it yet.

    Args:
        connection: has the lake attached for writing.
        layout: the lake.
        dataset: its name.
        snapshot: where it is published.
        month: its first day.

    Raises:
        CorruptFile: what was read back is not what was written; silver keeps it.
    """
    silver = f"(FROM lake.silver.{dataset} WHERE {_expiring(month)})"
    served = f"(FROM lake.silver.{dataset} AT (VERSION => {snapshot}) WHERE {_expiring(month)})"
    seen = _see(connection, silver)
    if _see(connection, served) != seen:
        return Month(dataset, month, seen.rows, 0)
    path = layout.expired_options(dataset) / f"{month:%Y-%m}.{uuid.uuid4().hex}.parquet"
    with replacing(path) as temporary:
        batches = connection.execute(f"FROM {silver} ORDER BY ticker, ts").to_arrow_reader(ROWS)
        with pq.ParquetWriter(
            temporary,
            batches.schema,
            compression="zstd",
            compression_level=LEVEL,
            store_decimal_as_integer=True,
        ) as writer:
            for batch in batches:
                writer.write_batch(batch)
        if _see(connection, reading([temporary])) != seen:
            raise CorruptFile(
                f"what was written of {dataset} {month:%Y-%m} does not read back as silver has it, "
                "which keeps it; look at the disk, then run `quantmini maintain archive` again"
            )
    # The name has to outlast a power cut before the rows go.
    sync(path.parent)
    _enter(connection, dataset, month, seen, path.name)
    return Month(dataset, month, seen.rows, path.stat().st_size)


def _enter(
    connection: duckdb.DuckDBPyConnection, dataset: str, month: date, seen: _Seen, file: str
) -> None:
    """From silver into the ledger, in one transaction. Literal dates let DuckLake skip files."""
    connection.execute("BEGIN")
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {LEDGER} (dataset VARCHAR, month DATE, rows BIGINT, "
        "checksum VARCHAR, file VARCHAR, restored TIMESTAMPTZ)"
    )
    connection.execute(
        f"DELETE FROM lake.silver.{dataset} WHERE {_expiring(month)} "
        f"AND date BETWEEN DATE '{seen.first}' AND DATE '{seen.last}'"
    )
    entry = [dataset, month, seen.rows, seen.checksum, file]
    connection.execute(f"INSERT INTO {LEDGER} VALUES (?, ?, ?, ?, ?, NULL)", entry)
    connection.execute("COMMIT")


def _expiring(month: date) -> str:
    end = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    return f"expiration_date >= DATE '{month}' AND expiration_date < DATE '{end}'"


def _see(connection: duckdb.DuckDBPyConnection, source: str) -> _Seen:
    sql = (
        f"SELECT count(*), sum(hash(t)::HUGEINT)::VARCHAR, min(date), max(date) FROM {source} AS t"
    )
    [found] = connection.execute(sql).fetchall()
    return _Seen(*found)


def clean(connection: duckdb.DuckDBPyConnection, layout: Layout, older_than: datetime) -> int:
    """Delete files that do not count: a killed run's, and those whose rows are back in silver.

    The latter stay while a kept snapshot of silver still shows them, and until a moment.

    Args:
        connection: has the lake attached for writing.
        layout: the lake.
        older_than: with a time zone; files whose rows came back later stay.

    Returns:
        The number of files deleted.
    """
    listed: set[tuple[str, str]] = set()
    # A lake that never archived, or whose catalog was made anew, has no ledger.
    with contextlib.suppress(duckdb.CatalogException):
        kept = "SELECT min(snapshot_time) FROM ducklake_snapshots('lake')"
        connection.execute(
            f"DELETE FROM {LEDGER} WHERE restored < least(?, ({kept}))", [older_than]
        )
        listed = set(connection.execute(f"SELECT dataset, file FROM {LEDGER}").fetchall())
    gone = [
        path
        for dataset in NAMES
        for path in layout.expired_options(dataset).glob("*")
        if (dataset, path.name) not in listed
    ]
    for path in gone:
        path.unlink()
    return len(gone)
