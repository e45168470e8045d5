"""The change feed of the DuckLake: whether it can be trusted, and what it says."""

from __future__ import annotations

from datetime import date
from typing import Any

import duckdb

from gold_export import queries
from gold_export.job import Job, question


class Unusable(Exception):
    """The store cannot be updated from the feed: export it whole. Never seen by a caller."""


def check(job: Job, state: dict[str, Any]) -> None:
    """Whether the feed leads from the version with this state to the published silver.

    Raises:
        Unusable: another question or format, other tables or columns, or missing snapshots.
    """
    if question(state) != question({"made_from": job.made_from()}):
        raise Unusable("other options or another format")
    old = state["made_from"]["snapshots"]
    if set(job.tables) != set(job.datasets) or state["tables"] != job.tables:
        raise Unusable("silver's tables were made again")
    for dataset in job.datasets:
        chosen = job.options.fields.get(dataset, ())
        if state["fields"].get(dataset) != queries.fields(job.con, dataset, chosen):
            raise Unusable(f"{dataset} has other columns")
        _check_snapshots(job.con, old[dataset], job.snapshots[dataset])


def _check_snapshots(con: duckdb.DuckDBPyConnection, old: int, new: int) -> None:
    """All snapshots from `old` to `new` must be there, both included."""
    sql = "select count(*) from ducklake_snapshots('lake') where snapshot_id between ? and ?"
    [(count,)] = con.execute(sql, [old, new]).fetchall()
    if count != new - old + 1 or count < 1:
        raise Unusable(f"the lake has {count} of the snapshots {old} to {new}")


def stage(job: Job, dataset: str, old: int) -> tuple[date, date] | None:
    """Put the changes after snapshot `old` into the temporary table `gold_feed`.

    Its rows are those of silver with `change_type`; `drop` removes it.

    Returns:
        The first and last date in it; None where the universe has not changed.
    """
    condition, given = job.among(dataset)
    now = job.snapshots[dataset]
    changes = f"ducklake_table_changes('lake', 'silver', '{dataset}', {old + 1}, {now})"
    if old == now:
        changes = f"(select *, 'insert' as change_type from silver.{dataset} limit 0)"
    sql = f"create or replace temp table gold_feed as from {changes} as t where {condition}"
    job.con.execute(sql, given)
    [(first, last)] = job.con.execute("select min(date), max(date) from gold_feed").fetchall()
    return None if first is None else (first, last)


def drop(con: duckdb.DuckDBPyConnection) -> None:
    """Free what `stage` holds."""
    con.execute("drop table if exists gold_feed")
