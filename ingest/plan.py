"""What is missing: the source's listing against bronze, and the exchange calendar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

import polars as pl

from ingest.bronze import SCHEMA_VERSION, Provenance, read_provenance
from ingest.source import RemoteFile
from lake import calendar
from lake.datasets import Dataset
from lake.layout import Layout

# The provenance of every day in bronze; None where a file has none that is readable.
Days = dict[date, Provenance | None]


@dataclass(frozen=True)
class Plan:
    """The work of one data set.

    Attributes:
        wanted: files to ingest, new or changed, the newest day first.
        up_to_date: days whose bronze file was made from the very object that is listed.
        not_published: sessions that have neither a key nor a bronze file.
    """

    wanted: list[RemoteFile]
    up_to_date: list[date]
    not_published: list[date]


def recorded(layout: Layout, dataset: Dataset) -> Days:
    """What bronze's own files say of themselves."""
    return {day: read_provenance(path) for day, path in layout.bronze_files(dataset).items()}


def plan(
    listed: list[RemoteFile],
    bronze: Days,
    start: date | None = None,
    end: date | None = None,
    now: datetime | None = None,
) -> Plan:
    """Decide what to ingest.

    Args:
        listed: all that the source has of the data set, by day.
        bronze: what `recorded` gives.
        start: first day that counts.
        end: last day that counts.
        now: the present, for the last completed session.
    """
    # A key that a listing repeats, as it may while it is changed, is one file: the last told.
    days = {file.day: file for file in listed}
    chosen = [file for day, file in days.items() if (start or day) <= day <= (end or day)]
    same = [file.day for file in chosen if unchanged(file, bronze.get(file.day))]
    settled = set(same)
    present = {file.day for file in listed} | set(bronze)
    expected = expected_sessions([file.day for file in listed], start, end, now)
    return Plan(
        wanted=[file for file in reversed(chosen) if file.day not in settled],
        up_to_date=same,
        not_published=[day for day in expected if day not in present],
    )


def unchanged(file: RemoteFile, provenance: Provenance | None) -> bool:
    """Whether a bronze file was made from this very object, by this version of the format."""
    if provenance is None:
        return False
    if file.etag is None and provenance.mtime_ns != file.mtime_ns:
        return False
    return same_content(provenance, file.etag or provenance.etag, file.size)


def same_content(provenance: Provenance, etag: str, size: int) -> bool:
    """Whether a bronze file was made from such content, by this version of the format."""
    made_from = (provenance.schema_version, provenance.etag, provenance.bytes)
    return made_from == (SCHEMA_VERSION, etag, size)


def expected_sessions(
    listed: list[date], start: date | None, end: date | None, now: datetime | None = None
) -> list[date]:
    """Sessions that are over and of which the source should have a file.

    From its first file, or the start where it has none, to its last, or to the end asked for.
    """
    first = max(min(listed), start or min(listed)) if listed else start
    last = end or max(listed, default=None)
    if first is None or last is None:
        return []
    return _sessions(first, last, pl.col("close") <= (now or datetime.now(UTC)))


def gaps(days: list[date]) -> list[date]:
    """Sessions between the first and last of some days that are not among them."""
    if not days:
        return []
    known = set(days)
    return [day for day in _sessions(min(days), max(days), pl.lit(True)) if day not in known]


def _sessions(first: date, last: date, condition: pl.Expr) -> list[date]:
    schedule = pl.DataFrame(calendar.sessions())
    inside = pl.col("date").is_between(pl.lit(first), pl.lit(last))
    return schedule.filter(inside & condition)["date"].to_list()
