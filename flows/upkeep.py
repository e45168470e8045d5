"""The actions of `quantmini maintain` and their order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb

from flows.progress import bar, call
from flows.recording import Step, recorded
from gold_export import versions
from gold_export.options import STORES
from lake import catalog, engine
from lake.errors import NotBuilt
from lake.layout import Layout
from lake.lock import writing
from lake.maintenance import backup, snapshots
from lake.maintenance.compact import compact
from lake.settings import Settings

# A query that began before a file was replaced may still read it.
GRACE = timedelta(days=1)
# What `all` does, in this order: what is dropped first need not be merged.
ALL = ("expire", "compact")


def maintained(settings: Settings, action: str, step: Step = call) -> dict[str, Any]:
    """Do one action, or all of them.

    Returns:
        `actions`, a document each with `action`, `backup`, `seconds` and what it did; `failed`.

    Raises:
        NotBuilt: there is no silver yet.
    """
    layout = Layout(settings.lake.root)
    names = ALL if action == "all" else (action,)
    with recorded(settings, f"maintain {action}") as recording, writing(layout):
        if not layout.catalog.exists():
            raise NotBuilt(f"there is no silver in {layout.root}; run `quantmini run` first")
        done = [_acted(settings, layout, name, step) for name in names]
        failed = [failure for facts in done for failure in facts.pop("failed", [])]
        return recording.outcome({"actions": done, "failed": failed})


def _acted(settings: Settings, layout: Layout, name: str, step: Step) -> dict[str, Any]:
    saved = backup.back_up(layout, name, settings.maintenance.keep_backups)
    began = time.perf_counter()
    facts = step(name, ACTIONS[name], settings, layout)
    seconds = round(time.perf_counter() - began, 3)
    return {"action": name, "backup": saved, "seconds": seconds, **facts}


@contextmanager
def opened(settings: Settings, layout: Layout) -> Iterator[duckdb.DuckDBPyConnection]:
    """The lake for writing, on one thread: each more holds buffers of its own."""
    with engine.connect(settings.limits().duckdb_memory, 1, layout.temp) as connection:
        catalog.install_extensions(connection)
        connection.execute(catalog.attach_sql(layout, read_only=False))
        yield connection


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
            "deleted_files": delete_scheduled(connection, layout),
        }


def compact_stage(settings: Settings, layout: Layout) -> dict[str, Any]:
    """Merge small files and drop deleted rows."""
    with opened(settings, layout) as connection, bar("compact") as advance:
        changed = compact(connection, advance)
        return {
            "tables": [asdict(table) for table in changed],
            "deleted_files": delete_scheduled(connection, layout),
        }


def delete_scheduled(connection: duckdb.DuckDBPyConnection, layout: Layout) -> int:
    """Delete replaced files, but none that a running query or a kept backup may need."""
    limit = min(datetime.now(UTC) - GRACE, backup.oldest(layout))
    return snapshots.delete_scheduled(connection, limit)


ACTIONS: dict[str, Callable[[Settings, Layout], dict[str, Any]]] = {
    "expire": expire_stage,
    "compact": compact_stage,
}
