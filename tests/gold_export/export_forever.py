"""Run as a program to be killed: `export_forever.py LAKE` exports two versions in turn."""

import sys
from itertools import cycle
from pathlib import Path

import duckdb

from gold_export.export import export
from gold_export.options import ExportOptions
from lake.layout import Layout
from tests.gold_export import market


def version(number: int) -> duckdb.DuckDBPyConnection:
    """A connection with the silver of snapshot 1 or 2, which differ in every value."""
    con = duckdb.connect(config={"threads": 1})
    con.execute("set timezone = 'UTC'")
    tickers = [f"T{ticker:03}" for ticker in range(40 * number)]
    market.put(con, "stocks_daily", market.day_rows("stocks_daily", tickers, seed=number))
    return con


if __name__ == "__main__":
    layout = Layout(Path(sys.argv[1]))
    connections = {1: version(1), 2: version(2)}
    for number in cycle(connections):
        snapshots = {"stocks_daily": number}
        export(connections[number], layout, "stocks_daily", snapshots, ExportOptions())
        print(number, flush=True)
