"""The lake as upkeep opens it, and how long what it replaces has to stay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import duckdb

from lake import engine
from lake.attaching import attach
from lake.layout import Layout
from lake.maintenance import backup
from lake.settings import Settings

# A query that began before a file was replaced may still read it.
GRACE = timedelta(days=1)


@contextmanager
def opened(settings: Settings, layout: Layout) -> Iterator[duckdb.DuckDBPyConnection]:
    """The lake for writing, on one thread: each more holds buffers of its own."""
    with engine.connect(settings.limits().duckdb_memory, 1, layout.temp) as connection:
        attach(connection, layout, read_only=False)
        yield connection


def unneeded(settings: Settings, layout: Layout) -> datetime:
    """Files that were replaced before this moment, no running query and no kept backup may need.

    Backups of a shared catalog are the database's own, so those are spared that snapshots are.
    """
    limit = min(datetime.now(UTC) - GRACE, backup.oldest(layout))
    if layout.shared:
        limit -= timedelta(days=settings.maintenance.keep_snapshots_days)
    return limit
