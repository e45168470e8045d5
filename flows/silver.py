"""What is published of each data set, and how silver is cut into files, for `quantmini status`."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from typing import Any

import duckdb

from flows.trying import tried
from lake import archive, catalog, inventory
from lake.layout import Layout
from lake.profile import Limits

# The newest date is looked for in these last days first, which spares reading the years before.
NEWEST_WITHIN = timedelta(days=40)


def served(
    layout: Layout, bounds: Limits, datasets: dict[str, dict[str, Any]], broken: list[str]
) -> dict[str, inventory.Files]:
    """Enter the newest published date of each data set; give the files of silver's tables."""
    again = f"delete it and {layout.transformed}, then `quantmini transform`"
    remedy = "`quantmini maintain rebuild` makes silver again from bronze"
    if layout.shared:
        again = remedy = "see to the database and the bucket"
    path = str(layout.shared or layout.published)
    found: dict[str, int] | None
    found = tried(broken, path, again, lambda: catalog.published(layout), None)
    if found is None:
        return {}
    for name in datasets.keys() - found:
        datasets[name]["readable"] = True
    if not found:
        return {}
    opened: duckdb.DuckDBPyConnection | None
    memory, threads = bounds.duckdb_memory, bounds.max_workers
    look = partial(catalog.connect, layout, memory, threads)
    opened = tried(broken, catalog.name(layout), remedy, look, None)
    if opened is None:
        return {}
    with opened as lake:
        for name, snapshot in found.items():
            enter = partial(_enter, lake, layout, name, snapshot, datasets[name])
            tried(broken, f"silver.{name}", remedy, enter, None)
        return tried(broken, catalog.name(layout), remedy, partial(inventory.files, lake), {})


def _enter(
    lake: duckdb.DuckDBPyConnection,
    layout: Layout,
    name: str,
    snapshot: int,
    facts: dict[str, Any],
) -> None:
    """Enter the newest published date of one data set."""
    archive.check(lake, layout, {name: snapshot})
    facts["published_through"] = _newest(lake, name, facts["last_date"])
    facts["readable"] = True


def _newest(lake: duckdb.DuckDBPyConnection, name: str, last: date | None) -> date | None:
    newest = f"SELECT max(date) FROM silver.{name}"
    if last:
        since = last - NEWEST_WITHIN
        [(found,)] = lake.execute(f"{newest} WHERE date >= '{since}'").fetchall()
        if found:
            return found  # type: ignore[no-any-return]
    [(found,)] = lake.execute(newest).fetchall()
    return found  # type: ignore[no-any-return]
