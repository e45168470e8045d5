"""The factors of corporate actions, as a version of the store keeps them and compares them.

By value and never by snapshot: dbt makes the table anew at each build, mostly with the same rows.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from lake import adjustment as rule

SCHEMA = pa.schema(
    [
        ("ticker", pa.string()),
        ("begins", pa.date32()),
        ("ends", pa.date32()),
        ("price", pa.float64()),
        ("volume", pa.float64()),
    ]
)


def read(con: duckdb.DuckDBPyConnection, adjustment: str) -> pa.Table:
    """The published factors of every ticker, in order."""
    if adjustment == "none":
        return SCHEMA.empty_table()
    sql = f"{rule.factors(adjustment)} order by ticker, begins"
    return con.execute(sql).to_arrow_table().cast(SCHEMA)


def changed(con: duckdb.DuckDBPyConnection, before: pa.Table, now: pa.Table) -> pa.Table:
    """The tickers whose factors differ between two tables: one column `ticker`."""
    if before.equals(now):
        return before.select(["ticker"]).slice(0, 0)
    con.register("gold_old", before)
    con.register("gold_new", now)
    try:
        sql = """
            select distinct ticker from (
                (from gold_old except all from gold_new)
                union all
                (from gold_new except all from gold_old)
            )
        """
        return con.execute(sql).to_arrow_table()
    finally:
        con.unregister("gold_old")
        con.unregister("gold_new")


def _file(folder: Path) -> Path:
    return folder / "places/factors.parquet"


def kept(folder: Path) -> pa.Table:
    """The factors that a version was made from."""
    return pq.read_table(_file(folder))


def keep(folder: Path, factors: pa.Table) -> None:
    """Write the factors that a version is made from; same rows, same bytes."""
    pq.write_table(factors.combine_chunks(), _file(folder))
