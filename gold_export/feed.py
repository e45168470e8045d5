"""The change feed of the DuckLake: whether it can be trusted, and what it says."""

from __future__ import annotations

from datetime import date
from typing import Any

import duckdb

from gold_export import queries, selection
from gold_export.job import Job, question
from lake import archive, changes


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
    for dataset in shown(job, state):
        chosen = job.options.fields.get(dataset, ())
        if state["fields"].get(dataset) != queries.fields(job.con, dataset, chosen):
            raise Unusable(f"{dataset} has other columns")
        if old[dataset] != job.snapshots[dataset]:
            _start(job, dataset, old[dataset])


def shown(job: Job, state: dict[str, Any]) -> list[str]:
    """The data sets that an update has to look at: an empty one that was not shown stays away."""
    return [
        name
        for name in job.datasets
        if name in state["fields"] or selection.dates(job.con, name) is not None
    ]


def _start(job: Job, dataset: str, old: int) -> int:
    """Where the feed that leads on from snapshot `old` begins."""
    changes.define(job.con)
    start = changes.feed_start(job.con, dataset, old)
    if start is None or start > job.snapshots[dataset]:
        raise Unusable(f"the lake no longer knows all changes of {dataset} after snapshot {old}")
    return start


def stage(job: Job, dataset: str, old: int) -> tuple[date, date] | None:
    """Put the changes after snapshot `old` into the temporary table `gold_feed`.

    Its rows are those of silver with `change_type`; `drop` removes it.

    Returns:
        The first and last date in it; None where the universe has not changed.
    """
    condition, given = job.among(dataset)
    if old == job.snapshots[dataset]:
        source = f"(select *, 'insert' as change_type from silver.{dataset} limit 0)"
    else:
        bounds = f"{_start(job, dataset, old)}, {job.snapshots[dataset]}"
        changed = f"from ducklake_table_changes('lake', 'silver', '{dataset}', {bounds})"
        source = f"({' union all by name '.join([changed, *_archived(job, dataset, old)])})"
    sql = f"create or replace temp table gold_feed as from {source} as t where {condition}"
    job.con.execute(sql, given)
    _settle(job.con)
    [(first, last)] = job.con.execute("select min(date), max(date) from gold_feed").fetchall()
    return None if first is None else (first, last)


def _archived(job: Job, dataset: str, old: int) -> list[str]:
    """What the archive gained and lost meanwhile, so that what only moved there has not changed."""
    before, now = (
        set(archive.files(job.con, job.layout, dataset, snapshot))
        for snapshot in (old, job.snapshots[dataset])
    )
    return [
        f"select *, '{kind}' as change_type from {archive.reading(sorted(paths))}"
        for kind, paths in (("insert", now - before), ("delete", before - now))
        if paths
    ]


def _settle(con: duckdb.DuckDBPyConnection) -> None:
    """Leave out of `gold_feed` what went and came back the same, as when files are rewritten."""
    whole = "select bool_and(change_type = 'insert') from gold_feed"
    if con.execute(whole).fetchall() == [(False,)]:
        sides = [
            f"(select * exclude (snapshot_id, rowid, change_type) from gold_feed "
            f"where change_type in {kinds})"
            for kinds in (("insert", "update_postimage"), ("delete", "update_preimage"))
        ]
        kept = [
            f"select *, '{kind}' as change_type from (from {mine} except all from {other})"
            for kind, mine, other in (("insert", *sides), ("delete", *reversed(sides)))
        ]
        con.execute(f"create or replace temp table gold_feed as {' union all '.join(kept)}")


def drop(con: duckdb.DuckDBPyConnection) -> None:
    """Free what `stage` holds."""
    con.execute("drop table if exists gold_feed")
