"""What an export is asked for, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import duckdb

from gold_export import queries
from lake.datasets import DATASETS
from lake.errors import UsageError

# Store → its data sets.
STORES = {
    "stocks_daily": ("stocks_daily",),
    "stocks_minute": ("stocks_minute",),
    "options": ("options_daily", "options_minute"),
}
# Qlib keeps one file an instrument and field, so only day bars of stocks are exported whole.
DEFAULT_TOP = {"stocks_daily": 0, "stocks_minute": 500, "options": 5000}
# Raised when the same silver gives other bytes than before, so that old stores are rebuilt.
FORMAT = 2


@dataclass(frozen=True)
class ExportOptions:
    """What of silver a store holds.

    Attributes:
        fields: data set → columns of silver, for stocks_daily also `factor` and `change`; a data
            set without an entry gets everything numeric.
        symbols: the tickers to export; empty means no list.
        top: keep this many, by dollar volume over the exported bars, for each data set of the
            store; 0 keeps all; None is the store's default, and all where `symbols` is given.
        lists: for each N of these, `instruments/top<N>.txt` names the N largest instruments of the
            store by dollar volume over the exported bars.
        adjustment: `none`: prices as traded, factor 1.0 at every bar.
        batch_rows: rows held at a time; changes memory, never the result.
    """

    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    symbols: tuple[str, ...] = ()
    top: int | None = None
    lists: tuple[int, ...] = (100,)
    adjustment: str = "none"
    batch_rows: int = 250_000

    def limit(self, store: str) -> int:
        """The number of instruments to keep in a store, 0 for all."""
        if self.top is not None:
            return self.top
        return 0 if self.symbols else DEFAULT_TOP[store]


@dataclass(frozen=True)
class ExportReport:
    """What an export did, or found when nothing had changed.

    Attributes:
        store: its name.
        instruments: instruments in the store.
        files: feature files in the store.
        rows: silver rows in the store.
        bytes: size of the feature files.
        left_out: rows of the universe that have no place in the calendar: on no session of the
            exchange, or outside its regular minutes.
        seconds: wall-clock time of this call.
        skipped: True when the store was up to date and nothing was written.
        incremental: True when only what changed in silver was written.
    """

    store: str
    instruments: int
    files: int
    rows: int
    bytes: int
    left_out: int
    seconds: float
    skipped: bool
    incremental: bool


@dataclass(frozen=True)
class Job:
    """One export: `con` has `silver.<dataset>` at `snapshots`, the rest is as `export` takes it."""

    con: duckdb.DuckDBPyConnection
    store: str
    snapshots: Mapping[str, int]
    options: ExportOptions

    @property
    def datasets(self) -> list[str]:
        """The data sets to export, in the store's order."""
        return [name for name in STORES[self.store] if name in self.snapshots]

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


def check(store: str, snapshots: Mapping[str, int], options: ExportOptions) -> None:
    """Refuse what cannot be exported.

    Raises:
        UsageError: an unknown store or adjustment, or none or other than the store's data sets.
    """
    if store not in STORES:
        raise UsageError(f"unknown store {store}; known: {', '.join(STORES)}")
    if not snapshots or not set(snapshots) <= set(STORES[store]):
        needed, given = " or ".join(STORES[store]), ", ".join(snapshots) or "nothing"
        raise UsageError(f"{store} is made from {needed}, but {given} is given as published")
    if options.adjustment not in queries.FACTORS:
        known = ", ".join(queries.FACTORS)
        raise UsageError(f"unknown adjustment {options.adjustment}; known: {known}")


def made_from(store: str, snapshots: Mapping[str, int], options: ExportOptions) -> dict[str, Any]:
    """Everything that decides a store's bytes, in the types that JSON gives back."""
    return {
        "format": FORMAT,
        "store": store,
        "snapshots": dict(snapshots),
        "fields": {name: sorted(set(columns)) for name, columns in options.fields.items()},
        "symbols": sorted(set(options.symbols)),
        "top": options.limit(store),
        "lists": sorted(set(options.lists)),
        "adjustment": options.adjustment,
    }
