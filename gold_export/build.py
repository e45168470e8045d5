"""A whole store from silver, and what every version ends with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gold_export import calendars, feed, lists, queries, series, versions
from gold_export.options import Job, made_from
from gold_export.selection import Selection, dates, frequency, numbered, registered, select
from lake.errors import BadData
from lake.files import write_json

# The columns of `queries.places`: what the next update must know of every ticker.
PLACES = pa.schema(
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


def build(job: Job, folder: Path) -> dict[str, int]:
    """Write a whole store into an empty version folder; return its counts.

    Raises:
        BadData: silver holds no bar that the store could show.
    """
    selections = [found for name in job.datasets if (found := _build(job, folder, name))]
    if not selections:
        raise BadData(f"{job.store}: silver has no bar of the universe in any session of XNYS")
    chosen = {selection.dataset: fields(job, selection.dataset) for selection in selections}
    return finish(job, folder, selections, chosen)


def _build(job: Job, folder: Path, dataset: str) -> Selection | None:
    """Write the series of one data set, and its places; None where it has nothing to show."""
    bounds = dates(job.con, dataset)
    if bounds is None:
        return None
    sessions = calendars.sessions(*bounds)
    with registered(job.con, gold_sessions=calendars.as_table(sessions, frequency(dataset))):
        condition, given = job.among(dataset)
        sql = queries.places(dataset, job.options.adjustment, f"silver.{dataset}", condition)
        places = job.con.execute(sql, given).to_arrow_table()
        selection = select(dataset, places, sessions, job.top)
        if selection is None:
            return None
        count = len(selection.tickers)
        columns = fields(job, dataset)
        with registered(job.con, gold_universe=numbered(selection.tickers, np.arange(count))):
            batches = stream(job, dataset, columns, selection.base, np.full(count, np.nan))
            blocks = series.dense(batches, selection.spans)
            files = file_names(dataset, columns)
            written = series.write(folder / "features", blocks, selection.spans.names, files)
        if written != count:
            raise BadData(f"{dataset}: {written} of {count} instruments could be read; run again")
    for column in ("first", "last"):
        index = places.schema.get_field_index(column)
        places = places.set_column(index, column, pc.subtract(places[column], selection.base))
    write_places(folder, dataset, places)
    return selection


def fields(job: Job, dataset: str) -> dict[str, str]:
    """The fields of a data set and their types."""
    return queries.fields(job.con, dataset, job.options.fields.get(dataset, ()))


def stream(
    job: Job,
    dataset: str,
    columns: Iterable[str],
    base: int,
    before: npt.NDArray[np.float64],
    source: str = "",
) -> Iterable[pa.RecordBatch]:
    """The bars of `gold_universe` as `series.dense` takes them.

    They are read as they are consumed, so `job.con` must run nothing else meanwhile.

    Args:
        job: the export.
        dataset: its name.
        columns: the fields.
        base: the index in `gold_sessions` where the calendar begins.
        before: (N,) by number, the adjusted close before an instrument's first row.
        source: where the bars are, silver by default.
    """
    sql = queries.bars(dataset, list(columns), job.options.adjustment, base, source)
    batches: Iterable[pa.RecordBatch] = job.con.execute(sql).to_arrow_reader(job.options.batch_rows)
    return series.changes(batches, before) if "change" in columns else batches


def file_names(dataset: str, columns: Iterable[str]) -> list[str]:
    """The file of each field."""
    return [f"{column.lower()}.{frequency(dataset)}.bin" for column in columns]


def places_file(folder: Path, dataset: str) -> Path:
    """Where a version keeps the places of every ticker of a data set."""
    return folder / f"places/{dataset}.parquet"


def write_places(folder: Path, dataset: str, places: pa.Table) -> None:
    """Write them, counted from the start of the version's calendar; same rows, same bytes."""
    pq.write_table(places.cast(PLACES).combine_chunks(), places_file(folder, dataset))


def finish(
    job: Job, folder: Path, selections: list[Selection], chosen: Mapping[str, Mapping[str, str]]
) -> dict[str, int]:
    """Write the lists and then the state, which completes a version; return its counts.

    Args:
        job: the export.
        folder: the version.
        selections: one for each data set that it shows.
        chosen: data set → its fields and their types.
    """
    counts = {"instruments": lists.write(folder, selections, job.options.lists)}
    counts |= _counts(selections, chosen)
    document = {
        "made_from": made_from(job.store, job.snapshots, job.options),
        "tables": feed.tables(job.con, job.snapshots),
        "fields": chosen,
        "counts": counts,
    }
    write_json(folder / versions.STATE, document)
    return counts


def _counts(selections: list[Selection], chosen: Mapping[str, Mapping[str, str]]) -> dict[str, int]:
    counts = dict.fromkeys(("files", "rows", "bytes", "left_out"), 0)
    for selection in selections:
        fields = len(chosen[selection.dataset])
        lengths = 2 + selection.spans.last - selection.spans.first
        counts["files"] += fields * len(selection.tickers)
        counts["rows"] += selection.rows
        counts["bytes"] += 4 * fields * int(lengths.sum())
        counts["left_out"] += selection.left_out
    return counts
