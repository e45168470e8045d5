"""`quantmini status`: how fresh and how whole the lake is, from its files and records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import duckdb
import psutil

from flows import past, storage
from flows.ailments import problems_of
from flows.due import due_sessions, sessions_behind, sessions_inside
from ingest.reference.landing import known_syncs
from lake import archive, catalog, engine, inventory
from lake.adjustment import landed
from lake.datasets import DATASETS, Dataset
from lake.errors import QuantminiError
from lake.layout import Layout
from lake.lock import was_killed
from lake.profile import Limits
from lake.usable import used_share

T = TypeVar("T")

# The newest date is looked for in these last days first, which spares reading the years before.
NEWEST_WITHIN = timedelta(days=40)
UNREADABLE = (
    QuantminiError,
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    duckdb.Error,
)


def status(layout: Layout, bounds: Limits, adjustment: str, now: datetime) -> dict[str, Any]:
    """The lake's health. A part that cannot be read is a problem; the rest is told all the same.

    Args:
        layout: the lake.
        bounds: memory and threads for its queries.
        adjustment: the setting `gold.adjustment`.
        now: the moment that freshness is judged at, with a time zone.

    Returns:
        `timestamp`, `healthy`, `problems`, and the blocks `system`, `pipeline` and `storage`. A
        data set that was never ingested is no problem, unless none was; nor is a session that the
        source does not have, which nobody here can mend.
    """
    broken: list[str] = []
    due, refused = due_sessions(now), past.unavailable(layout)
    datasets = {
        name: _freshness(layout, dataset, due, refused.get(name, set()), broken)
        for name, dataset in DATASETS.items()
    }
    tables = _served(layout, bounds, datasets, broken)
    layers = storage.sizes(layout)
    pipeline = {
        "datasets": datasets,
        "prices": "adjusted" if adjustment != "none" and landed(layout) else "unadjusted",
        "reference": _reference(layout),
        "partition_health": {name: asdict(files) for name, files in tables.items()},
        "runs": past.runs(layout) | {"killed": was_killed(layout)},
        "queries": past.queries(layout),
    }
    system = _system(bounds) | storage.disk(layout, layers)
    problems = [*broken, *problems_of(layout, system, pipeline)]
    return {
        "timestamp": now.astimezone(UTC).isoformat(timespec="seconds"),
        "healthy": not problems,
        "problems": problems,
        "system": system,
        "pipeline": pipeline,
        "storage": layers,
    }


def _tried(broken: list[str], what: str, remedy: str, look: Callable[[], T], instead: T) -> T:
    """What a look gives; where it fails, something instead and a problem.

    An error of our own names what cannot be read and its remedy; others are told them.
    """
    try:
        return look()
    except QuantminiError as error:
        broken.append(str(error))
        return instead
    except UNREADABLE as error:
        line = next(iter(str(error).splitlines()), type(error).__name__)
        broken.append(f"{what} cannot be read ({line}); {remedy}")
        return instead


def _freshness(
    layout: Layout, dataset: Dataset, due: list[date], refused: set[str], broken: list[str]
) -> dict[str, Any]:
    """Days in bronze, due sessions that it lacks inside and behind them, rows in quarantine.

    Those that the source was asked for and did not give are `unavailable`, others `missing`. What
    is published of it is not `readable` until it was read.
    """
    days = list(layout.bronze_files(dataset))
    inside = sessions_inside(days, due)
    rejected = _tried(
        broken,
        f"quarantine of {dataset.name}",
        f"move it and bronze's file of its day away, then `quantmini ingest {dataset.name}`",
        lambda: _rejected(layout, dataset),
        0,
    )
    return {
        "days": len(days),
        "first_date": days[0] if days else None,
        "last_date": days[-1] if days else None,
        "due_date": due[-1],
        "sessions_behind": sessions_behind(days, due),
        "missing": [day for day in inside if str(day) not in refused],
        "unavailable": [day for day in inside if str(day) in refused],
        "quarantined_rows": rejected,
        "published_through": None,
        "readable": False,
    }


def _rejected(layout: Layout, dataset: Dataset) -> int:
    quarantine = layout.quarantine_folder(dataset)
    if not any(quarantine.glob("*.parquet")):
        return 0
    sql = "SELECT sum(num_rows) FROM parquet_file_metadata(?)"
    with engine.connect("256MiB", 1, layout.temp) as connection:
        [(rows,)] = connection.execute(sql, [f"{quarantine}/*.parquet"]).fetchall()
    return int(rows)


def _reference(layout: Layout) -> dict[str, date | None]:
    """When each reference table in bronze was last synced; None where landing no longer says."""
    tables = sorted({path.parent.name for path in layout.bronze_reference.glob("[!.]*/*.parquet")})
    return {
        table: max(
            (sync.started for sync in known_syncs(layout.api_landing(table)) if sync.done),
            default=None,
        )
        for table in tables
    }


def _served(
    layout: Layout, bounds: Limits, datasets: dict[str, dict[str, Any]], broken: list[str]
) -> dict[str, inventory.Files]:
    """Enter the newest published date of each data set; give the files of silver's tables."""
    again = f"delete it and {layout.transformed}, then `quantmini transform`"
    remedy = "`quantmini maintain rebuild` makes silver again from bronze"
    if layout.shared:
        again = remedy = "see to the database and the bucket"
    path = str(layout.shared or layout.published)
    served: dict[str, int] | None
    served = _tried(broken, path, again, lambda: catalog.published(layout), None)
    if served is None:
        return {}
    for name in datasets.keys() - served:
        datasets[name]["readable"] = True
    if not served:
        return {}
    opened: duckdb.DuckDBPyConnection | None
    memory, threads = bounds.duckdb_memory, bounds.max_workers
    look = partial(catalog.connect, layout, memory, threads)
    opened = _tried(broken, catalog.name(layout), remedy, look, None)
    if opened is None:
        return {}
    with opened as lake:
        for name, snapshot in served.items():
            enter = partial(_enter, lake, layout, name, snapshot, datasets[name])
            _tried(broken, f"silver.{name}", remedy, enter, None)
        return _tried(broken, catalog.name(layout), remedy, partial(inventory.files, lake), {})


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


def _system(bounds: Limits) -> dict[str, Any]:
    """The profile's limits, and how busy the machine is."""
    return {
        "mode": bounds.mode,
        "max_memory_gb": bounds.max_memory_gb,
        "max_workers": bounds.max_workers,
        "memory_percent": round(100 * used_share(), 1),
        "cpu_percent": psutil.cpu_percent(interval=0.1),
        "process_count": len(psutil.pids()),
    }
