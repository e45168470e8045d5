"""Gold against its peers.

Every round writes into folders of its own, and nothing is deleted before the end: ext4 searches
long for a free inode within five seconds of a removal, which would be charged to the next case.
The peers read what they need (a CSV file a symbol, Parquet) prepared outside the clock.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from benchmarks.gold_market import FEATURES, RAW, STORE, TABLE, Market, exported, write_same
from benchmarks.measure import Case, Cost, cost
from benchmarks.peers.qlib_dump_bin import dump_all
from benchmarks.peers.seed_query_loop import convert
from benchmarks.results import Section, compared
from gold_export import versions
from lake.layout import Layout

SEED_SAMPLE = 25


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


def sections(root: Path, quick: bool) -> list[Section]:
    """A full export beside its peers, and the updates as shares of it."""
    symbols, days, count = (50, 60, 1) if quick else (500, 250, 3)
    market_root = root / "lake"
    # Made in another process, so that this one starts no threads before it forks.
    made = root / "snapshots.json"
    cost(partial(prepare, market_root, root, symbols, days, made), root / "prepare")
    snapshots: dict[str, int] = json.loads(made.read_text(encoding="utf-8"))
    sample = [f"S{index:06}" for index in range(0, symbols, max(1, symbols // SEED_SAMPLE))]
    loop = f"the seed's loop, {len(sample)} of {symbols} symbols scaled"
    costs: dict[str, list[Cost]] = {}
    for number in range(count):
        out, place = root / f"out{number}", root / f"round{number}"
        cases: dict[str, Case] = {"ours": partial(exported, market_root, snapshots, "history", out)}
        cases["floor: reading and writing the same files"] = partial(write_same, out)
        cases["second copy, once after a full export"] = partial(second_copy, out)
        for name in list(snapshots)[1:]:
            cases[f"update: {name}"] = partial(exported, market_root, snapshots, name, out)
        cases["dump_bin, re-implemented"] = partial(dump_all, root / "csv")
        fields = [*RAW, *FEATURES[:3]]
        cases[loop] = partial(seed_loop, root / "parquet", sample, fields)
        for step, (name, case) in enumerate(cases.items()):
            costs.setdefault(name, []).append(cost(case, place / str(step)))
    scale = symbols / len(sample)
    costs[loop] = [Cost(c.seconds * scale, c.processor * scale, c.peak_rss) for c in costs[loop]]
    gold = compared(
        "Gold",
        f"{symbols} symbols, {days} sessions, 13 fields, medians of {count}; an update below 1 "
        "costs less than the full export.",
        costs,
    )
    return [gold]


def prepare(lake: Path, root: Path, symbols: int, days: int, made: Path, _: Path) -> None:
    """The market and what the peers read; the snapshots by name go into `made`."""
    market = Market(lake, symbols, days)
    prepare_peers(market, root)
    made.write_text(json.dumps(market.snapshots), encoding="utf-8")


def second_copy(out: Path, _: Path) -> None:
    """What an export leaves for the next one."""
    versions.prepare(Layout(out), STORE)


def seed_loop(parquet: Path, sample: list[str], fields: list[str], out: Path) -> None:
    """The seed's query a symbol, on a sample of them."""
    convert(parquet, out, sample, fields)
