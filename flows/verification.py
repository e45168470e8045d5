"""Every layer against the one below it: `quantmini maintain verify`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from flows.ingesting import conversion
from flows.progress import bar
from gold_export import versions
from gold_export.options import STORES
from gold_export.verify import difference
from gold_export.verify import verify as verify_gold
from ingest.verify import bronze_against_landing
from lake import archive, catalog, engine
from lake.damage import naming_lost_files
from lake.datasets import DATASETS
from lake.errors import CorruptFile, NotBuilt
from lake.layout import Layout
from lake.maintenance.verify import Difference, silver_against_bronze, unknown_files
from lake.settings import Settings

Facts = dict[str, Any]
OnDay = Callable[[object, int, int], None]


def verify_stage(settings: Settings, layout: Layout) -> Facts:
    """Bronze against landing, published silver against bronze, gold against silver.

    Returns:
        `bronze`, `silver` and `gold`, what was compared; `unknown_files` in silver's folder;
        `failed`, every difference.
    """
    failed: list[Difference] = []
    with bar("bronze against landing") as advance:
        bronze = _bronze(settings, layout, failed, advance)
    facts = {"bronze": bronze, "silver": _silver(settings, layout, failed)}
    facts["gold"] = _gold(settings, layout, failed)
    with catalog.connect(layout, "1GiB", 1) as lake:
        facts["unknown_files"] = unknown_files(lake, layout)
    return facts | {"failed": [asdict(difference) for difference in failed]}


def _bronze(
    settings: Settings, layout: Layout, failed: list[Difference], on_day: OnDay
) -> dict[str, Facts]:
    bounds = settings.limits()
    found = {}
    with engine.connect(bounds.duckdb_memory, bounds.max_workers, layout.temp) as connection:
        for name, dataset in DATASETS.items():
            options = conversion(settings, bounds)
            checked = bronze_against_landing(connection, layout, dataset, options, on_day)
            found[name] = {"days": checked.days, "landing_not_kept": checked.not_kept}
            failed += checked.differences
    return found


def _silver(settings: Settings, layout: Layout, failed: list[Difference]) -> dict[str, int]:
    """Rows of each published data set."""
    bounds, rows = settings.limits(), {}
    served = catalog.published(layout)
    with catalog.connect(layout, bounds.duckdb_memory, bounds.max_workers, in_order=False) as lake:
        for name, dataset in DATASETS.items():
            if name in served:
                try:
                    with naming_lost_files():
                        archive.check(lake, layout, {name: served[name]})
                        rows[name], differences = silver_against_bronze(lake, layout, dataset)
                except CorruptFile as error:
                    failed.append(Difference(name, None, str(error)))
                    continue
                failed += differences
            elif layout.bronze_files(dataset):
                text = f"nothing is published; run `quantmini transform {name}` to see why"
                failed.append(Difference(name, None, text))
    return rows


def _gold(settings: Settings, layout: Layout, failed: list[Difference]) -> list[Facts]:
    """A sample of each store, read by pyqlib; one that is behind silver is not compared."""
    bounds, served, found = settings.limits(), catalog.tables(layout), []
    for store in STORES:
        made_from = versions.shown(layout, store)
        if not made_from:
            continue
        now = {name: served[name].snapshot for name in made_from if name in served}
        if now != made_from:
            found.append({"store": store, "behind": True})
            continue
        try:
            with (
                naming_lost_files(),
                catalog.connect(layout, bounds.duckdb_memory, bounds.max_workers) as lake,
            ):
                archive.check(lake, layout, made_from)
                report = verify_gold(lake, layout, store)
        except NotBuilt as error:
            found.append({"store": store, "error": str(error)})
            continue
        except CorruptFile as error:
            failed.append(Difference(f"gold {store}", None, str(error)))
            continue
        found.append(asdict(report))
        if not report.equal:
            failed.append(Difference(f"gold {store}", None, difference(layout, report)))
    return found
