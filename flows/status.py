"""`quantmini status`: how fresh and how whole the lake is, from its files and records."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any

import psutil

from flows import past, storage
from flows.ailments import problems_of
from flows.due import due_sessions, sessions_behind, sessions_inside
from flows.silver import served
from flows.trying import tried
from ingest.reference.landing import known_syncs
from lake import engine
from lake.adjustment import landed
from lake.datasets import DATASETS, Dataset
from lake.layout import Layout
from lake.lock import was_killed
from lake.profile import Limits
from lake.usable import used_share


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
    tables = served(layout, bounds, datasets, broken)
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


def _freshness(
    layout: Layout, dataset: Dataset, due: list[date], refused: set[str], broken: list[str]
) -> dict[str, Any]:
    """Days in bronze, due sessions that it lacks inside and behind them, rows in quarantine.

    Those that the source was asked for and did not give are `unavailable`, others `missing`. What
    is published of it is not `readable` until it was read.
    """
    days = list(layout.bronze_files(dataset))
    inside = sessions_inside(days, due)
    rejected = tried(
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
