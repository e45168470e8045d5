"""Silver against bronze: every row of every day, by count and checksum."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb

from lake.changes import META
from lake.datasets import Dataset
from lake.layout import Layout

VALUES = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True)
class Difference:
    """A day that is not the same on both sides, and what to do."""

    dataset: str
    date: date | None
    error: str


def checksum(dataset: Dataset) -> str:
    """SQL of the rows of a group and the sum of their hashes, whatever their order.

    Counts the raw columns alone, in one type, so that bronze and silver can be compared.
    """
    values = ", ".join(f"{name}::DECIMAL(38, 10)" for name in VALUES)
    columns = f"{dataset.instrument}::VARCHAR, date, ts::TIMESTAMPTZ, {values}"
    return f"count(*) AS rows, sum(hash({columns}, transactions::BIGINT)::HUGEINT) AS checksum"


def silver_against_bronze(
    connection: duckdb.DuckDBPyConnection, layout: Layout, dataset: Dataset
) -> tuple[int, list[Difference]]:
    """Compare all days of a data set.

    Args:
        connection: has `silver.<dataset>` as it is published.
        layout: the lake; of a shared one only the days whose bronze is on this machine.
        dataset: one that is published.

    Returns:
        The rows that were read from bronze, and the days that differ.
    """
    files = [str(path) for path in layout.bronze_files(dataset).values()]
    source = "read_parquet($files, union_by_name = true, hive_partitioning = false)"
    if not files:
        source = f"(FROM silver.{dataset.name} WHERE len($files) > 0)"
    sql = f"""
        WITH bronze AS (
            SELECT date, {checksum(dataset)} FROM {source} GROUP BY date
        ), silver AS (
            SELECT date, {checksum(dataset)} FROM silver.{dataset.name} GROUP BY date
        )
        SELECT date, coalesce(bronze.rows, 0), coalesce(silver.rows, 0),
            bronze.checksum IS NOT DISTINCT FROM silver.checksum
        FROM bronze FULL JOIN silver USING (date)
        WHERE bronze.rows IS NOT NULL OR NOT $shared ORDER BY date
    """
    bound = {"files": files, "shared": layout.shared is not None}
    try:
        days = connection.execute(sql, bound).fetchall()
    except duckdb.Error:
        if broken := _unreadable(connection, layout, dataset):
            return 0, broken
        raise
    return sum(rows for _, rows, *_ in days), [
        Difference(dataset.name, day, _words(layout, dataset, in_bronze, in_silver))
        for day, in_bronze, in_silver, equal in days
        if not equal or in_bronze != in_silver
    ]


def _unreadable(
    connection: duckdb.DuckDBPyConnection, layout: Layout, dataset: Dataset
) -> list[Difference]:
    """The files of bronze that one statement over all of them did not name."""
    broken = []
    for day, path in layout.bronze_files(dataset).items():
        try:
            every = "SELECT sum(hash(bars)) FROM read_parquet(?) AS bars"
            connection.execute(every, [str(path)]).fetchall()
        except duckdb.Error:
            text = f"{path} cannot be read; move it away, then `quantmini run`"
            broken.append(Difference(dataset.name, day, text))
    return broken


def _words(layout: Layout, dataset: Dataset, in_bronze: int, in_silver: int) -> str:
    what = f"bronze has {in_bronze:,} rows, published silver {in_silver:,}"
    if in_bronze == in_silver:
        what = f"published silver has other values than bronze in its {in_bronze:,} rows"
    if layout.shared:
        # Another machine may have a newer bronze than this one, which fetches it first.
        return f"{what}; run `quantmini run {dataset.name}`"
    return f"{what}; run `quantmini transform {dataset.name}`, then `quantmini maintain rebuild`"


def unknown_files(connection: duckdb.DuckDBPyConnection, layout: Layout) -> list[str]:
    """Files in silver's place that the catalog does not know: killed runs left them.

    They are harmless, and nothing deletes them: a catalog that was restored might know them.
    """
    sql = f"""
        SELECT path FROM {META}.ducklake_data_file
        UNION ALL SELECT path FROM {META}.ducklake_delete_file
        UNION ALL SELECT path FROM {META}.ducklake_files_scheduled_for_deletion
    """
    known = {path.rpartition("/")[2] for (path,) in connection.execute(sql).fetchall()}
    place = layout.shared.bucket.path if layout.shared else f"{layout.root}/"
    sql = "SELECT file FROM glob($files) ORDER BY file"
    found = connection.execute(sql, {"files": f"{place}silver/**/*.parquet"}).fetchall()
    return [path for (path,) in found if path.rpartition("/")[2] not in known]
