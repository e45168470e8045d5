"""Snapshots that nobody needs any more, and the files that only they held."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

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
    [(newest,)] = connection.execute(
        "SELECT max(snapshot_id) FROM ducklake_snapshots('lake')"
    ).fetchall()
    gone = [n for n in old if n not in kept and n != newest and (floor is None or n < floor)]
    if gone:
        connection.execute(f"CALL ducklake_expire_snapshots('lake', versions => {gone})")
    return len(gone)


def delete_scheduled(connection: duckdb.DuckDBPyConnection, older_than: datetime) -> int:
    """Delete the files that the catalog scheduled for it before a moment; return their number.

    Never what the catalog merely does not know: a mistake there would cost the only copy.
    """
    sql = "CALL ducklake_cleanup_old_files('lake', older_than => ?)"
    return len(connection.execute(sql, [older_than]).fetchall())
