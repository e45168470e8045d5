"""A DuckLake with random day bars of stocks and their factors, and exports from it."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import duckdb

from gold_export import calendars
from gold_export.export import export
from gold_export.options import ExportOptions
from lake.attaching import attach
from lake.layout import Layout
from lake.maintenance.snapshots import newest

STORE = "stocks_daily"
TABLE = "lake.silver.stocks_daily"
RAW = ["open", "high", "low", "close", "volume"]
FEATURES = ["alpha_daily", "price_range", "daily_return", "vwap", "relative_volume"]
ROWS = f"""
    select 'S' || lpad(s.number::varchar, 6, '0') as symbol, d.date, d.date::timestamptz as ts,
        {", ".join(f"(10 + 90 * random())::decimal(18, 6) as {name}" for name in RAW)},
        (10000 * random())::bigint as transactions,
        {", ".join(f"random() as {name}" for name in FEATURES)}
    from days as d, range(?) as s(number)
"""
# Every third symbol pays a dividend each quarter.
ACTIONS = """
    select 'S' || lpad((3 * s.number)::varchar, 6, '0') as symbol,
        if(q.n = 0, date '0001-01-01', date '2015-01-01' + 91 * q.n::int) as from_date,
        if(q.n = 43, date '9999-12-31', date '2015-01-01' + 91 * q.n::int + 90) as to_date,
        1.0::double as split_factor, 0.995 ** (43 - q.n) as dividend_factor,
        dividend_factor as cumulative_factor
    from range(?) as s(number), range(44) as q(n)
"""
PUBLISHED = (STORE, "adjustment_factors")


class Market:
    """A DuckLake with random bars: `snapshots` are a history and four changes after it."""

    def __init__(self, root: Path, symbols: int, days: int) -> None:
        self.layout = Layout(root)
        self.layout.catalog.parent.mkdir(parents=True)
        self.con = duckdb.connect(config={"threads": 2, "memory_limit": "4GiB"})
        self.con.execute("set TimeZone = 'UTC'")
        attach(self.con, self.layout, read_only=False)
        part = calendars.sessions(date(2015, 1, 2), date(2025, 12, 31))
        self.con.execute("create schema lake.silver; create schema silver")
        self.snapshots: dict[str, int] = {}
        self.days(part, 0, days)
        self.con.execute(f"create table {TABLE} as {ROWS} limit 0", [1])
        self.con.execute(f"alter table {TABLE} set partitioned by (year(date), month(date))")
        self.con.execute(
            f"create table lake.silver.adjustment_factors as {ACTIONS}", [-(-symbols // 3)]
        )
        self.change("history", f"insert into {TABLE} {ROWS} order by symbol, date", [symbols])
        for number, name in enumerate(("one session", "one more session")):
            self.days(part, days + number, days + number + 1)
            self.change(name, f"insert into {TABLE} {ROWS} order by symbol, date", [symbols])
        restated = f"update {TABLE} set close = close + 1 where hash(symbol) % 100 = 0"
        self.change("one symbol in 100 restated", restated, [])
        split = "update lake.silver.adjustment_factors set split_factor = split_factor / 4"
        split += ", cumulative_factor = cumulative_factor / 4"
        split += " where from_date < '2015-03-01' and hash(symbol) % 33 = 0"
        self.change("one symbol in 100 split", split, [])

    def days(self, part: calendars.Sessions, start: int, stop: int) -> None:
        """Make `days` the sessions from `start` to `stop - 1`."""
        self.con.register("days", calendars.as_table(part.part(start, stop), "day"))

    def change(self, name: str, sql: str, given: list[int]) -> None:
        """Run SQL and remember the snapshot it made."""
        self.con.execute(sql, given)
        self.snapshots[name] = newest(self.con)


def exported(
    lake: Path,
    snapshots: dict[str, int],
    name: str,
    out: Path,
    _: Path,
    *,
    memory: str = "4GiB",
    options: ExportOptions | None = None,
) -> None:
    """Bring the store in `out` to one of the snapshots, as the export stage does."""
    layout = Layout(lake)
    with duckdb.connect(config={"threads": 2, "memory_limit": memory}) as con:
        con.execute("set TimeZone = 'UTC'")
        attach(con, layout, read_only=True)
        con.execute("create schema silver")
        snapshot = snapshots[name]
        for table in PUBLISHED:
            view = f"from lake.silver.{table} at (version => {snapshot})"
            con.execute(f"create or replace view memory.silver.{table} as {view}")
        published = dict.fromkeys(PUBLISHED, snapshot)
        report = export(con, Layout(out), STORE, published, options or ExportOptions())
        if report.incremental != (name != "history"):
            raise SystemExit(f"{name}: {report}")


def write_same(out: Path, target: Path) -> None:
    """Read the files of the store in `out` and write them again."""
    content = contents(Layout(out).gold(STORE))
    for folder in {name.rpartition("/")[0] for name in content}:
        (target / folder).mkdir(parents=True, exist_ok=True)
    for name, data in content.items():
        descriptor = os.open(f"{target}/{name}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        os.write(descriptor, data)
        os.close(descriptor)


def contents(store: Path) -> dict[str, bytes]:
    """Every file below a store."""
    store = store.resolve()
    paths = [path for path in store.rglob("*") if path.is_file()]
    return {str(path.relative_to(store)): path.read_bytes() for path in paths}
