"""Silver against its peers, and what one more day costs as history grows.

The models run as the nightly flow runs them; the peers do the same windows over the same bronze
into one Parquet file, without keys, ledger, tests or snapshots.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from functools import partial
from pathlib import Path

from benchmarks.bronze_days import trading_days, write_day, write_days
from benchmarks.measure import Case, Cost, cost, rounds
from benchmarks.peers import duckdb_statement, pandas_features, polars_features
from benchmarks.results import Section, compared
from flows.dbt import DBT_PROJECT, environment
from flows.transform import transform
from lake.datasets import DATASETS, pick
from lake.layout import Layout
from lake.profile import Limits, limits


def sections(root: Path, quick: bool) -> list[Section]:
    """A full build of day bars and of minute bars, then one more day at three lengths."""
    count = 1 if quick else 3
    daily = full_build(
        root, "stocks_daily", 20 if quick else 250, 1_000 if quick else 10_000, count
    )
    minute = full_build(
        root,
        "stocks_minute",
        2 if quick else 20,
        20_000 if quick else 500_000,
        count,
        alone=quick,
    )
    histories = [3] if quick else [20, 60, 250]
    names = ["options_minute"] if quick else list(DATASETS)
    rows = 2_000 if quick else 100_000
    return [daily, minute, growth(root, names, histories, rows, count)]


def full_build(
    root: Path, name: str, days: int, rows: int, count: int, *, alone: bool = False
) -> Section:
    """A first build of one data set: the model, and all that a night makes unless it is `alone`."""
    bounds = limits("streaming")
    bronze = Layout(root / name)
    for day in trading_days(days):
        write_day(bronze, DATASETS[name], day, rows)
    files = list(bronze.bronze_files(DATASETS[name]).values())
    ran = root / f"{name}-rounds"
    cases: dict[str, Case] = {"ours": partial(model_alone, bronze, name, bounds)}
    if not alone:
        cases["ours with gate, longer bars, marts"] = partial(night, bronze, name, bounds)
    cases["bare DuckDB, the same statement"] = lambda out: duckdb_statement.build(
        name, ran / "0-0", files, out / "silver.parquet", bounds.duckdb_memory
    )
    if name == "stocks_daily":
        cases["polars windows"] = lambda out: polars_features.daily(files, out / "silver.parquet")
        cases["the seed's pandas"] = lambda out: pandas_features.build(
            files, out / "silver.parquet"
        )
    else:
        cases["polars windows"] = lambda out: polars_features.minutes(files, out / "silver.parquet")
    text = f"A first build of {days} days of {rows:,} rows, medians of {count}."
    costs = rounds(cases, count, ran)
    return compared(f"Silver, {name}", text, costs, days * rows)


def over(bronze: Layout, out: Path) -> Layout:
    """A fresh lake on the same bronze."""
    (out / "bronze").symlink_to(bronze.root / "bronze")
    return Layout(out)


def model_alone(bronze: Layout, name: str, bounds: Limits, out: Path) -> None:
    """`dbt run` of one model and what it reads, into a fresh lake."""
    dbt = Path(sys.executable).with_name("dbt")
    subprocess.run(
        [dbt, "--quiet", "run", "--target", "local", "--select", f"+{name}"],
        env=os.environ | environment(over(bronze, out), bounds),
        cwd=DBT_PROJECT,
        check=True,
    )


def night(bronze: Layout, name: str, bounds: Limits, out: Path) -> None:
    """What the nightly run does: models, longer bars, marts, tests, publication."""
    gate = transform(over(bronze, out), bounds, pick([name]), {})
    if not gate.passed:
        raise SystemExit(str(gate.failures))


def growth(root: Path, names: list[str], histories: list[int], rows: int, count: int) -> Section:
    """One more day of some data sets, after histories of different lengths."""
    bounds, layout = limits("streaming"), Layout(root / "growth")
    sessions, done = trading_days(max(histories) + count), 0
    section = Section(
        "Silver, one more day",
        f"{', '.join(names)}: {rows:,} minute bars and a tenth of day bars each, models and gate "
        f"together; medians of {count}.",
        ["days of history", "seconds", "processor s", "peak MB", "of the first, processor"],
    )
    first: list[Cost] = []
    for history in histories:
        write_days(layout, sessions[done:history], rows)
        grown(layout, names, bounds)
        added = []
        for number in range(history, history + count):
            write_days(layout, [sessions[number]], rows)
            added.append(cost(lambda _: grown(layout, names, bounds), root / f"night-{number}"))
        done, first = history + count, first or added
        seconds, processor = (
            statistics.median(getattr(spent, key) for spent in added)
            for key in ("seconds", "processor")
        )
        share = processor / statistics.median(spent.processor for spent in first)
        peak = max(spent.peak_rss for spent in added) / 1e6
        cells = [f"{seconds:.1f}", f"{processor:.1f}", f"{peak:.0f}", f"{share:.2f}"]
        section.rows.append([str(history), *cells])
    return section


def grown(layout: Layout, names: list[str], bounds: Limits) -> None:
    """One nightly build, which has to pass."""
    gate = transform(layout, bounds, pick(names), {})
    if not gate.passed:
        raise SystemExit(str(gate.failures))
