"""A first build of a year of minute bars of the whole market, within 2 GB of DuckDB's memory."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from benchmarks.bronze_days import trading_days, write_day
from benchmarks.measure import cost
from benchmarks.results import Section
from benchmarks.scale import COLUMNS, build, cells
from benchmarks.storage import size
from lake.datasets import DATASETS
from lake.layout import Layout
from lake.profile import GIB, limits

MINUTE = DATASETS["stocks_minute"]
# DuckDB gets half of what a run may use: 2 GB, in GiB.
MAX_MEMORY_GB = 2 * 2e9 / GIB


def sections(root: Path, quick: bool) -> list[Section]:
    """One build from nothing of every day there is, with gate, longer bars and marts."""
    days, rows = (3, 20_000) if quick else (250, 1_600_000)
    bounds = limits("streaming", max_memory_gb=MAX_MEMORY_GB)
    layout = Layout(root / "lake")
    for day in trading_days(days):
        write_day(layout, MINUTE, day, rows)
    spent = cost(partial(build, layout, MINUTE, bounds), root / "run")
    section = Section(
        "Scale: a year",
        f"Silver of {days} days of {rows:,} minute bars from nothing, with gate, longer bars and "
        f"marts, in one `dbt build`; DuckDB's memory_limit is {bounds.duckdb_memory}.",
        [*COLUMNS, "silver, GB"],
    )
    stored = f"{size(layout.root / 'silver') / 1e9:.1f}"
    section.rows.append([*cells("stocks_minute", days * rows, spent), stored])
    return [section]
