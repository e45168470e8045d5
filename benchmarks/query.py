"""Questions to the lake against its peers on plain files, warm and cold.

A month of minute bars, a year of day bars and some days of options go through the nightly models,
then through `maintain compact`. The peers get silver's own columns in one file a trading day, in
the vendor's order, and the seed its directories.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from functools import partial
from pathlib import Path

import duckdb

from benchmarks.bronze_days import trading_days, write_day
from benchmarks.latency import Asked, Latencies, Question, latencies
from benchmarks.measure import cost
from benchmarks.peers import file_queries
from benchmarks.peers.file_queries import SCAN, Files
from benchmarks.results import Section
from flows.transform import transform
from flows.upkeep import compact_stage
from lake.attaching import attach
from lake.datasets import DATASETS, pick
from lake.layout import Layout
from lake.profile import limits
from lake.published import Lake as Published
from lake.settings import Lake, Settings

# Data set → the days it has, with `--quick` and without.
DAYS = {"stocks_minute": (3, 22), "stocks_daily": (12, 252), "options_daily": (2, 5)}
SYMBOLS, CONTRACTS = (200, 10_000), (2_000, 200_000)
# The seed's own promise in its three modes (architecture-v3, "Query Performance"), seconds.
SEED = {
    "one symbol, one month": "0.1 to 0.5",
    "ten symbols, one month": "0.5 to 2",
    "mean return by symbol, one month": "10 to 60",
    "option chain of one day": "0.3 to 1",
}


def sections(root: Path, quick: bool) -> list[Section]:
    """Every question to everyone who answers it."""
    lake, files = Layout(root / "lake"), root / "files"
    cost(partial(prepare, lake, files, quick), root / "prepare")
    paths = Files(
        *(sorted((files / name).glob("*.parquet")) for name in ("stocks_minute", "stocks_daily")),
        options=max((files / "options_daily").glob("*.parquet")),
        seed=files / "seed",
    )
    answering: dict[str, Callable[[], Mapping[str, Question]]] = {
        "ours": partial(ours, lake, quick),
        "bare DuckDB": partial(file_queries.with_duckdb, paths),
        "polars": partial(file_queries.with_polars, paths),
        "pyarrow": partial(file_queries.with_pyarrow, paths),
        "the seed's directories": partial(file_queries.with_seed, paths),
    }
    rows = {name: f"{DAYS[name][not quick]} days" for name in DAYS}
    section = Section(
        "Queries",
        f"stocks_minute: {rows['stocks_minute']} of {SYMBOLS[not quick]:,} symbols with 200 bars; "
        f"stocks_daily: {rows['stocks_daily']}; a day of options: {CONTRACTS[not quick]:,} "
        "contracts. Milliseconds, median / 99th percentile of warm answers in one process, and "
        "the median of cold ones: a new process that opens its files, none of them in memory.",
        ["", *answering, *(f"{name} ÷ ours" for name in list(answering)[1:]), "the seed says, s"],
    )
    rounds = 1 if quick else 3
    for number, (title, asked) in enumerate(questions(quick).items()):
        found = latencies(answering, asked, rounds, root, root / f"asked-{number}")
        section.rows.append([title, *cells(found, list(answering)), SEED.get(title, "")])
        section.bars |= {
            f"{title}: {name}": float(spent.ratio(found["ours"]).split()[0])
            for name, spent in found.items()
            if name != "ours"
        }
    return [section]


def cells(found: dict[str, Latencies], names: list[str]) -> list[str]:
    """The milliseconds of each, then each peer's ratio."""
    times = [found[name].cell() if name in found else "" for name in names]
    ratios = [found[name].ratio(found["ours"]) if name in found else "" for name in names[1:]]
    return times + ratios


