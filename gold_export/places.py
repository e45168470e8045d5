"""What a version keeps of every ticker, so that an update needs no look at history."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gold_export import queries
from gold_export.feed import Unusable
from gold_export.job import Job
from gold_export.selection import registered
from lake.datasets import DATASETS

# Rewriting more than this share of the instruments one by one gains nothing on a whole export.
MOST_RESTATED = 0.5
# The columns of `queries.places`.
SCHEMA = pa.schema(
    [
        ("ticker", pa.string()),
        ("rows", pa.int64()),
        ("placed", pa.int64()),
        ("first", pa.int64()),
        ("last", pa.int64()),
        ("dollars", pa.decimal128(38, 0)),
        ("close", pa.float64()),
    ]
)


def _file(folder: Path, dataset: str) -> Path:
    return folder / f"places/{dataset}.parquet"


def kept(folder: Path, dataset: str) -> pa.Table:
    """The places of every ticker of a data set, counted from the start of its calendar."""
    return pq.read_table(_file(folder, dataset))


def keep(folder: Path, dataset: str, found: pa.Table) -> None:
    """Write them; same rows, same bytes."""
    pq.write_table(found.cast(SCHEMA).combine_chunks(), _file(folder, dataset))


def moved(found: pa.Table, base: int) -> pa.Table:
    """Places counted from `base` on."""
    for column in ("first", "last"):
        index = found.schema.get_field_index(column)
        found = found.set_column(index, column, pc.subtract(found[column], base))
    return found


def now(
    job: Job, dataset: str, base: int, before: pa.Table, refactored: pa.Table
) -> tuple[pa.Table, set[str]]:
    """The places of every ticker now, and the tickers whose series cannot be appended to.

    Needs `gold_sessions` and `gold_feed`. The sums of tickers that only gained bars are added to;
    those of the others are taken again from silver. Joined here and not in SQL, where each small
    table costs some 5 ms.

    Args:
        job: the export.
        dataset: its name.
        base: the index in `gold_sessions` where the calendar begins.
        before: the places that the version keeps.
        refactored: column `ticker`, those whose factors changed.
    """
    plain = ", bool_and(change_type = 'insert') as plain"
    sql = queries.places(dataset, "gold_feed", adjusted=job.adjusted, base=base, extra=plain)
    added = job.con.execute(sql).to_arrow_table()
    restated = _restated(before, added, refactored)
    if len(restated) > MOST_RESTATED * before.num_rows:
        raise Unusable(f"{len(restated)} tickers of {dataset} are restated")
    kept_on = before.filter(pc.invert(pc.is_in(before["ticker"], restated)))
    found = [_sum(kept_on, added)]
    if len(restated):
        with registered(job.con, gold_restated=pa.table({"ticker": restated})):
            among = f"t.{DATASETS[dataset].instrument} in (select ticker from gold_restated)"
            source = f"silver.{dataset}"
            sql = queries.places(dataset, source, among, adjusted=job.adjusted, base=base)
            found.append(job.con.execute(sql).to_arrow_table().cast(SCHEMA))
    places = pa.concat_tables(found).sort_by("ticker")
    condition, given = job.among(dataset)
    sql = f"select count(*) from silver.{dataset} as t where {condition}"
    [(rows,)] = job.con.execute(sql, given).fetchall()
    if rows != places["rows"].to_numpy().sum():
        raise Unusable(f"the change feed of {dataset} does not lead to its {rows} rows")
    return places, set(restated.to_pylist())


def _restated(before: pa.Table, added: pa.Table, refactored: pa.Table) -> pa.Array:
    """Tickers that are new, did not only gain bars after their last one, or have other factors."""
    row = pc.index_in(added["ticker"], before["ticker"])
    early = pc.less_equal(added["first"], before["last"].take(row))
    other = pc.or_(pc.or_(pc.is_null(row), pc.invert(added["plain"])), pc.fill_null(early, False))
    refactored = refactored.filter(pc.is_in(refactored["ticker"], before["ticker"]))
    both = [added.filter(other)["ticker"], refactored["ticker"]]
    return pc.unique(pa.chunked_array([c for part in both for c in part.chunks], pa.string()))


def _sum(before: pa.Table, added: pa.Table) -> pa.Table:
    """Places with those of later bars of the same tickers."""
    more = added.take(pc.index_in(before["ticker"], added["ticker"]))
    moved_on = pc.is_valid(more["last"])
    whole = pa.decimal256(39, 0)
    dollars = pc.add(before["dollars"].cast(whole), more["dollars"].cast(whole))
    columns = {
        "ticker": before["ticker"],
        "rows": pc.add(before["rows"], pc.fill_null(more["rows"], 0)),
        "placed": pc.add(before["placed"], pc.fill_null(more["placed"], 0)),
        "first": pc.coalesce(before["first"], more["first"]),
        "last": pc.coalesce(more["last"], before["last"]),
        "dollars": pc.coalesce(
            dollars.cast(pa.decimal128(38, 0)), before["dollars"], more["dollars"]
        ),
        "close": pc.if_else(moved_on, more["close"], before["close"]),
    }
    return pa.table(columns).cast(SCHEMA)
