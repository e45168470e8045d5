"""The export as the settings want it."""

from __future__ import annotations

import socket
from collections.abc import Generator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import duckdb

from flows import cluster, workers
from flows.request import Request
from gold_export.export import export, is_current
from gold_export.job import inputs
from gold_export.options import STORES, ExportOptions
from gold_export.ranges import Range, Spread
from gold_export.verify import difference, verify
from gold_export.versions import prepare
from lake import archive, catalog
from lake.catalog import Published
from lake.damage import naming_lost_files
from lake.errors import CorruptFile, QuantminiError
from lake.profile import Limits
from lake.settings import Settings, Universe


def export_stage(request: Request, bounds: Limits) -> list[dict[str, Any]]:
    """Published silver to Qlib, store by store; a store that fails keeps its old content."""
    layout = request.layout
    wanted = {dataset.name for dataset in request.datasets}
    served = catalog.tables(layout)
    todo = {}
    for store, names in STORES.items():
        options = export_options(request.settings, store)
        tables = {name: served[name] for name in inputs(store, options) if name in served}
        if set(tables) & set(names) and wanted & set(names):
            snapshots = {name: table.snapshot for name, table in tables.items()}
            runs = {name: table.run for name, table in tables.items()}
            todo[store] = (snapshots, options, runs)
    if not any(not is_current(layout, store, *made_from) for store, made_from in todo.items()):
        return [{"store": store, "skipped": True} for store in todo]
    outcome: list[dict[str, Any]] = []
    memory, threads = bounds.duckdb_memory, bounds.max_workers
    with catalog.connect(layout, memory, threads, in_order=False) as connection:
        for store, made_from in todo.items():
            snapshots = made_from[0]
            try:
                with naming_lost_files():
                    archive.check(connection, layout, snapshots)
                    fresh = not layout.gold(store).exists()
                    if fresh and not has_bars(connection, store, snapshots):
                        outcome.append({"store": store, "skipped": True})
                        continue
                    spread = _spread(request, served, made_from[1]) if request.cluster else None
                    done = export(connection, layout, store, *made_from, spread)
                outcome.append(asdict(done))
                prepare(layout, store)
            except QuantminiError as error:
                outcome.append({"store": store, "error": str(error)})
    return outcome


def _spread(request: Request, served: Mapping[str, Published], options: ExportOptions) -> Spread:
    """Has ranges of instruments written as tasks on the workers of a cluster."""
    same = {
        "exporter": socket.gethostname(),
        "root": request.layout.root,
        "served": dict(served),
        "adjustment": options.adjustment,
    }

    def spread(folder: Path, parts: list[Range]) -> Generator[int, None, None]:
        pieces = [
            (f"{part.dataset} from {part.tickers[0]}", same | {"part": part, "folder": folder})
            for part in parts
        ]
        return cluster.results(str(request.cluster), workers.write_range, pieces)

    return spread


def has_bars(connection: duckdb.DuckDBPyConnection, store: str, served: Mapping[str, int]) -> bool:
    """Whether any data set of a store has a bar; a lake of stocks alone has no options to show."""
    names = [name for name in STORES[store] if name in served]
    return any(
        connection.execute(f"SELECT 1 FROM silver.{name} LIMIT 1").fetchone() for name in names
    )


def verify_stage(request: Request, bounds: Limits, gold: list[dict[str, Any]]) -> None:
    """Add `verify` to the outcome of each store, and an error where it differs from silver."""
    made = [outcome for outcome in gold if request.layout.gold(outcome["store"]).exists()]
    for outcome in (outcome for outcome in made if "error" not in outcome):
        memory, threads = bounds.duckdb_memory, bounds.max_workers
        try:
            with naming_lost_files(), catalog.connect(request.layout, memory, threads) as con:
                report = verify(con, request.layout, outcome["store"])
        except CorruptFile as error:
            outcome["error"] = str(error)
            continue
        outcome["verify"] = asdict(report)
        if not report.equal:
            outcome["error"] = difference(request.layout, report)


def export_options(settings: Settings, store: str) -> ExportOptions:
    """The part of the configuration that decides a store's content."""
    gold = settings.gold
    universe = Universe() if store == "stocks_daily" else getattr(gold, store)
    return ExportOptions(
        fields={name: tuple(gold.fields[name]) for name in STORES[store] if name in gold.fields},
        symbols=tuple(universe.symbols),
        top=universe.top,
        lists=tuple(gold.lists),
        types={name: tuple(kinds) for name, kinds in gold.types.items()},
        adjustment=gold.adjustment,
    )
