"""A version brought to the published silver by writing only what changed.

The version is one that nobody reads (`versions`), so its files are changed in place: appended to
where bars were only added after an instrument's last, else rewritten whole.
"""

from __future__ import annotations

import logging
import shutil
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gold_export import build, calendars, feed, queries, series, versions
from gold_export.feed import Unusable
from gold_export.options import Job
from gold_export.selection import Selection, dates, frequency, numbered, registered, select
from lake.datasets import DATASETS
from lake.layout import Layout

# Rewriting more than this share of the instruments one by one gains nothing on a whole export.
MOST_RESTATED = 0.5

log = logging.getLogger(__name__)


def update(job: Job, layout: Layout) -> tuple[Path, dict[str, int]] | None:
    """Bring a version that no reader has open to the published silver.

    Returns:
        Its folder, complete but not yet switched to, and its counts; None where the store has to
        be exported whole, whatever the reason.
    """
    for folder in versions.complete(layout, job.store):
        state = versions.read_state(folder)
        private = folder
        try:
            feed.check(job, state)
            if folder == versions.current(layout, job.store):
                private = versions.copy(layout, job.store)
            (private / versions.STATE).unlink()
            old, chosen = state["made_from"]["snapshots"], state["fields"]
            selections = [
                _refresh(job, private, name, old[name], list(chosen[name])) for name in job.datasets
            ]
            return private, build.finish(job, private, selections, chosen)
        except (Unusable, duckdb.Error, OSError, pa.ArrowException, KeyError) as error:
            log.info("%s: version %s is not updated: %s", job.store, folder.name, error)
            if not (private / versions.STATE).is_file():
                shutil.rmtree(private, ignore_errors=True)
    return None


def _refresh(job: Job, folder: Path, dataset: str, old: int, columns: list[str]) -> Selection:
    """Bring the series and places of one data set up to date."""
    before = pq.read_table(build.places_file(folder, dataset))
    calendar = _calendar(folder, dataset)
    bounds = dates(job.con, dataset)
    if bounds is None:
        raise Unusable(f"{dataset} is empty")
    ours = calendars.sessions(calendar[0], max(bounds[1], calendar[1]))
    known = select(dataset, before, ours, job.top)
    if known is None or not _is_calendar(folder, known):
        raise Unusable("the exchange calendar has changed")
    if old == job.snapshots[dataset]:
        return known
    every = calendars.sessions(min(bounds[0], calendar[0]), max(bounds[1], calendar[1]))
    base = int(calendars.offsets(every, frequency(dataset))[len(every.dates) - len(ours.dates)])
    with registered(
        job.con, gold_sessions=calendars.as_table(every, frequency(dataset)), gold_before=before
    ):
        feed.stage(job, dataset, old)
        try:
            places, restated = _places(job, dataset, base, before.num_rows)
            selection = select(dataset, places, ours, job.top)
            if selection is None or selection.base:
                raise Unusable(f"{dataset} begins with another session")
            _write(job, folder, base, columns, known, selection, restated)
        finally:
            feed.drop(job.con)
    build.write_places(folder, dataset, places)
    return selection


def _places(job: Job, dataset: str, base: int, count: int) -> tuple[pa.Table, set[str]]:
    """The places of every ticker now, and the tickers whose series cannot be appended to.

    Needs `gold_sessions`, `gold_before` and `gold_feed`. The sums of tickers that only gained bars
    are added to; those of the others are taken again from silver.
    """
    con, adjustment = job.con, job.options.adjustment
    plain = ", bool_and(change_type = 'insert') as plain"
    sql = queries.places(dataset, adjustment, "gold_feed", base=base, extra=plain)
    added = con.execute(sql).to_arrow_table()
    with registered(con, gold_added=added):
        again = con.execute(queries.RESTATED).to_arrow_table()
        if again.num_rows > MOST_RESTATED * count:
            raise Unusable(f"{again.num_rows} of {count} tickers of {dataset} are restated")
        with registered(con, gold_restated=again):
            among = f"t.{DATASETS[dataset].instrument} in (select ticker from gold_restated)"
            sql = queries.places(dataset, adjustment, f"silver.{dataset}", among, base=base)
            if not again.num_rows:
                sql += " limit 0"
            with registered(con, gold_again=con.execute(sql).to_arrow_table()):
                places = con.execute(queries.PLACES_NOW).to_arrow_table()
    condition, given = job.among(dataset)
    sql = f"select count(*) from silver.{dataset} as t where {condition}"
    [(rows,)] = con.execute(sql, given).fetchall()
    if rows != places["rows"].to_numpy().sum():
        raise Unusable(f"the change feed of {dataset} does not lead to its {rows} rows")
    return places, set(again["ticker"].to_pylist())


def _write(
    job: Job,
    folder: Path,
    base: int,
    columns: list[str],
    known: Selection,
    now: Selection,
    restated: set[str],
) -> None:
    """Append, rewrite and remove until the files are those of the selection `now`."""
    row_of = {ticker: row for row, ticker in enumerate(known.tickers)}
    rows = np.array([-1 if t in restated else row_of.get(t, -1) for t in now.tickers])
    last = np.where(rows >= 0, known.spans.last[rows], now.spans.last)
    files, names = build.file_names(now.dataset, columns), now.spans.names
    features = folder / "features"

    longer = np.flatnonzero(now.spans.last > last)
    with registered(job.con, gold_universe=numbered([now.tickers[n] for n in longer], longer)):
        bars = build.stream(job, now.dataset, columns, base, known.closes[rows], "gold_feed")
        blocks = series.dense(bars, series.Spans(names, last + 1, now.spans.last))
        written = series.extend(features, blocks, names, files, 4 * (2 + last - now.spans.first))

    new = np.flatnonzero(rows < 0)
    if new.size:
        nothing = np.full(len(names), np.nan)
        with registered(job.con, gold_universe=numbered([now.tickers[n] for n in new], new)):
            blocks = series.dense(build.stream(job, now.dataset, columns, base, nothing), now.spans)
            written += series.write(features, blocks, names, files, replace=True)
    if written != longer.size + new.size:
        raise Unusable(f"only {written} instruments of {now.dataset} could be read")
    for name in set(known.spans.names) - set(names):
        _remove(features / name.lower(), files)


def _remove(folder: Path, files: list[str]) -> None:
    """Remove an instrument's files, and its folder unless another frequency lives there."""
    for file in files:
        (folder / file).unlink()
    if not any(folder.iterdir()):
        folder.rmdir()


def _calendar(folder: Path, dataset: str) -> tuple[date, date]:
    """The first and last session in a version's calendar."""
    lines = (folder / f"calendars/{frequency(dataset)}.txt").read_text("utf-8").split("\n")
    return date.fromisoformat(lines[0][:10]), date.fromisoformat(lines[-2][:10])


def _is_calendar(folder: Path, selection: Selection) -> bool:
    """Whether the calendar of a selection has the entries of the file, by number and ends."""
    freq = selection.frequency
    lines = (folder / f"calendars/{freq}.txt").read_text("utf-8").split("\n")[:-1]
    moments = calendars.times(selection.part, freq)
    ends = calendars.stamps(moments[[0, -1]], freq)
    return selection.base == 0 and len(lines) == moments.size and [lines[0], lines[-1]] == ends
