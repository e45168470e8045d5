"""`quantmini status`: how fresh and how whole the lake is, from the files themselves."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from ingest.reference.tables import landed
from lake import catalog, engine
from lake.calendar import sessions
from lake.datasets import DATASETS, Dataset
from lake.hardware import existing
from lake.layout import Layout
from lake.profile import Limits

# The vendor has finished a session's files by 11:00 in New York on the day after it, 16:00 UTC at
# the latest; an hour for our own run.
PUBLISHED_AFTER = timedelta(days=1, hours=17)
SMALL_FILE = 1 << 20


def status(layout: Layout, bounds: Limits, adjustment: str, now: datetime) -> dict[str, Any]:
    """The lake's health.

    Args:
        layout: the lake.
        bounds: memory and threads for its queries.
        adjustment: the setting `gold.adjustment`.
        now: the moment that freshness is judged at, with a time zone.

    Returns:
        `timestamp`, `healthy`, `problems`, and the blocks `system`, `pipeline` and `storage`. A
        data set that was never ingested is no problem, unless none was.
    """
    due = _due(now)
    datasets = {name: _freshness(layout, dataset, due) for name, dataset in DATASETS.items()}
    for name, newest in _served(layout, bounds).items():
        datasets[name]["published_through"] = newest
    problems = _problems(layout, datasets)
    prices = "adjusted" if adjustment != "none" and landed(layout) else "unadjusted"
    return {
        "timestamp": now.astimezone(UTC).isoformat(timespec="seconds"),
        "healthy": not problems,
        "problems": problems,
        "system": _system(layout, bounds),
        "pipeline": {"datasets": datasets, "prices": prices},
        "storage": {folder.name: _size(folder) for folder in layout.layers()},
    }


def _due(now: datetime) -> list[date]:
    """The sessions whose files the vendor has finished, oldest first."""
    calendar = sessions()
    midnight = pc.cast(calendar["date"], "timestamp[s]")
    is_due = pc.less_equal(midnight, (now.astimezone(UTC) - PUBLISHED_AFTER).replace(tzinfo=None))
    due: list[date] = calendar["date"].filter(is_due).to_pylist()
    return due


def _freshness(layout: Layout, dataset: Dataset, due: list[date]) -> dict[str, Any]:
    """Days in bronze, due sessions that are missing behind its last one, rows in quarantine."""
    days = list(layout.bronze_files(dataset))
    quarantine = layout.quarantine_folder(dataset)
    rejected = 0
    if any(quarantine.glob("*.parquet")):
        sql = "SELECT sum(num_rows) FROM parquet_file_metadata(?)"
        with engine.connect("256MiB", 1, layout.temp) as connection:
            found = connection.execute(sql, [f"{quarantine}/*.parquet"])
            [(rejected,)] = found.fetchall()
    return {
        "days": len(days),
        "first_date": days[0] if days else None,
        "last_date": days[-1] if days else None,
        "due_date": due[-1],
        "sessions_behind": sum(day > days[-1] for day in due) if days else None,
        "quarantined_rows": int(rejected),
        "published_through": None,
    }


def _served(layout: Layout, bounds: Limits) -> dict[str, date | None]:
    """The newest date of each published data set."""
    served, newest = catalog.published(layout), {}
    if served:
        with catalog.connect(layout, bounds.duckdb_memory, bounds.max_workers) as lake:
            for name in served:
                [(newest[name],)] = lake.execute(f"SELECT max(date) FROM silver.{name}").fetchall()
    return newest


def _problems(layout: Layout, datasets: dict[str, dict[str, Any]]) -> list[str]:
    """What somebody has to see to, each with the next command."""
    found = []
    if not any(facts["days"] for facts in datasets.values()):
        found.append(f"nothing is ingested in {layout.root}; run `quantmini run`")
    for name, facts in datasets.items():
        if facts["sessions_behind"]:
            found.append(
                f"{name}: {facts['sessions_behind']} sessions behind, bronze ends "
                f"{facts['last_date']}; run `quantmini run {name}`"
            )
        if facts["last_date"] and facts["published_through"] != facts["last_date"]:
            found.append(
                f"{name}: published through {facts['published_through']}, bronze ends "
                f"{facts['last_date']}; run `quantmini transform {name}` to see why"
            )
    return found


def _system(layout: Layout, bounds: Limits) -> dict[str, Any]:
    """The profile's limits and the disk below the lake."""
    disk = shutil.disk_usage(existing(layout.root))
    return {
        "mode": bounds.mode,
        "max_memory_gb": bounds.max_memory_gb,
        "max_workers": bounds.max_workers,
        "disk_total_bytes": disk.total,
        "disk_free_bytes": disk.free,
    }


def _size(folder: Path) -> dict[str, int]:
    """Files and bytes under a folder; a file below a MiB counts as small."""
    files = small = size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                found = Path(place, name).lstat().st_size
            except FileNotFoundError:  # A run replaces files while we look.
                continue
            files, small, size = files + 1, small + (found < SMALL_FILE), size + found
    return {"files": files, "small_files": small, "bytes": size}


def words(document: dict[str, Any]) -> str:
    """The document for a person."""
    system, pipeline = document["system"], document["pipeline"]
    lines = [
        f"{document['timestamp']}  {'healthy' if document['healthy'] else 'UNHEALTHY'}",
        f"{system['mode']}: {system['max_memory_gb']:g} GB, {system['max_workers']} workers; "
        f"{system['disk_free_bytes'] / 1e9:,.1f} of "
        f"{system['disk_total_bytes'] / 1e9:,.1f} GB of disk free",
        f"prices {pipeline['prices']}"
        + ("; see `quantmini reference sync`" if pipeline["prices"] == "unadjusted" else ""),
        f"{'':16}{'days':>6}  {'from':10}  {'to':10}  {'published':10}  behind  quarantined",
    ]
    for name, facts in pipeline["datasets"].items():
        dates = "  ".join(
            f"{facts[key] or '-'!s:10}" for key in ("first_date", "last_date", "published_through")
        )
        behind = "-" if facts["sessions_behind"] is None else facts["sessions_behind"]
        rejected = facts["quarantined_rows"]
        lines.append(f"{name:16}{facts['days']:>6}  {dates}  {behind:>6}  {rejected:>11,}")
    for layer, size in document["storage"].items():
        lines.append(f"{layer:16}{size['bytes'] / 1e6:>12,.1f} MB  {size['files']:>9,} files")
    return "\n".join([*lines, *(f"PROBLEM {problem}" for problem in document["problems"])])
