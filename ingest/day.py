"""One day's way from the source to bronze, and the outcome that the report shows."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass, field
from datetime import date
from threading import Semaphore

from ingest.bronze import Provenance, read_provenance
from ingest.convert import Limits, convert
from ingest.memory import Guard, OutOfMemory
from ingest.plan import same_content
from ingest.report import (
    NOT_ENTITLED,
    NOT_PUBLISHED,
    UP_TO_DATE,
    Failed,
    Ingested,
    Outcome,
    Skipped,
)
from ingest.source import RemoteFile, Source
from ingest.together import Landed, convert_together
from lake.datasets import Dataset
from lake.disk import is_full
from lake.errors import (
    WORTH_RETRYING,
    CorruptFile,
    NotEntitled,
    NotPublished,
    QuantminiError,
    UsageError,
)
from lake.layout import Layout

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """What the days of one run share.

    Attributes:
        layout: the lake.
        source: where files come from.
        limits: of each conversion.
        keep_landing: keep the source files as they came.
        guard: lets files be converted while there is memory.
        downloads: how many files may be fetched at a time.
        refused: of each data set, the newest day that the plan does not cover.
    """

    layout: Layout
    source: Source
    limits: Limits
    keep_landing: bool
    guard: Guard
    downloads: Semaphore
    refused: dict[str, date] = field(default_factory=dict)

    def days(self, dataset: Dataset, files: list[RemoteFile]) -> list[Outcome]:
        """Ingest some days, which are converted together as far as they are regular.

        Raises:
            UsageError: no day can succeed with these settings.
            OutOfMemory: neither could the next.
            OSError: the disk is full, so neither could the next.
        """
        began = time.perf_counter()
        made = self._together(dataset, files) if len(files) > 1 else {}
        seconds = (time.perf_counter() - began) / len(files)
        return [
            self._ingested(dataset, made[file.day], file.day, seconds)
            if file.day in made
            else self.day(dataset, file)
            for file in files
        ]

    def _together(self, dataset: Dataset, files: list[RemoteFile]) -> dict[date, Provenance]:
        """The days that were converted; any other is still to be ingested by itself."""
        made: dict[date, Provenance] = {}
        try:
            landed = []
            for file in files:
                path = self.layout.landing(dataset, file.day)
                with self.downloads:
                    landed.append(Landed(file, path, self.source.fetch(file, path)))
            fresh = [
                one for one in landed if not self.layout.bronze(dataset, one.remote.day).exists()
            ]
            with self.guard.room():
                made = convert_together(fresh, self.layout, dataset, self.limits)
            if not self.keep_landing:
                for one in (one for one in landed if one.remote.day in made):
                    one.path.unlink(missing_ok=True)
        except OutOfMemory:
            raise
        except (QuantminiError, OSError) as error:
            if is_full(error):
                raise
            log.debug("%s: %s; the days are ingested one by one", dataset.name, error)
        return made

    def day(self, dataset: Dataset, remote: RemoteFile) -> Outcome:
        """Ingest one day; what goes wrong with it is an outcome, not an exception.

        Raises:
            UsageError: no day can succeed with these settings.
            OutOfMemory: neither could the next.
            OSError: the disk is full, so neither could the next.
        """
        day, key = remote.day, remote.key
        began = time.perf_counter()
        try:
            known = self._transfer(dataset, remote)
        except NotPublished:
            return Skipped(dataset.name, day, NOT_PUBLISHED)
        except NotEntitled as error:
            return self._refuse(dataset, day, error)
        except (UsageError, OutOfMemory):
            raise
        except (QuantminiError, OSError) as error:
            if is_full(error):
                raise
            message = str(error) if isinstance(error, QuantminiError) else f"{key}: {error}"
            log.warning("%s: %s", dataset.name, message)
            return Failed(dataset.name, day, message, isinstance(error, WORTH_RETRYING))
        if known is None:
            return Skipped(dataset.name, day, UP_TO_DATE)
        return self._ingested(dataset, known, day, time.perf_counter() - began)

    def _ingested(self, dataset: Dataset, known: Provenance, day: date, seconds: float) -> Outcome:
        log.info("%s %s: %d rows in %.2f s", dataset.name, day, known.rows_kept, seconds)
        rows, bad = known.rows_kept, known.rows_quarantined
        return Ingested(dataset.name, day, rows, bad, known.bytes, round(seconds, 3))

    def _transfer(self, dataset: Dataset, remote: RemoteFile) -> Provenance | None:
        """Fetch and convert; None where the content turns out to be what bronze was made from."""
        landing = self.layout.landing(dataset, remote.day)
        with self.downloads:
            if remote.day <= self.refused.get(dataset.name, date.min):
                raise NotEntitled(f"{remote.key}: an older day than one that was refused")
            etag = self.source.fetch(remote, landing)
        try:
            known = None
            if not self._only_touched(dataset, remote, etag):
                with self.guard.room():
                    known = convert(landing, self.layout, dataset, remote, etag, self.limits)
        except CorruptFile:
            # Without it the next run fetches the file anew.
            landing.unlink(missing_ok=True)
            raise
        if not self.keep_landing:
            landing.unlink(missing_ok=True)
        return known

    def _only_touched(self, dataset: Dataset, remote: RemoteFile, etag: str) -> bool:
        """Whether bronze was made from this content; if so it takes over the file's new time.

        So the next run, which sees the same time, need not read the file again.
        """
        path = self.layout.bronze(dataset, remote.day)
        known = read_provenance(path) if path.exists() else None
        if known is None or not same_content(known, etag, remote.size):
            return False
        os.utime(path, ns=(remote.mtime_ns, remote.mtime_ns))
        return True

    def _refuse(self, dataset: Dataset, day: date, error: NotEntitled) -> Outcome:
        """The plan covers a rolling window, so older days would be refused as well."""
        if day > self.refused.get(dataset.name, date.min):
            if dataset.name not in self.refused:
                log.warning("%s: %s; older days are not asked for", dataset.name, error)
            self.refused[dataset.name] = day
        return Skipped(dataset.name, day, NOT_ENTITLED)
