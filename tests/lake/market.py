"""A small published lake, made by SQL in a moment: names that trip parsers, a split, options."""

from __future__ import annotations

from pathlib import Path

import duckdb

from lake.files import write_json
from lake.layout import Layout
from lake.maintenance.snapshots import newest
from tests.dbt_project.bronze import attached

SYMBOLS = ["AAPL", "AAPLx", "NA", "NAN", "NULL", "O'K", "TRUE", "aapl"]
FIRST, LAST, MISSING = "2024-06-03", "2024-06-28", "2024-06-12"
SPLIT = "2024-06-19"

# Juneteenth is no session; 2024-06-12 is missing in the lake alone.
DAYS = f"""
    SELECT d::date AS date FROM range(DATE '{FIRST}', DATE '{LAST}' + 1, INTERVAL 1 DAY) AS r (d)
    WHERE isodow(d) < 6 AND d NOT IN (DATE '2024-06-19', DATE '{MISSING}')
"""
PRICES = """
    (10 + {n} % 7)::decimal(18, 6) AS open, (20 + {n} % 5)::decimal(18, 6) AS high,
    (5 + {n} % 3)::decimal(18, 6) AS low, (11 + {n} % 4)::decimal(18, 6) AS close,
    (100 + {n})::decimal(18, 6) AS volume, (1 + {n})::bigint AS transactions
"""
TABLES = {
    "stocks_daily": f"""
        SELECT symbol, date, date::timestamptz AS ts, {PRICES.format(n="day(date)")},
            (high + low)::double / 2 AS vwap
        FROM names, days ORDER BY symbol, date
    """,
    "stocks_minute": f"""
        SELECT symbol, date::timestamptz + to_minutes(800 + m) AS ts, date, 'regular' AS session,
            {PRICES.format(n="m")}
        FROM names, days, range(30) AS r (m) ORDER BY symbol, ts
    """,
    "stocks_5min": """
        SELECT symbol, time_bucket(INTERVAL 5 MINUTE, ts) AS ts, date, max(high) AS high
        FROM lake.silver.stocks_minute GROUP BY ALL ORDER BY symbol, ts
    """,
    "stocks_weekly": """
        SELECT symbol, date_trunc('week', date)::date AS date, min(date) AS first_date,
            max(date) AS last_date, count(*)::integer AS days, arg_min(open, date) AS open,
            max(high) AS high, min(low) AS low, arg_max(close, date) AS close,
            sum(volume)::decimal(18, 6) AS volume, sum(transactions)::bigint AS transactions
        FROM lake.silver.stocks_daily GROUP BY ALL ORDER BY symbol, 2
    """,
    "options_daily": f"""
        SELECT 'O:AAPL240621' || side || lpad((strike * 1000)::varchar, 8, '0') AS ticker, date,
            date::timestamptz AS ts, 'AAPL' AS underlying, DATE '2024-06-21' AS expiration_date,
            if(side = 'C', 'call', 'put') AS contract_type, strike::decimal(9, 3) AS strike_price,
            {PRICES.format(n="strike")}
        FROM days, (VALUES ('C'), ('P')) AS s (side), range(9, 13) AS k (strike)
        WHERE date <= DATE '2024-06-21' ORDER BY ticker, date
    """,
    "adjustment_factors": f"""
        SELECT * FROM (VALUES
            ('AAPL', DATE '0001-01-01', DATE '{SPLIT}' - 1, 0.25::double, 0.9::double),
            ('AAPL', DATE '{SPLIT}', DATE '9999-12-31', 1, 1)
        ) AS f (symbol, from_date, to_date, split_factor, dividend_factor),
        LATERAL (SELECT split_factor * dividend_factor AS cumulative_factor)
    """,
}


def publish(layout: Layout, connection: duckdb.DuckDBPyConnection, run: str) -> int:
    """Publish every table as it is now."""
    snapshot = newest(connection)
    write_json(layout.published, {name: {"snapshot": snapshot, "run": run} for name in TABLES})
    return snapshot


def make(root: Path) -> Layout:
    """The whole lake."""
    layout = Layout(root)
    folder = layout.watermarks("stocks").parent
    folder.mkdir(parents=True)
    with attached(layout.root, read_only=False) as connection:
        connection.execute("CREATE SCHEMA lake.silver; CREATE SCHEMA lake.metadata")
        connection.execute("CREATE TEMP TABLE names (symbol VARCHAR)")
        connection.executemany("INSERT INTO names VALUES (?)", [[name] for name in SYMBOLS])
        connection.execute(f"CREATE TEMP TABLE days AS {DAYS}")
        for name, sql in TABLES.items():
            connection.execute(f"CREATE TABLE lake.silver.{name} AS {sql}")
        publish(layout, connection, "first")
        connection.sql("FROM names").write_parquet(str(folder / "symbols.parquet"))
        layout.reference("splits").mkdir(parents=True)
        connection.sql("SELECT 1 AS n").write_parquet(str(layout.reference("splits") / "0.parquet"))
    return layout
