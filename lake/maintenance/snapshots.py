"""Snapshots that nobody needs any more, and the files that only they held."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import duckdb

from lake.changes import define, first_change


def expire(
    connection: duckdb.DuckDBPyConnection,
    needed: Iterable[tuple[str, int]],
    older_than: datetime,
) -> int:
    """Drop old snapshots, and let DuckLake schedule the files that only they held.

    A snapshot that is needed stays, and so do all from the first one on in which its table
    changed: the change feed from there to now is what the gate and gold's updates read.

    Args:
        connection: has the lake attached for writing.
        needed: table and snapshot, of all that is published and all that gold was made from.
        older_than: a moment with a time zone; younger snapshots stay.

    Returns:
        The number of snapshots dropped.
    """
    needed = set(needed)
    define(connection)
    kept = {snapshot for _, snapshot in needed}
    changes = [first_change(connection, table, snapshot) for table, snapshot in needed]
    floor = min((change for change in changes if change is not None), default=None)
    sql = "SELECT snapshot_id FROM ducklake_snapshots('lake') WHERE snapshot_time < ? ORDER BY ALL"
    old = [row[0] for row in connection.execute(sql, [older_than]).fetchall()]
    last = newest(connection)
    gone = sorted({n for n in old if n < last and (floor is None or n < floor)} - kept)
    if gone:
        connection.execute(f"CALL ducklake_expire_snapshots('lake', versions => {gone})")
    return len(gone)


def newest(connection: duckdb.DuckDBPyConnection) -> int:
    """The newest snapshot."""
    sql = "SELECT max(snapshot_id) FROM ducklake_snapshots('lake')"
    [(found,)] = connection.execute(sql).fetchall()
    return int(found)


def count(connection: duckdb.DuckDBPyConnection) -> int:
    """The snapshots that the lake has."""
    [(found,)] = connection.execute("SELECT count(*) FROM ducklake_snapshots('lake')").fetchall()
    return int(found)


def delete_scheduled(connection: duckdb.DuckDBPyConnection, older_than: datetime) -> int:
    """Delete the files that the catalog scheduled for it on a day before a moment's own.

    Never what the catalog merely does not know: a mistake there would cost the only copy.

    Returns:
        The number of files deleted.
    """
    # In a SQLite catalog DuckLake 1.5.5 compares moments as text written in two ways, so that all
    # of the last day counts as older, whatever the hour.
    midnight = older_than.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    day_before = midnight - timedelta(microseconds=1)
    sql = "CALL ducklake_cleanup_old_files('lake', older_than => ?)"
    return len(connection.execute(sql, [day_before]).fetchall())
