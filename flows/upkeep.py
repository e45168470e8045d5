"""The actions of `quantmini maintain` and their order."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flows.archiving import archive_stage
from flows.maintain import ALL
from flows.opening import opened, unneeded
from flows.progress import bar, call
from flows.recording import Step, recorded
from flows.summary import refusals
from flows.transform import transform
from flows.verification import verify_stage
from gold_export import versions
from gold_export.options import STORES
from lake import catalog
from lake.datasets import DATASETS
from lake.errors import NotBuilt
from lake.layout import Layout
from lake.lock import writing
from lake.maintenance import backup, snapshots
from lake.maintenance.compact import compact
from lake.maintenance.verify import unknown_files
from lake.settings import Settings


def maintained(
    settings: Settings, action: str, step: Step = call, *, wait: bool = False
) -> dict[str, Any]:
    """Do one action, or all of them; on demand `wait` while another run writes.

    Returns:
        `actions`, a document each with `action`, `backup`, `seconds` and what it did; `failed`.

    Raises:
        NotBuilt: there is no silver yet.
        CorruptFile: the catalog is damaged.
    """
    layout = settings.lake.layout()
    names = ALL if action == "all" else (action,)
    with (
        recorded(settings, f"maintain {action}") as recording,
        writing(layout, DATASETS.values(), wait=wait),
    ):
        if action != "rebuild":
            check(layout)
        done = [_acted(settings, layout, name, step) for name in names]
        failed = [failure for facts in done for failure in facts.pop("failed", [])]
        return recording.outcome({"actions": done, "failed": failed})


def _acted(settings: Settings, layout: Layout, name: str, step: Step) -> dict[str, Any]:
    saved = None
    if name != "verify" and backup.is_sound(layout):
        saved = backup.back_up(layout, name, settings.maintenance.keep_backups)
    began = time.perf_counter()
    facts = step(name, ACTIONS[name], settings, layout)
    seconds = round(time.perf_counter() - began, 3)
    return {"action": name, "backup": saved, "seconds": seconds, **facts}


def check(layout: Layout) -> None:
    """Whether there is a catalog to look after.

    Raises:
        NotBuilt: there is none.
        CorruptFile: it is damaged.
    """
    if not catalog.exists(layout):
        raise NotBuilt(f"there is no silver in {layout.root}; run `quantmini run` first")
    if not backup.is_sound(layout):
        raise catalog.damaged(layout, "it fails its own check")


def expire_stage(settings: Settings, layout: Layout) -> dict[str, Any]:
    """Drop the snapshots that are old and that neither readers nor gold need."""
    needed = {(name, table.snapshot) for name, table in catalog.tables(layout).items()}
    for store in STORES:
        needed |= set(versions.sources(layout, store).items())
    limit = datetime.now(UTC) - timedelta(days=settings.maintenance.keep_snapshots_days)
    with opened(settings, layout) as connection:
        dropped = snapshots.expire(connection, needed, limit)
        return {
            "dropped": dropped,
            "left": snapshots.count(connection),
            "deleted_files": snapshots.delete_scheduled(connection, unneeded(settings, layout)),
        }


def compact_stage(settings: Settings, layout: Layout) -> dict[str, Any]:
    """Merge small files and drop deleted rows."""
    with opened(settings, layout) as connection, bar("compact") as advance:
        changed = compact(connection, advance)
        return {
            "tables": [asdict(table) for table in changed],
            "deleted_files": snapshots.delete_scheduled(connection, unneeded(settings, layout)),
        }


def rebuild_stage(settings: Settings, layout: Layout) -> dict[str, Any]:
    """Silver anew from all of bronze, into a new catalog where the old one is lost."""
    lost = not layout.shared and (not layout.catalog.exists() or not backup.is_sound(layout))
    aside = backup.set_aside(layout) if lost else None
    datasets = [dataset for dataset in DATASETS.values() if layout.bronze_files(dataset)]
    if not datasets:
        raise NotBuilt(f"there is no bronze in {layout.root}; run `quantmini run` first")
    gate = transform(layout, settings.limits(), datasets, settings.features, rebuild=True)
    removed = 0
    if lost and gate.passed:
        with opened(settings, layout) as connection:
            for path in unknown_files(connection, layout):
                Path(path).unlink()
                removed += 1
    failed = [
        {"dataset": entry["dataset"], "date": None, "error": entry["message"]}
        for entry in refusals(vars(gate))
    ]
    facts = {"verdicts": gate.verdicts, "set_aside": aside, "removed_files": removed}
    return facts | {"failed": failed}


ACTIONS: dict[str, Callable[[Settings, Layout], dict[str, Any]]] = {
    "archive": archive_stage,
    "expire": expire_stage,
    "compact": compact_stage,
    "verify": verify_stage,
    "rebuild": rebuild_stage,
}
