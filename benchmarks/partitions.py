"""Silver's default partitions against the seed's: `python -m benchmarks.partitions [--symbols N]`.

A month of minute bars arrives day by day, as the nightly run appends it, into two DuckLake tables
that differ in their partitions alone; the third case is the seed's own directories, which hold a
month written at once. Queries are warm medians.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import duckdb

from lake.attaching import attach
from lake.calendar import exchange
from lake.layout import Layout

DAY = """
    SELECT 'S' || lpad(s::varchar, 5, '0') AS symbol,
        timezone('America/New_York', TIMESTAMP '{day} 09:30:00') + to_minutes(m) AS ts,
        DATE '{day}' AS date, (100 + (hash(s, m, '{day}') % 1000) / 100)::decimal(18, 6) AS close,
        (1 + hash(m, s) % 9999)::decimal(18, 6) AS volume, random() AS alpha_minute
    FROM range({symbols}) AS a (s), range(200) AS b (m) ORDER BY symbol, ts
"""
SCHEMES = {
    "default: year, month": "year(date), month(date)",
    "symbol, year, month": "symbol, year(date), month(date)",
}
QUERIES = {
    "one symbol": "SELECT * FROM {table} WHERE symbol = 'S00042'",
    "ten symbols": "SELECT * FROM {table} WHERE symbol BETWEEN 'S00040' AND 'S00049'",
    "whole market": "SELECT symbol, avg(alpha_minute) FROM {table} GROUP BY symbol",
}


def milliseconds(con: duckdb.DuckDBPyConnection, sql: str, rounds: int = 5) -> float:
    """The median of warm runs."""
    taken = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        con.execute(sql).to_arrow_table()
        taken.append(time.perf_counter() - began)
    return 1000 * statistics.median(taken[1:])


def report(con: duckdb.DuckDBPyConnection, name: str, table: str, seconds: float, at: Path) -> None:
    """One line of the table."""
    files = [path.stat().st_size for path in at.rglob("*.parquet")]
    times = [milliseconds(con, sql.format(table=table)) for sql in QUERIES.values()]
    cells = [name, f"{len(files):,}", f"{sum(files) / 1e6:.1f}", f"{seconds:.1f}"]
    print(" | ".join(cells + [f"{ms:.0f}" for ms in times]), flush=True)


def main() -> None:
    """Write and ask each scheme in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=1000)
    asked = parser.parse_args()
    days = [f"{s:%Y-%m-%d}" for s in exchange().sessions_in_range("2024-05-01", "2024-05-31")]
    print(" | ".join(["partitions", "files", "MB", "s to write", *(f"{q}, ms" for q in QUERIES)]))
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as con:
        root = Path(folder)
        layout = Layout(root)
        layout.catalog.parent.mkdir()
        attach(con, layout, read_only=False)
        con.execute("CREATE SCHEMA lake.silver")
        con.execute("CALL lake.set_option('parquet_compression', 'zstd')")
        sources = [DAY.format(day=day, symbols=asked.symbols) for day in days]
        for number, (name, partitions) in enumerate(SCHEMES.items()):
            table = f"lake.silver.minutes_{number}"
            con.execute(f"CREATE TABLE {table} AS {sources[0]} LIMIT 0")
            con.execute(f"ALTER TABLE {table} SET PARTITIONED BY ({partitions})")
            began = time.perf_counter()
            for source in sources:
                con.execute(f"INSERT INTO {table} {source}")
            seconds = time.perf_counter() - began
            report(con, name, table, seconds, root / f"silver/minutes_{number}")
        month = " UNION ALL ".join(f"({source})" for source in sources)
        began = time.perf_counter()
        con.execute(
            f"COPY (SELECT *, year(date) AS year, month(date) AS month FROM ({month})) "
            f"TO '{root}/seed' "
            "(FORMAT parquet, COMPRESSION zstd, PARTITION_BY (symbol, year, month))"
        )
        files = f"read_parquet('{root}/seed/*/*/*/*.parquet', hive_partitioning = true)"
        name = "the seed's directories, a month at once"
        report(con, name, files, time.perf_counter() - began, root / "seed")


if __name__ == "__main__":
    main()
