"""Every layer against the one below it: `quantmini maintain verify`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import duckdb

from flows.exporting import has_bars
from flows.ingesting import conversion
from flows.progress import bar
from flows.request import Request
from gold_export import versions
from gold_export.options import STORES
from gold_export.verify import difference
from gold_export.verify import verify as verify_gold
from ingest.verify import bronze_against_landing
from lake import archive, catalog, engine
from lake.damage import naming_lost_files
from lake.datasets import DATASETS
from lake.disk import is_full
from lake.errors import NotBuilt, QuantminiError
from lake.layout import Layout
from lake.maintenance.verify import Difference, silver_against_bronze, unknown_files
from lake.settings import Settings

log = logging.getLogger(__name__)
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


@contextmanager
def _settling(name: str, failed: list[Difference]) -> Iterator[None]:
    """Make what goes wrong with one data set or store a difference of it; the rest is verified."""
    try:
        yield
    except Exception as error:
        if is_full(error):
            raise
        text = str(error)
        if not isinstance(error, QuantminiError):
            log.exception("%s", name)
            what, *_ = text.partition("\n")
            text = f"not verified, {type(error).__name__}: {what}; logs/errors has the traceback"
        failed.append(Difference(name, None, text))


def _bronze(
    settings: Settings, layout: Layout, failed: list[Difference], on_day: OnDay
) -> dict[str, Facts]:
    bounds = settings.limits()
    found = {}
    with engine.connect(bounds.duckdb_memory, bounds.max_workers, layout.temp) as connection:
        for name, dataset in DATASETS.items():
            with _settling(name, failed):
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
                with _settling(name, failed), naming_lost_files():
                    archive.check(lake, layout, {name: served[name]})
                    rows[name], differences = silver_against_bronze(lake, layout, dataset)
                    failed += differences
            elif layout.bronze_files(dataset):
                text = f"nothing is published; run `quantmini transform {name}` to see why"
                failed.append(Difference(name, None, text))
    return rows


def _gold(settings: Settings, layout: Layout, failed: list[Difference]) -> list[Facts]:
    """A sample of each store, read by pyqlib; one that is behind silver is not compared.

    One that is missing is a difference where runs make it.
    """
    bounds, found = settings.limits(), []
    for store in STORES:
        with (
            _settling(f"gold {store}", failed),
            naming_lost_files(),
            catalog.connect(layout, bounds.duckdb_memory, bounds.max_workers) as lake,
        ):
            if versions.shown(layout, store):
                found.append(_store(lake, layout, store, failed))
            elif _wanted(settings, layout) and has_bars(lake, store, catalog.published(layout)):
                text = (
                    f"{layout.gold(store)} is missing or damaged; `quantmini export` makes it again"
                )
                failed.append(Difference(f"gold {store}", None, text))
    return found


def _wanted(settings: Settings, layout: Layout) -> bool:
    """Whether runs make gold here; of a shared lake any other machine may have it."""
    return layout.shared is None and "gold" not in Request(settings, []).switched_off


def _store(
    lake: duckdb.DuckDBPyConnection, layout: Layout, store: str, failed: list[Difference]
) -> Facts:
    made_from, served = versions.shown(layout, store), catalog.tables(layout)
    now = {name: served[name].snapshot for name in made_from if name in served}
    if now != made_from:
        return {"store": store, "behind": True}
    archive.check(lake, layout, made_from)
    try:
        report = verify_gold(lake, layout, store)
    except NotBuilt as error:
        return {"store": store, "error": str(error)}
    if not report.equal:
        failed.append(Difference(f"gold {store}", None, difference(layout, report)))
    return asdict(report)
