"""A version brought to the published silver by writing only what changed.

The version is one that nobody reads (`versions`), so its files are changed in place: appended to
where bars were only added after an instrument's last, else rewritten whole.
"""

from __future__ import annotations

import logging
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from gold_export import (
    build,
    calendars,
    factors,
    feed,
    places,
    ranges,
    series,
    store_files,
    versions,
)
from gold_export.feed import Unusable
from gold_export.job import Job
from gold_export.ranges import Range
from gold_export.selection import Selection, frequency, registered, select
from gold_export.series import Spans

log = logging.getLogger(__name__)
# What is met in a version that the feed does not lead from, or whose files are damaged.
GIVEN_UP = (Unusable, duckdb.Error, pa.ArrowException, OSError, ValueError, LookupError)


def update(job: Job) -> tuple[Path, dict[str, Any]] | None:
    """Bring a version that no reader has open to the published silver.

    Returns:
        Its folder, complete but not yet switched to, and its state; None where the store has to
        be exported whole, whatever the reason.
    """
    for folder in versions.complete(job.layout, job.store):
        state = versions.read_state(folder)
        private = folder
        try:
            feed.check(job, state)
            if folder == versions.current(job.layout, job.store):
                private = versions.copy(job.layout, job.store)
            (private / versions.STATE).unlink()
            old, chosen = state["made_from"]["snapshots"], state["fields"]
            refactored = factors.changed(job.con, factors.kept(private), job.factors)
            selections = [
                _refresh(job, private, name, old[name], list(chosen[name]), refactored)
                for name in feed.shown(job, state)
            ]
            return private, build.finish(job, private, selections, chosen)
        except GIVEN_UP as error:
            log.info("%s: version %s is not updated: %s", job.store, folder.name, error)
            if not (private / versions.STATE).is_file():
                shutil.rmtree(private, ignore_errors=True)
    return None


def _refresh(
    job: Job, folder: Path, dataset: str, old: int, columns: list[str], refactored: pa.Table
) -> Selection:
    """Bring the series and places of one data set up to date.

    `refactored` has the tickers whose factors changed; it is empty for all but stocks_daily.
    """
    before = places.kept(folder, dataset)
    first, last = _calendar(folder, dataset)
    known = select(dataset, before, calendars.sessions(first, last), job.top)
    if known is None or not _is_calendar(folder, known):
        raise Unusable("the exchange calendar has changed")
    if old == job.snapshots[dataset] and not refactored.num_rows:
        return known
    try:
        # Every bar that has a place is in the calendar or in the feed.
        begins, ends = feed.stage(job, dataset, old) or (first, last)
        ours = calendars.sessions(first, max(ends, last))
        reach = (min(begins, first), max(ends, last))
        every = calendars.sessions(*reach)
        freq = frequency(dataset)
        base = int(calendars.offsets(every, freq)[len(every.dates) - len(ours.dates)])
        with registered(job.con, gold_sessions=calendars.as_table(every, freq)):
            found, restated = places.now(job, dataset, base, before, refactored)
            selection = select(dataset, found, ours, job.top)
            if selection is None or selection.base:
                raise Unusable(f"{dataset} begins with another session")
            now = ranges.whole(job, selection, columns, reach, base)
            _write(job, folder, now, known, restated)
    finally:
        feed.drop(job.con)
    places.keep(folder, dataset, found)
    return selection


def _write(job: Job, folder: Path, now: Range, known: Selection, restated: set[str]) -> None:
    """Append, rewrite and remove until the files are those of `now`, all that is shown."""
    row_of = {ticker: row for row, ticker in enumerate(known.tickers)}
    rows = np.array([-1 if t in restated else row_of.get(t, -1) for t in now.tickers])
    last = np.where(rows >= 0, known.spans.last[rows], now.spans.last)
    features = folder / "features"

    longer = np.flatnonzero(now.spans.last > last)
    tails = replace(now, spans=Spans(now.spans.names, last + 1, now.spans.last)).of(longer)
    with registered(job.con, gold_universe=tails.universe()):
        bars = ranges.stream(job.con, tails, known.closes[rows[longer]], "gold_feed")
        blocks = series.dense(bars, tails.spans)
        sizes = 4 * (2 + last - now.spans.first)[longer]
        written = store_files.extend(features, blocks, tails.spans.names, now.files, sizes)

    new = np.flatnonzero(rows < 0)
    if new.size:
        written += ranges.write_all(job, now.of(new), folder, again=True)
    if written != longer.size + new.size:
        raise Unusable(f"only {written} instruments of {now.dataset} could be read")
    for name in set(known.spans.names) - set(now.spans.names):
        _remove(features / name.lower(), now.files)


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
