"""A whole store from silver, and what every version ends with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gold_export import (
    calendars,
    factors,
    lists,
    places,
    queries,
    ranges,
    store_files,
    versions,
)
from gold_export.job import Job
from gold_export.selection import Selection, dates, frequency, registered, select
from lake.errors import BadData
from lake.files import write_json


def build(job: Job, folder: Path) -> dict[str, Any]:
    """Write a whole store into an empty version folder; return its state.

    Raises:
        BadData: silver holds no bar that the store could show.
    """
    chosen = {name: fields(job, name) for name in job.datasets}
    selections = [
        found for name in job.datasets if (found := _build(job, folder, name, list(chosen[name])))
    ]
    if not selections:
        raise BadData(f"{job.store}: silver has no bar of the universe in any session of XNYS")
    shown = {selection.dataset: chosen[selection.dataset] for selection in selections}
    return finish(job, folder, selections, shown)


def _build(job: Job, folder: Path, dataset: str, columns: list[str]) -> Selection | None:
    """Write the series of one data set, and its places; None where it has nothing to show."""
    ends = dates(job.con, dataset)
    if ends is None:
        return None
    sessions = calendars.sessions(*ends)
    with registered(job.con, gold_sessions=calendars.as_table(sessions, frequency(dataset))):
        condition, given = job.among(dataset)
        source = f"silver.{dataset}"
        sql = queries.places(dataset, source, condition, adjusted=job.adjusted)
        found = job.con.execute(sql, given).to_arrow_table()
        selection = select(dataset, found, sessions, job.top)
        if selection is None:
            return None
        part = ranges.whole(job, selection, columns, ends, selection.base)
        written = ranges.write_all(job, part, folder, again=job.spread is not None)
        if written != len(part.tickers):
            count = f"{written} of {len(part.tickers)} instruments"
            raise BadData(f"{dataset}: {count} could be read; run again")
    places.keep(folder, dataset, places.moved(found, selection.base))
    return selection


def fields(job: Job, dataset: str) -> dict[str, str]:
    """The fields of a data set and their types."""
    return queries.fields(job.con, dataset, job.options.fields.get(dataset, ()))


def finish(
    job: Job, folder: Path, selections: list[Selection], chosen: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    """Write the lists and then the state, which completes a version; return the state.

    Args:
        job: the export.
        folder: the version.
        selections: one for each data set that it shows.
        chosen: data set → its fields and their types.
    """
    factors.keep(folder, job.factors)
    counts = {"instruments": lists.write(folder, selections, job)}
    state = {
        "made_from": job.made_from(),
        "adjusted": job.adjusted,
        "tables": dict(job.tables),
        "fields": chosen,
        "counts": counts | _counts(selections, chosen),
    }
    store_files.sync(folder)
    write_json(folder / versions.STATE, state)
    return state


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
