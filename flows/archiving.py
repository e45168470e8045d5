"""What is old, out of the way: `quantmini maintain archive`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

from flows.dbt import build
from flows.opening import opened, unneeded
from flows.progress import bar
from lake import catalog
from lake.archive import files
from lake.datasets import DATASETS, Dataset
from lake.errors import UsageError
from lake.layout import Layout
from lake.maintenance import expired
from lake.maintenance.landing import put_away
from lake.maintenance.snapshots import newest
from lake.settings import Settings

Facts = dict[str, Any]


def archive_stage(settings: Settings, layout: Layout) -> Facts:
    """Put the vendor's old files and expired options away, as the settings say.

    Returns:
        `landing` and `expired_options`, what was moved; `failed`, what the gate then found.

    Raises:
        UsageError: expired options are to leave a silver that several machines share.
    """
    months = settings.maintenance.expired_options_months
    if layout.shared and months is not None:
        raise UsageError(
            "maintenance.expired_options_months is not for a lake that several machines share, "
            "since the files would be on one of them; leave it out"
        )
    facts: Facts = {"landing": _landing(settings, layout)}
    if layout.shared:
        return facts
    before = None if months is None else _months_ago(datetime.now(UTC).date(), months)
    facts["expired_options"], moved = _expired(settings, layout, before)
    failures = build(layout, settings.limits(), moved, audit=True)["failures"] if moved else []
    facts["failed"] = [
        {"dataset": failure["dataset"], "date": None, "error": failure["message"]}
        for failure in failures
    ]
    return facts


def _landing(settings: Settings, layout: Layout) -> Facts:
    wanted = settings.maintenance
    count = size = 0
    if wanted.landing != "keep":
        before = datetime.now(UTC).date() - timedelta(days=wanted.landing_days)
        count, size = put_away(layout, before, drop=wanted.landing == "drop")
    return {"action": wanted.landing, "files": count, "bytes": size}


def _months_ago(day: date, months: int) -> date:
    """The first day of the month so many months before."""
    month = day.year * 12 + day.month - 1 - months
    return date(month // 12, month % 12 + 1, 1)


def _expired(
    settings: Settings, layout: Layout, before: date | None
) -> tuple[Facts, list[Dataset]]:
    """Move expired options out of silver; which months, and what the gate has to publish."""
    served = catalog.published(layout)
    with opened(settings, layout) as connection, bar("expired options") as advance:
        deleted = expired.clean(connection, layout, unneeded(settings, layout))
        due = expired.due(connection, served, before) if before else []
        done = []
        for name, month in due:
            done.append(expired.archive(connection, layout, name, served[name], month))
            advance(f"{name} {month:%Y-%m}", len(done), len(due))
        head = newest(connection)
        moved = [
            DATASETS[name]
            for name, snapshot in served.items()
            if files(connection, layout, name, head) != files(connection, layout, name, snapshot)
        ]
    facts = {
        "before": before,
        "archived": [asdict(month) for month in done if month.bytes],
        "waiting": [asdict(month) for month in done if not month.bytes],
        "deleted_files": deleted,
    }
    return facts, moved
