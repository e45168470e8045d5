"""All facts of the report, read once; what the lake has none of is empty."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import duckdb

from flows.report import history
from flows.report.bars import Bars, bars
from flows.report.chain import Chain, chain
from flows.report.coverage import Day, coverage
from flows.report.forms import Forms, forms
from flows.status import status
from flows.trying import UNREADABLE
from lake import archive, catalog, engine
from lake.datasets import DATASETS
from lake.errors import NotBuilt, UsageError
from lake.layout import Layout
from lake.profile import Limits

# A lake further behind ends its calendar at its last day; the rest is one sentence.
BEHIND = 30


@dataclass(frozen=True)
class Facts:
    """What the page shows. Data sets are by name; one that was never ingested is absent."""

    root: str
    status: dict[str, Any]
    coverage: dict[str, list[Day]]
    forms: dict[str, Forms]
    runs: list[history.Record]
    stages: list[history.Record]
    queries: list[history.Record]
    bars: Bars | None
    chain: Chain | None


def gather(
    layout: Layout,
    bounds: Limits,
    adjustment: str,
    now: datetime,
    symbol: str | None = None,
    underlying: str | None = None,
    day: date | None = None,
) -> Facts:
    """Read the facts.

    Args:
        layout: the lake.
        bounds: memory and threads for its queries.
        adjustment: the setting `gold.adjustment`.
        now: the moment that freshness is judged at, with a time zone.
        symbol: for the candles; the largest by default.
        underlying: for the chain; the largest by default.
        day: of the chain; the newest by default.

    Raises:
        NotBuilt: there is nothing to report on.
        UsageError: the symbol, underlying or date has no bars.
        CorruptFile: a file of the archive is missing.
    """
    if not any(layout.bronze_files(dataset) for dataset in DATASETS.values()):
        raise NotBuilt(
            f"nothing is ingested in {layout.root}; run `quantmini run`, then this again"
        )
    health = status(layout, bounds, adjustment, now)
    lake, served = open_lake(layout, bounds)
    with lake:
        archive.check(lake, layout, {name: table.snapshot for name, table in served.items()})
        days = {
            name: coverage(lake, layout, dataset, snapshot(served, name), until(health, name))
            for name, dataset in DATASETS.items()
        }
        days = {name: found for name, found in days.items() if found}
        candles = options = None
        if "stocks_daily" in served:
            basis = adjustment if health["pipeline"]["prices"] == "adjusted" else "none"
            candles = bars(lake, symbol, basis, factors="adjustment_factors" in served)
        elif symbol:
            raise UsageError("no stocks_daily is published for --symbol; run `quantmini run` first")
        if "options_daily" in served:
            options = chain(lake, underlying, day, stocks="stocks_daily" in served)
        elif underlying or day:
            raise UsageError("no options_daily is published for --underlying and --date")
    tables = health["pipeline"]["partition_health"]
    return Facts(
        root=str(layout.root),
        status=health,
        coverage=days,
        forms={
            name: forms(layout, DATASETS[name], found, tables.get(name, {}).get("bytes"))
            for name, found in days.items()
        },
        runs=history.runs(layout),
        stages=history.stages(layout),
        queries=history.slowest_queries(layout),
        bars=candles,
        chain=options,
    )


def open_lake(
    layout: Layout, bounds: Limits
) -> tuple[duckdb.DuckDBPyConnection, dict[str, catalog.Published]]:
    """The published lake and its tables; DuckDB alone where there is none or it cannot be read.

    What cannot be read is among the problems that the status names.
    """
    try:
        if catalog.published(layout):
            lake = catalog.connect(layout, bounds.duckdb_memory, bounds.max_workers)
            return lake, catalog.tables(layout)
    except UNREADABLE:
        pass
    return engine.connect(bounds.duckdb_memory, bounds.max_workers, layout.temp), {}


def snapshot(served: dict[str, catalog.Published], name: str) -> int | None:
    """The published snapshot of a data set."""
    return served[name].snapshot if name in served else None


def until(health: dict[str, Any], name: str) -> date | None:
    """The last session of a calendar: the newest due one, None where bronze is far behind it."""
    facts = health["pipeline"]["datasets"][name]
    behind, due = facts["sessions_behind"], facts["due_date"]
    return due if isinstance(due, date) and behind is not None and behind <= BEHIND else None
