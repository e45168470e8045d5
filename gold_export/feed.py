"""The change feed of the DuckLake: whether it can be trusted, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb

from gold_export import queries
from gold_export.options import Job, made_from


class Unusable(Exception):
    """The store cannot be updated from the feed: export it whole. Never seen by a caller."""


def tables(con: duckdb.DuckDBPyConnection, snapshots: Mapping[str, int]) -> dict[str, str]:
    """Data set → the identity of its table at its snapshot; empty where silver is no DuckLake.

    A table that was dropped and made again has another one, as has a catalog that was rebuilt.
    """
    sql = """
        select t.table_uuid::varchar
        from __ducklake_metadata_lake.ducklake_table as t
        join __ducklake_metadata_lake.ducklake_schema as s using (schema_id)
        where s.schema_name = 'silver' and s.end_snapshot is null and t.table_name = ?
            and t.begin_snapshot <= ? and (t.end_snapshot is null or t.end_snapshot > ?)
    """
    try:
        found = {name: con.execute(sql, [name, n, n]).fetchone() for name, n in snapshots.items()}
    except duckdb.Error:
        return {}
    return {name: row[0] for name, row in found.items() if row}


def check(job: Job, state: dict[str, Any]) -> None:
    """Whether the feed leads from the version with this state to the published silver.

    Raises:
        Unusable: another question or format, other tables or columns, or missing snapshots.
    """
    wanted = made_from(job.store, job.snapshots, job.options)
    old = state["made_from"]["snapshots"]
    if state["made_from"] | {"snapshots": None} != wanted | {"snapshots": None}:
        raise Unusable("other options or another format")
    known = tables(job.con, job.snapshots)
    if set(known) != set(job.snapshots) or state["tables"] != known or set(old) != set(known):
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


def stage(job: Job, dataset: str, old: int) -> None:
    """Put the changes after snapshot `old` into the temporary table `gold_feed`.

    Its rows are those of silver with `change_type`; `drop` removes it.
    """
    condition, given = job.among(dataset)
    changes = f"ducklake_table_changes('lake', 'silver', '{dataset}', {old + 1}, "
    changes += f"{job.snapshots[dataset]})"
    sql = f"create or replace temp table gold_feed as from {changes} as t where {condition}"
    job.con.execute(sql, given)


def drop(con: duckdb.DuckDBPyConnection) -> None:
    """Free what `stage` holds."""
    con.execute("drop table if exists gold_feed")