def questions(quick: bool) -> dict[str, Asked]:
    """What is asked, by its title; another instrument each time."""
    count = 5 if quick else 40
    step = SYMBOLS[not quick] // count
    one = [[f"S{number * step:06d}"] for number in range(count)]
    ten = [[f"S{number * step + more:06d}" for more in range(10)] for number in range(count - 1)]
    # The last digit of a root is one of an adjustment, so ten roots make one underlying.
    chains = [[f"S{number:05d}"] for number in range(count)]
    return {
        "one symbol, one month": Asked("minutes", one),
        "ten symbols, one month": Asked("minutes", ten),
        "one symbol, a year of days": Asked("days", one),
        "option chain of one day": Asked("chain", chains),
        "mean return by symbol, one month": Asked("scan", one[:4]),
        "one symbol, one month, cold": Asked("minutes", one[:1], cold=True),
        "mean return by symbol, cold": Asked("scan", one[:1], cold=True),
    }


def ours(layout: Layout, quick: bool) -> dict[str, Question]:
    """The published lake; its cache of answers is off, so that each one is computed."""
    bounds = limits("streaming")
    lake = Published(layout, bounds.duckdb_memory, bounds.max_workers, cache_bytes=0)
    first, last = (days(name, quick) for name in ("stocks_minute", "stocks_daily"))
    month = {"start": first[0], "end": first[-1], "dataset": "stocks_minute"}
    chain_day = days("options_daily", quick)[-1]
    return {
        "minutes": lambda names: lake.bars(names, **month).arrow(),
        "days": lambda names: lake.bars(names, last[0], last[-1]).arrow(),
        "chain": lambda names: lake.chain(names[0], chain_day).arrow(),
        "scan": lambda _: lake.sql(SCAN.format("silver.stocks_minute")).arrow(),
    }


def days(name: str, quick: bool) -> list[date]:
    """The trading days of a data set."""
    return trading_days(DAYS[name][not quick])


def prepare(layout: Layout, files: Path, quick: bool, _: Path) -> None:
    """Bronze, silver, compacted; then the peers' files out of it."""
    rows = {"stocks_minute": 200 * SYMBOLS[not quick], "stocks_daily": SYMBOLS[not quick]}
    for name in DAYS:
        for day in days(name, quick):
            write_day(layout, DATASETS[name], day, rows.get(name, CONTRACTS[not quick]))
    gate = transform(layout, limits("streaming"), pick(list(DAYS)), {})
    if not gate.passed:
        raise SystemExit(str(gate.failures))
    compact_stage(Settings(lake=Lake(root=layout.root)), layout)
    day_files(layout, files, quick)


def day_files(layout: Layout, files: Path, quick: bool) -> None:
    """One Parquet file a trading day as DuckDB writes it, and the seed's directories."""
    # A connection of its own: that of the published lake may not write.
    with duckdb.connect(config={"threads": 2, "memory_limit": "8GiB"}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        attach(connection, layout, read_only=True)
        for name in DAYS:
            (files / name).mkdir(parents=True)
            key = DATASETS[name].instrument
            for day in days(name, quick):
                connection.execute(
                    f"COPY (FROM lake.silver.{name} WHERE date = DATE '{day}' ORDER BY {key}, ts) "
                    f"TO '{files}/{name}/{day}.parquet' (COMPRESSION zstd)"
                )
        # As many at once as files may be open, so that each symbol gets one file a month.
        connection.execute("SET threads = 1; SET partitioned_write_max_open_files = 600")
        connection.execute("SET partitioned_write_flush_threshold = 10_000_000")
        for first in range(0, SYMBOLS[not quick], 500):
            span = f"symbol BETWEEN 'S{first:06d}' AND 'S{first + 499:06d}'"
            connection.execute(
                "COPY (SELECT *, year(date) AS year, month(date) AS month "
                f"FROM lake.silver.stocks_minute WHERE {span} ORDER BY symbol, ts) "
                f"TO '{files}/seed' (FORMAT parquet, COMPRESSION zstd, APPEND, "
                "PARTITION_BY (symbol, year, month))"
            )
