"""Small days that are converted together end exactly as they do one by one."""

from __future__ import annotations

import gzip
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ingest import loader, together
from ingest.bronze import Provenance, read_provenance
from ingest.loader import ingest
from ingest.report import NOT_PUBLISHED, IngestReport
from ingest.s3 import S3Source
from ingest.source import RemoteFile
from lake.datasets import DATASETS
from lake.layout import Layout
from tests.ingest.conftest import HEADER, KEY, MIDNIGHT, SECRET, Bucket, Server, bar, packed

DAILY = DATASETS["stocks_daily"]
FIRST = date(2024, 6, 3)


def stamp(day: date) -> str:
    return str(MIDNIGHT + (day - date(2024, 6, 10)).days * 86_400 * 10**9)


def content(kind: str, day: date) -> bytes:
    """A day's file that is regular, or differs from one in a single way."""
    good = [bar(name, stamp=stamp(day)) for name in ("A", "BRK.A", "NA")]
    quick = {
        "regular": packed(*good),
        "crlf": packed(*good, ending="\r\n"),
        "header only": packed(),
        "no line end": gzip.compress("\n".join([HEADER, *good]).encode()),
        "new column": packed(*(f"{line},x" for line in good), header=f"{HEADER},otc"),
        "bad row": packed(*good, bar("Z", high="1", stamp=stamp(day))),
        "other day": packed(*good, bar("Z", stamp=stamp(day + timedelta(days=1)))),
        "unsorted": packed(*reversed(good)),
        "twice": packed(*good, good[-1]),
        "long fraction": packed(*good, bar("Z", open_="10.12345", stamp=stamp(day))),
        "blank line": packed(*good, "", bar("Z", stamp=stamp(day))),
        "blank name": packed(bar(" A", stamp=stamp(day)), *good),
        "no name": packed(bar("", stamp=stamp(day)), *good),
        "cut short": packed(*good)[:-5],
        "empty": b"",
        "all bad": packed(bar("A", high="1", stamp=stamp(day))),
    }
    return quick[kind]


KINDS = [
    *("crlf", "header only", "no line end", "new column", "bad row", "other day", "unsorted"),
    *("twice", "long fraction", "blank line", "blank name", "no name", "cut short", "empty"),
    "all bad",
]


def state(layout: Layout, days: list[date]) -> dict[date, tuple[Any, ...]]:
    """Of each day its rows with their types, its provenance and its quarantine."""
    found = {}
    for day in days:
        path, bad = layout.bronze(DAILY, day), layout.quarantine(DAILY, day)
        known = read_provenance(path) if path.exists() else None
        rows = pl.read_parquet(path, hive_partitioning=False) if path.exists() else pl.DataFrame()
        refused = pl.read_parquet(bad).rows() if bad.exists() else []
        found[day] = (rows.schema, rows.rows(), known and asdict(known), refused)
    return found


def plain(report: IngestReport) -> dict[str, Any]:
    document = report.as_dict()
    for item in document["ingested"]:
        del item["seconds"]
    return document


@pytest.mark.parametrize("kind", KINDS)
def test_one_odd_file_among_regular_ones(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    days = [FIRST + timedelta(days=ahead) for ahead in range(5)]
    for place, day in enumerate(days):
        bucket.put(content(kind if place == 2 else "regular", day), day, DAILY.name)
    found = ingest(bucket.layout, bucket.source, [DAILY])
    monkeypatch.setattr(loader, "FILES", 1)
    alone = Layout(tmp_path / "one by one")
    assert plain(ingest(alone, bucket.source, [DAILY])) == plain(found)
    assert state(bucket.layout, days) == state(alone, days)


@pytest.mark.parametrize("keep", [True, False])
def test_they_are_converted_together_and_once(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, keep: bool
) -> None:
    days = [FIRST + timedelta(days=ahead) for ahead in range(together.FILES + 3)]
    for day in days:
        bucket.put(content("regular", day), day, DAILY.name)
    made: list[date] = []
    original = together.convert_together

    def counted(*words: Any) -> dict[date, Provenance]:
        result = original(*words)
        made.extend(result)
        return result

    monkeypatch.setattr("ingest.day.convert_together", counted)
    report = ingest(bucket.layout, bucket.source, [DAILY], keep_landing=keep)
    assert [item.date for item in report.ingested] == days == sorted(made)
    assert all(bucket.layout.landing(DAILY, day).exists() == keep for day in days)
    again = ingest(bucket.layout, bucket.source, [DAILY])
    assert len(again.skipped) == len(days)
    assert len(made) == len(days)


@pytest.mark.parametrize("killed", [False, True])
def test_a_restated_day_is_replaced(bucket: Bucket, killed: bool) -> None:
    """Quarantine goes with it, also what a run wrote that died before bronze."""
    days = [FIRST, FIRST + timedelta(days=1)]
    for day in days:
        bucket.put(content("bad row", day), day, DAILY.name)
    ingest(bucket.layout, bucket.source, [DAILY])
    for day in days:
        bucket.put(content("regular", day), day, DAILY.name)
        if killed:
            bucket.layout.bronze(DAILY, day).unlink()
    report = ingest(bucket.layout, bucket.source, [DAILY])
    assert [item.quarantined for item in report.ingested] == [0, 0]
    assert not any(bucket.layout.quarantine(DAILY, day).exists() for day in days)


def test_a_file_that_left_the_bucket_leaves_its_neighbours(
    s3_server: Server, remote_bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [FIRST + timedelta(days=ahead) for ahead in range(5)]
    paths = [remote_bucket.put(content("regular", day), day, DAILY.name) for day in days]
    source = S3Source(s3_server.endpoint, remote_bucket.path.name, KEY, SECRET)
    listed, fetch = source.list(DAILY), source.fetch
    asked: list[date] = []

    def noted(remote: RemoteFile, destination: Path) -> str:
        asked.append(remote.day)
        return fetch(remote, destination)

    monkeypatch.setattr(source, "list", lambda _: listed)
    monkeypatch.setattr(source, "fetch", noted)
    monkeypatch.setattr("ingest.day.convert", None)
    paths[2].unlink()
    report = ingest(remote_bucket.layout, source, [DAILY])
    assert [item.date for item in report.ingested] == [*days[:2], *days[3:]]
    assert [(item.date, item.reason) for item in report.skipped] == [(days[2], NOT_PUBLISHED)]
    assert report.failed == []
    assert sorted(asked) == days
