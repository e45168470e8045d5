"""Gold against its peers, paired in one run: `python -m benchmarks.gold [--quick]`.

Every round writes into folders of its own, and nothing is deleted before the end: ext4 searches
long for a free inode within five seconds of a removal, which would be charged to the next case.
The peers read what they need (a CSV file a symbol, Parquet) prepared outside the clock.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from benchmarks.peers.qlib_dump_bin import dump_all
from benchmarks.peers.seed_query_loop import convert
from gold_export import calendars, versions
from gold_export.export import export
from gold_export.options import ExportOptions
from lake import catalog
from lake.layout import Layout

STORE = "stocks_daily"
TABLE = "lake.silver.stocks_daily"
SEED_SAMPLE = 25
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


@dataclass(frozen=True)
class Cost:
    """Of one case: by the clock, and of the processor."""

    seconds: float
    processor: float


class Market:
    """A DuckLake with random bars: `snapshots` are a history and four changes after it."""

    def __init__(self, root: Path, symbols: int, days: int) -> None:
        self.layout = Layout(root)
        self.layout.catalog.parent.mkdir(parents=True)
        self.con = duckdb.connect(config={"threads": 2, "memory_limit": "4GiB"})
        self.con.execute("set TimeZone = 'UTC'")
        catalog.install_extensions(self.con)
        self.con.execute(catalog.attach_sql(self.layout, read_only=False))
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
        newest = "select max(snapshot_id) from ducklake_snapshots('lake')"
        [(self.snapshots[name],)] = self.con.execute(newest).fetchall()

    def export(self, out: Layout, name: str) -> None:
        """Bring the store in `out` to one of the snapshots."""
        snapshot = self.snapshots[name]
        for table in PUBLISHED:
            view = f"from lake.silver.{table} at (version => {snapshot})"
            self.con.execute(f"create or replace view memory.silver.{table} as {view}")
        published = dict.fromkeys(PUBLISHED, snapshot)
        report = export(self.con, out, STORE, published, ExportOptions())
        assert report.incremental == (name != "history")  # noqa: S101


def write_same(content: Mapping[str, bytes], out: Path) -> None:
    """Write these files, their names relative to `out`, and nothing else."""
    for folder in {name.rpartition("/")[0] for name in content}:
        (out / folder).mkdir(parents=True, exist_ok=True)
    for name, data in content.items():
        descriptor = os.open(f"{out}/{name}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        os.write(descriptor, data)
        os.close(descriptor)


def contents(store: Path) -> dict[str, bytes]:
    """Every file below a store."""
    store = store.resolve()
    paths = [path for path in store.rglob("*") if path.is_file()]
    return {str(path.relative_to(store)): path.read_bytes() for path in paths}


def timed(function: Callable[..., object], *arguments: object) -> Cost:
    """What one call costs."""
    seconds, processor = time.perf_counter(), processor_seconds()
    function(*arguments)
    return Cost(time.perf_counter() - seconds, processor_seconds() - processor)


def processor_seconds() -> float:
    """Of this process and the children that ended, kernel included: steadier than the clock."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def prepare_peers(market: Market, root: Path) -> None:
    """What the peers start from: a CSV file a symbol, and silver as Parquet files of a month."""
    (root / "csv").mkdir()
    history = f"{TABLE} at (version => {market.snapshots['history']})"
    frame = market.con.execute(f"from {history} order by symbol, date").fetch_df()
    for symbol, part in frame.drop(columns=["ts"]).groupby("symbol"):
        part.drop(columns=["symbol"]).to_csv(root / f"csv/{symbol.lower()}.csv", index=False)
    market.con.execute(
        f"copy (select *, year(date) as y, month(date) as m from {history} order by symbol, date) "
        f"to '{root}/parquet' (format parquet, partition_by (y, m))"
    )


def one_round(
    market: Market, root: Path, number: int, symbols: int, peers: bool
) -> dict[str, Cost]:
    """The cost of every case, once."""
    out = Layout(root / f"out{number}")
    found = {"full export": timed(market.export, out, "history")}
    content = contents(out.gold(STORE))
    found["only writing the same files"] = timed(write_same, content, root / f"same{number}")
    found["second copy, once after a full export"] = timed(versions.prepare, out, STORE)
    for name in list(market.snapshots)[1:]:
        found[f"update: {name}"] = timed(market.export, out, name)
    if peers:
        found["dump_bin, re-implemented"] = timed(dump_all, root / "csv", root / f"dump{number}")
        sample = [f"S{index:06}" for index in range(0, symbols, max(1, symbols // SEED_SAMPLE))]
        fields = [*RAW, *FEATURES[:3]]
        cost = timed(convert, root / "parquet", root / f"seed{number}", sample, fields)
        scale = symbols / len(sample)
        scaled = Cost(cost.seconds * scale, cost.processor * scale)
        found[f"seed's loop, {len(sample)} symbols scaled"] = scaled
    return found


def main() -> None:
    """Print medians, and each as a multiple of the full export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="50 symbols, one round")
    parser.add_argument("--symbols", type=int, default=500)
    parser.add_argument("--days", type=int, default=250)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-peers", action="store_true", help="only our own cases")
    asked = parser.parse_args()
    symbols, rounds = (50, 1) if asked.quick else (asked.symbols, asked.rounds)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        market = Market(root / "lake", symbols, asked.days)
        if not asked.no_peers:
            prepare_peers(market, root)
        runs = [
            one_round(market, root, number, symbols, not asked.no_peers) for number in range(rounds)
        ]
    print(f"{symbols} symbols x {asked.days} days, 13 fields, medians of {rounds}")
    print(f"{'':<42}{'seconds':>9}{'of full':>9}{'processor':>11}{'of full':>9}")
    for name in runs[0]:
        row = f"{name:<42}"
        for part, width in (("seconds", 9), ("processor", 11)):
            costs = [getattr(run[name], part) for run in runs]
            whole = [getattr(run["full export"], part) for run in runs]
            ratios = [ours / full for ours, full in zip(costs, whole, strict=True)]
            row += f"{statistics.median(costs):>{width}.3f}{statistics.median(ratios):>9.2f}"
        print(row)
    print(f"peak RSS {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
