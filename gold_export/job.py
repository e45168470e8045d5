"""One export: what it is asked, checked, and everything that decides its bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from gold_export import factors
from gold_export.options import STORES, ExportOptions
from lake.adjustment import ADJUSTMENTS
from lake.changes import META
from lake.datasets import DATASETS
from lake.errors import UsageError
from lake.layout import Layout

if TYPE_CHECKING:
    from gold_export.ranges import Spread

# Raised when the same silver gives other bytes than before, so that old stores are rebuilt.
FORMAT = 3


@dataclass(frozen=True)
class Job:
    """One export: `con` has the tables of silver at `snapshots`, the rest as `export` takes it.

    `tables` is data set → the identity of its table (`identities`); `spread` writes ranges of
    instruments elsewhere, where that is wanted.
    """

    con: duckdb.DuckDBPyConnection
    layout: Layout
    store: str
    snapshots: Mapping[str, int]
    runs: Mapping[str, str]
    options: ExportOptions
    factors: pa.Table
    tables: Mapping[str, str]
    spread: Spread | None = None

    @property
    def datasets(self) -> list[str]:
        """The data sets to export, in the store's order."""
        return [name for name in STORES[self.store] if name in self.snapshots]

    @property
    def adjusted(self) -> bool:
        """Whether the store's prices are adjusted; its only data set is stocks_daily then."""
        return bool(self.factors.num_rows)

    @property
    def top(self) -> int:
        """The number of instruments to keep, 0 for all."""
        return self.options.limit(self.store)

    def among(self, dataset: str) -> tuple[str, list[list[str]]]:
        """The SQL condition on a bar `t` that a list of tickers means, and its parameters."""
        if not self.options.symbols:
            return "true", []
        return f"t.{DATASETS[dataset].instrument} in (select unnest(?))", [
            list(self.options.symbols)
        ]

    def made_from(self) -> dict[str, Any]:
        """Everything that decides the store's bytes."""
        return made_from(self.store, self.snapshots, self.runs, self.options)


def start(
    con: duckdb.DuckDBPyConnection,
    layout: Layout,
    store: str,
    snapshots: Mapping[str, int],
    runs: Mapping[str, str],
    options: ExportOptions,
    spread: Spread | None = None,
) -> Job:
    """The job, with the factors it adjusts by."""
    published = "adjustment_factors" in snapshots
    found = factors.read(con, options.adjustment if published else "none")
    sets = {name: snapshots[name] for name in STORES[store] if name in snapshots}
    tables = identities(con, sets)
    return Job(con, layout, store, snapshots, runs, options, found, tables, spread)


def identities(con: duckdb.DuckDBPyConnection, snapshots: Mapping[str, int]) -> dict[str, str]:
    """Data set → the identity of its table at its snapshot; empty where silver is no DuckLake.

    A table that was dropped and made again has another one, as has a catalog that was rebuilt.
    """
    wanted = " or ".join(
        f"(t.table_name = '{name}' and t.begin_snapshot <= {snapshot} "
        f"and coalesce(t.end_snapshot > {snapshot}, true))"
        for name, snapshot in snapshots.items()
    )
    sql = f"""
        select t.table_name, t.table_uuid::varchar
        from {META}.ducklake_table as t
        join {META}.ducklake_schema as s using (schema_id)
        where s.schema_name = 'silver' and s.end_snapshot is null and ({wanted})
        order by t.table_name
    """
    try:
        return dict(con.execute(sql).fetchall())
    except duckdb.Error:
        return {}


def inputs(store: str, options: ExportOptions) -> list[str]:
    """The tables of silver that decide a store's bytes, where they are published."""
    found = list(STORES[store])
    if store == "stocks_daily" and options.adjustment != "none":
        found.append("adjustment_factors")
    if store != "options" and options.types:
        found.append("tickers")
    return found


def check(store: str, snapshots: Mapping[str, int], options: ExportOptions) -> None:
    """Refuse what cannot be exported.

    Raises:
        UsageError: an unknown store or adjustment, or none or other than the store's tables.
    """
    if store not in STORES:
        raise UsageError(f"unknown store {store}; known: {', '.join(STORES)}")
    if options.adjustment not in ADJUSTMENTS:
        known = ", ".join(ADJUSTMENTS)
        raise UsageError(f"unknown adjustment {options.adjustment}; known: {known}")
    known_inputs = inputs(store, options)
    if not set(snapshots) & set(STORES[store]) or not set(snapshots) <= set(known_inputs):
        needed, given = " or ".join(STORES[store]), ", ".join(snapshots) or "nothing"
        raise UsageError(f"{store} is made from {needed}, but {given} is given as published")


def made_from(
    store: str,
    snapshots: Mapping[str, int],
    runs: Mapping[str, str],
    options: ExportOptions,
) -> dict[str, Any]:
    """Everything that decides a store's bytes, in the types that JSON gives back."""
    return {
        "format": FORMAT,
        "store": store,
        "snapshots": dict(snapshots),
        "runs": dict(runs),
        "fields": {name: sorted(set(columns)) for name, columns in options.fields.items()},
        "symbols": sorted(set(options.symbols)),
        "top": options.limit(store),
        "lists": sorted(set(options.lists)),
        "types": {name: sorted(set(kinds)) for name, kinds in options.types.items()},
        "adjustment": options.adjustment,
    }


def question(state: Mapping[str, Any]) -> dict[str, Any]:
    """What a version was made from, but for when silver was published: what an update keeps.

    Empty where a damaged state does not say.
    """
    moving = ("snapshots", "runs")
    return {name: part for name, part in state.get("made_from", {}).items() if name not in moving}
