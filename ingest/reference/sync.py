"""Bring reference tables up to date: fetch, land, build, publish, each table by itself."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime

from filelock import FileLock, Timeout

from ingest.reference.api import Api
from ingest.reference.job import Job, Progress
from ingest.reference.report import Failed, SyncReport
from ingest.reference.tables import pick
from lake.errors import LakeBusy, QuantminiError, UsageError
from lake.layout import Layout

log = logging.getLogger(__name__)


def sync(
    layout: Layout,
    api: Api,
    tables: list[str] | None = None,
    *,
    full: bool = False,
    events: list[str] | None = None,
    memory_limit: str = "1GiB",
    threads: int = 2,
    today: date | None = None,
    on_page: Progress | None = None,
) -> SyncReport:
    """Bring reference tables up to date.

    The first sync of a table fetches everything, and so does every sync of tickers, ticker_types
    and splits: an old split may be corrected or withdrawn at any time. Dividends are asked for from
    the month on that lies 90 days before the last sync; option contracts are those on the market,
    and expired ones from the month on that lies 30 days before. A sync that was broken off is
    continued behind the pages that it had landed.

    The writer lock is taken only to put a finished table in place: a first sync on a plan of few
    calls takes hours, in which daily runs go on.

    Args:
        layout: the lake.
        api: where to ask.
        tables: names; all but ticker_events by default.
        full: fetch everything, and let a table become empty.
        events: tickers to ask ticker_events for; their rows replace those the table has of them.
        memory_limit: of DuckDB.
        threads: of DuckDB.
        today: the date of this sync; by default that of UTC.
        on_page: called after each page with the table, its query, and the pages of that so far.

    Returns:
        What became of each table; one that fails does not stop the others.

    Raises:
        UsageError: a table's name, the address or the key is wrong.
        LakeBusy: another sync of this lake is under way.
    """
    events = list(dict.fromkeys(events or []))
    day = today or datetime.now(UTC).date()
    report = SyncReport()
    with _alone(layout):
        for table in pick(list(tables or []), events):
            job = Job(layout, api, table, day, full, events, memory_limit, threads, on_page)
            try:
                report.synced.append(job.run())
            except UsageError:
                raise
            except QuantminiError as error:
                log.warning("%s: %s", table.name, error)
                report.failed.append(Failed(table.name, str(error)))
    return report


@contextmanager
def _alone(layout: Layout) -> Iterator[None]:
    """Hold the lock of the landed answers."""
    layout.api_lock.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(layout.api_lock)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise LakeBusy(
            f"another reference sync of {layout.root} is under way; wait until it ends"
        ) from None
    try:
        yield
    finally:
        lock.release()
