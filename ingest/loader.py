"""Ingest: everything that is missing in bronze, day by day, and a report of what became of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from datetime import date
from itertools import groupby
from threading import Semaphore

from ingest import watermarks
from ingest.convert import ConvertOptions
from ingest.day import Run
from ingest.leftovers import sweep
from ingest.memory import Guard, MemoryLimits
from ingest.plan import Days, plan, recorded
from ingest.report import (
    NOT_ENTITLED,
    NOT_PUBLISHED,
    UP_TO_DATE,
    Failed,
    IngestReport,
    Outcome,
    Progress,
    Skipped,
)
from ingest.source import RemoteFile, Source
from ingest.together import FILES, suits
from lake import calendar
from lake.datasets import DATASETS, Dataset
from lake.errors import NotEntitled, QuantminiError, SourceUnavailable, UsageError
from lake.layout import Layout

log = logging.getLogger(__name__)

Portion = tuple[Dataset, list[RemoteFile]]
# Has days ingested by other processes; yields what became of each portion as it is done.
Spread = Callable[[list[Portion]], Generator[list[Outcome], None, None]]


def ingest(
    layout: Layout,
    source: Source,
    datasets: list[Dataset],
    start: date | None = None,
    end: date | None = None,
    *,
    workers: int = 2,
    downloads: int = 2,
    options: ConvertOptions | None = None,
    memory: MemoryLimits | None = None,
    keep_landing: bool = True,
    mode: str = "batch",
    on_progress: Progress | None = None,
    spread: Spread | None = None,
) -> IngestReport:
    """Bring every new or changed flat file into bronze.

    Args:
        layout: the lake. The caller holds its lock: what a killed run left is deleted first.
        source: where the files come from.
        datasets: what to ingest; one that fails does not stop the others.
        start: first day; all that the source has by default.
        end: last day; sessions up to it that are over count as missing.
        workers: days converted at the same time.
        downloads: files fetched at the same time.
        options: of each conversion.
        memory: when to convert fewer days at once, to wait and to give up; by default the
            machine's memory is the limit.
        keep_landing: keep the source files as they came.
        mode: name of the processing mode, for the watermarks.
        on_progress: called after each file with its outcome, the files done and their total.
        spread: has the days ingested by other processes, with the memory, workers and downloads of
            their own; here by default.

    Raises:
        UsageError: the source's address or credentials are wrong.
        OutOfMemory: memory ran out; days that are done stay.
    """
    report = IngestReport()
    work: list[tuple[Dataset, RemoteFile]] = []
    bronze = {dataset: recorded(layout, dataset) for dataset in datasets}
    for dataset in datasets:
        files = _missing(source, dataset, bronze[dataset], start, end, report)
        sweep(layout, dataset, files)
        work += [(dataset, file) for file in files]
    portions = list(_portions(work))
    if spread is None:
        guard = Guard(memory or MemoryLimits(), workers)
        run = Run(
            layout, source, options or ConvertOptions(), keep_landing, guard, Semaphore(downloads)
        )
        coming = _on_threads(run, portions, workers + downloads)
    else:
        coming = spread(portions)
    with closing(coming):
        _collect(coming, work, report, on_progress)
    for name in {item.dataset for item in report.ingested}:
        bronze[DATASETS[name]] = recorded(layout, DATASETS[name])
    watermarks.update(layout, bronze, mode)
    calendar.write_sessions(layout.sessions)
    report.sort()
    return report


def _missing(
    source: Source,
    dataset: Dataset,
    bronze: Days,
    start: date | None,
    end: date | None,
    report: IngestReport,
) -> list[RemoteFile]:
    """The files of a data set to fetch; the days to leave alone go into the report."""
    try:
        listed = source.list(dataset)
    except UsageError:
        raise
    except NotEntitled as error:
        log.warning("%s: %s", dataset.name, error)
        report.add(Skipped(dataset.name, None, NOT_ENTITLED))
        return []
    except QuantminiError as error:
        report.add(Failed(dataset.name, None, str(error), isinstance(error, SourceUnavailable)))
        return []
    todo = plan(listed, bronze, start, end)
    for day in todo.up_to_date:
        report.add(Skipped(dataset.name, day, UP_TO_DATE))
    for day in todo.not_published:
        report.add(Skipped(dataset.name, day, NOT_PUBLISHED))
    return todo.wanted


def _portions(
    work: list[tuple[Dataset, RemoteFile]],
) -> Iterator[Portion]:
    """Files one by one, but small ones that are neighbours together."""
    for (dataset, small), run in groupby(work, lambda each: (each[0], suits(*each))):
        files = [file for _, file in run]
        for some in batched(files, FILES if small else 1):
            yield dataset, some


def batched(files: list[RemoteFile], count: int) -> list[list[RemoteFile]]:
    """The files in lists of at most so many."""
    return [files[begin : begin + count] for begin in range(0, len(files), count)]


def _on_threads(
    run: Run, portions: list[Portion], threads: int
) -> Generator[list[Outcome], None, None]:
    """What becomes of the portions, as they are done. Those not begun are dropped at the end."""
    with ThreadPoolExecutor(threads, thread_name_prefix="ingest") as pool:
        futures = [pool.submit(run.days, *portion) for portion in portions]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            for future in futures:
                future.cancel()


def _collect(
    coming: Iterable[list[Outcome]],
    work: list[tuple[Dataset, RemoteFile]],
    report: IngestReport,
    on_progress: Progress | None,
) -> None:
    """Take outcomes as they come. Days that nobody is left to do can be tried again."""
    left: set[tuple[str, date | None]] = {(dataset.name, file.day) for dataset, file in work}
    try:
        for outcomes in coming:
            for outcome in outcomes:
                report.add(outcome)
                left.remove((outcome.dataset, outcome.date))
                if on_progress:
                    on_progress(outcome, len(work) - len(left), len(work))
    except SourceUnavailable as error:
        for name, day in left:
            report.add(Failed(name, day, str(error), retry=True))
