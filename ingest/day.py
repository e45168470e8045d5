"""One day's way from the source to bronze, and the outcome that the report shows."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from threading import Lock, Semaphore

import polars as pl

from ingest.bronze import Provenance, read_provenance
from ingest.convert import ConvertOptions, convert
from ingest.memory import Guard
from ingest.plan import same_content, unchanged
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
    CorruptFile,
    NotEntitled,
    NotPublished,
    OutOfMemory,
    QuantminiError,
    SourceUnavailable,
    UsageError,
)
from lake.layout import Layout

log = logging.getLogger(__name__)

# What content that nobody thought of may raise: the other days have nothing to do with it.
SURPRISES = (ValueError, ArithmeticError, LookupError, pl.exceptions.PolarsError)


@dataclass(frozen=True)
class Run:
    """What the days of one run share.

    Attributes:
        layout: the lake.
        source: where files come from.
        options: of each conversion.
        keep_landing: keep the source files as they came.
        guard: lets files be converted while there is memory.
        downloads: how many files may be fetched at a time.
        refused: of each data set, the newest day that the plan does not cover.
        refusing: held while a day is added to them.
    """

    layout: Layout
    source: Source
    options: ConvertOptions
    keep_landing: bool
    guard: Guard
    downloads: Semaphore
    refused: dict[str, date] = field(default_factory=dict)
    refusing: Lock = field(default_factory=Lock)

    def days(self, dataset: Dataset, files: list[RemoteFile]) -> list[Outcome]:
        """Ingest some days, which are converted together as far as they are regular.

        What goes wrong with a day is its outcome, not an exception.

        Raises:
            UsageError: no day can succeed with these settings.
            OutOfMemory: neither could the next.
            OSError: the disk is full, so neither could the next.
        """
        ended: dict[date, Outcome] = {}
        landed = []
        for remote in files:
            began = time.perf_counter()
            with self._settling(dataset, remote, ended):
                path, etag = self._fetched(dataset, remote)
                landed.append(Landed(remote, path, etag, time.perf_counter() - began))
        ended |= self._together(dataset, landed) if len(landed) > 1 else {}
        for one in landed:
            if one.remote.day not in ended:
                with self._settling(dataset, one.remote, ended):
                    ended[one.remote.day] = self._converted(dataset, one)
        return [ended[remote.day] for remote in files]

    @contextmanager
    def _settling(
        self, dataset: Dataset, remote: RemoteFile, ended: dict[date, Outcome]
    ) -> Iterator[None]:
        """Turn what goes wrong with one day inside into its outcome."""
        day, key = remote.day, remote.key
        try:
            yield
        except NotPublished:
            ended[day] = Skipped(dataset.name, day, NOT_PUBLISHED)
        except NotEntitled as error:
            ended[day] = self._refuse(dataset, day, error)
        except (UsageError, OutOfMemory):
            raise
        except (QuantminiError, OSError) as error:
            if is_full(error):
                raise
            message = str(error) if isinstance(error, QuantminiError) else f"{key}: {error}"
            log.warning("%s: %s", dataset.name, message)
            ended[day] = Failed(dataset.name, day, message, isinstance(error, SourceUnavailable))
        except SURPRISES as error:
            text = f"{key}: {type(error).__name__}: {error}; bronze is as it was: look at the file"
            log.warning("%s: %s", dataset.name, text)
            log.debug("%s", key, exc_info=error)
            ended[day] = Failed(dataset.name, day, text)

    def _fetched(self, dataset: Dataset, remote: RemoteFile) -> tuple[Path, str]:
        """Where the file landed, and the version of its content."""
        landing = self.layout.landing(dataset, remote.day)
        with self.downloads:
            if remote.day <= self.refused.get(dataset.name, date.min):
                raise NotEntitled(f"{remote.key}: an older day than one that was refused")
            return landing, self.source.fetch(remote, landing)

    def _together(self, dataset: Dataset, landed: list[Landed]) -> dict[date, Outcome]:
        """The new days that are regular; any other is still to be converted by itself."""
        began = time.perf_counter()
        fresh = [one for one in landed if not self.layout.bronze(dataset, one.remote.day).exists()]
        made: dict[date, Provenance] = {}
        try:
            with self.guard.room():
                made = convert_together(fresh, self.layout, dataset, self.options)
        except (QuantminiError, OSError, *SURPRISES) as error:
            if isinstance(error, OutOfMemory) or is_full(error):
                raise
            log.debug("%s: %s; the days are converted one by one", dataset.name, error)
        share = (time.perf_counter() - began) / len(landed)
        done = [one for one in landed if one.remote.day in made]
        for one in done:
            self._forget(one)
        return {
            one.remote.day: self._ingested(dataset, made[one.remote.day], one, share)
            for one in done
        }

    def _converted(self, dataset: Dataset, one: Landed) -> Outcome:
        """Convert a landed file, if its content is not the very one that bronze was made from."""
        began = time.perf_counter()
        known = self._known(dataset, one)
        if known and not unchanged(one.remote, known):
            # Only touched. Bronze takes the new time over, so the next run need not read the file.
            bronze = self.layout.bronze(dataset, one.remote.day)
            os.utime(bronze, ns=(one.remote.mtime_ns, one.remote.mtime_ns))
            self._forget(one)
            return Skipped(dataset.name, one.remote.day, UP_TO_DATE)
        try:
            # No plan asks for an unchanged day: another process brought it in for this run, and
            # died before it could say so.
            if known is None:
                with self.guard.room():
                    known = convert(
                        one.path, self.layout, dataset, one.remote, one.etag, self.options
                    )
        except CorruptFile:
            # Without it the next run fetches the file anew.
            one.path.unlink(missing_ok=True)
            raise
        self._forget(one)
        return self._ingested(dataset, known, one, time.perf_counter() - began)

    def _known(self, dataset: Dataset, one: Landed) -> Provenance | None:
        """What bronze says of this very content; None where it was made from another, if any."""
        path = self.layout.bronze(dataset, one.remote.day)
        known = read_provenance(path) if path.exists() else None
        return known if known and same_content(known, one.etag, one.remote.size) else None

    def _forget(self, one: Landed) -> None:
        """A file that is in bronze is kept in landing only if the settings say so."""
        if not self.keep_landing:
            one.path.unlink(missing_ok=True)

    def _ingested(
        self, dataset: Dataset, known: Provenance, one: Landed, converting: float
    ) -> Outcome:
        day, rows, bad = one.remote.day, known.rows_kept, known.rows_quarantined
        # The version before, if it was put away, is no source of bronze any more.
        self.layout.historical(dataset, day).unlink(missing_ok=True)
        seconds = one.seconds + converting
        log.info("%s %s: %d rows in %.2f s", dataset.name, day, rows, seconds)
        return Ingested(dataset.name, day, rows, bad, known.bytes, round(seconds, 3))

    def _refuse(self, dataset: Dataset, day: date, error: NotEntitled) -> Outcome:
        """The plan covers a rolling window, so older days would be refused as well."""
        with self.refusing:
            known = self.refused.get(dataset.name)
            if known is None:
                log.warning("%s: %s; older days are not asked for", dataset.name, error)
            self.refused[dataset.name] = max(day, known or day)
        return Skipped(dataset.name, day, NOT_ENTITLED)
