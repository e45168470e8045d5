"""Ingest: everything that is missing in bronze, day by day, and a report of what became of it."""

from __future__ import annotations

import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from datetime import date

from ingest import bronze, watermarks
from ingest.convert import Limits, convert
from ingest.plan import plan, recorded
from ingest.report import (
    NOT_ENTITLED,
    NOT_PUBLISHED,
    UP_TO_DATE,
    Failed,
    Ingested,
    IngestReport,
    Outcome,
    Progress,
    Skipped,
)
from ingest.source import RemoteFile, Source
from lake.datasets import Dataset
from lake.errors import (
    CorruptFile,
    NotEntitled,
    NotPublished,
    QuantminiError,
    UsageError,
)
from lake.layout import Layout

log = logging.getLogger(__name__)


def ingest(
    layout: Layout,
    source: Source,
    datasets: list[Dataset],
    start: date | None = None,
    end: date | None = None,
    *,
    workers: int = 2,
    max_bad_share: float = 0.5,
    row_group_rows: int = bronze.ROW_GROUP_ROWS,
    keep_landing: bool = True,
    mode: str = "batch",
    on_progress: Progress | None = None,
) -> IngestReport:
    """Bring every new or changed flat file into bronze.

    Args:
        layout: the lake.
        source: where the files come from.
        datasets: what to ingest; one that fails does not stop the others.
        start: first day; all that the source has by default.
        end: last day; sessions up to it that are over count as missing.
        workers: days converted at the same time.
        max_bad_share: a file with a larger share of bad rows fails whole.
        row_group_rows: rows in a row group of bronze.
        keep_landing: keep the source files as they came.
        mode: name of the processing mode, for the watermarks.
        on_progress: called after each file with its outcome, the files done and their total.

    Raises:
        UsageError: the source's address or credentials are wrong.
    """
    report = IngestReport()
    work: list[tuple[Dataset, RemoteFile]] = []
    for dataset in datasets:
        work += [(dataset, file) for file in _missing(layout, source, dataset, start, end, report)]
    run = _Run(layout, source, Limits(max_bad_share, row_group_rows), keep_landing)
    with ThreadPoolExecutor(workers, thread_name_prefix="ingest") as pool:
        futures = [pool.submit(run.day, dataset, file) for dataset, file in work]
        _collect(futures, report, on_progress)
    for asset in sorted({dataset.asset for dataset in datasets}):
        touched = any(item.dataset.startswith(asset) for item in report.ingested)
        if touched or not layout.watermarks(asset).exists():
            watermarks.rebuild(layout, asset, mode)
    for items in (report.ingested, report.skipped, report.failed):
        items.sort(key=lambda item: (item.dataset, item.date or date.min))
    return report


def _missing(
    layout: Layout,
    source: Source,
    dataset: Dataset,
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
        report.add(Failed(dataset.name, None, str(error)))
        return []
    todo = plan(listed, recorded(layout, dataset), start, end)
    for day in todo.up_to_date:
        report.add(Skipped(dataset.name, day, UP_TO_DATE))
    for day in todo.not_published:
        report.add(Skipped(dataset.name, day, NOT_PUBLISHED))
    return todo.wanted


def _collect(
    futures: list[Future[Outcome]], report: IngestReport, on_progress: Progress | None
) -> None:
    """Take outcomes as they come. If the run is to end, days not begun are dropped."""
    try:
        for done, future in enumerate(as_completed(futures), start=1):
            outcome = future.result()
            report.add(outcome)
            if on_progress:
                on_progress(outcome, done, len(futures))
    except BaseException:
        for future in futures:
            future.cancel()
        raise


class _Run:
    """What the days of one run share."""

    def __init__(self, layout: Layout, source: Source, limits: Limits, keep_landing: bool) -> None:
        self.layout, self.source, self.limits = layout, source, limits
        self.keep_landing = keep_landing
        self.refused: dict[str, date] = {}

    def day(self, dataset: Dataset, remote: RemoteFile) -> Outcome:
        """Ingest one day; what goes wrong with it is an outcome, not an exception."""
        began = time.perf_counter()
        if remote.day <= self.refused.get(dataset.name, date.min):
            return Skipped(dataset.name, remote.day, NOT_ENTITLED)
        try:
            known = self._transfer(dataset, remote)
        except NotPublished:
            return Skipped(dataset.name, remote.day, NOT_PUBLISHED)
        except NotEntitled as error:
            return self._refuse(dataset, remote.day, error)
        except UsageError:
            raise
        except (QuantminiError, OSError) as error:
            message = str(error) if isinstance(error, QuantminiError) else f"{remote.key}: {error}"
            log.error("%s: %s", dataset.name, message)
            return Failed(dataset.name, remote.day, message)
        seconds = round(time.perf_counter() - began, 3)
        log.info("%s %s: %d rows in %.2f s", dataset.name, remote.day, known.rows_kept, seconds)
        return Ingested(
            dataset.name,
            remote.day,
            known.rows_kept,
            known.rows_quarantined,
            known.bytes,
            seconds,
        )

    def _transfer(self, dataset: Dataset, remote: RemoteFile) -> bronze.Provenance:
        landing = self.layout.landing(dataset, remote.day)
        etag = self.source.fetch(remote, landing)
        try:
            known = convert(landing, self.layout, dataset, remote, etag, self.limits)
        except CorruptFile:
            # Without it the next run fetches the file anew.
            landing.unlink(missing_ok=True)
            raise
        if not self.keep_landing:
            landing.unlink(missing_ok=True)
        return known

    def _refuse(self, dataset: Dataset, day: date, error: NotEntitled) -> Outcome:
        """The plan covers a rolling window, so older days would be refused as well."""
        if day > self.refused.get(dataset.name, date.min):
            if dataset.name not in self.refused:
                log.warning("%s: %s; older days are not asked for", dataset.name, error)
            self.refused[dataset.name] = day
        return Skipped(dataset.name, day, NOT_ENTITLED)
