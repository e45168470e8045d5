"""A month of nights with all that goes wrong in one ends as one backfill of the final bucket."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows import ingesting
from flows.chain import run_chain
from flows.months import run_months
from flows.request import Request
from flows.summary import has_failed
from gold_export.versions import STATE
from ingest.source import DirectorySource, RemoteFile
from lake import catalog
from lake.datasets import DATASETS, Dataset, pick
from lake.errors import SourceUnavailable
from lake.layout import Layout
from lake.settings import Settings
from lake.settings.lake import Lake
from lake.settings.processing import Processing
from tests.conftest import Ran
from tests.dbt_project.bronze import published_splits, write_splits
from tests.gold_export.conftest import contents

NAMES = ["stocks_daily", "options_daily"]
NIGHTS = [day for n in range(31) if (day := date(2024, 5, 1 + n)).weekday() < 5]
HOLIDAY = date(2024, 5, 27)
OUTAGE = [date(2024, 5, 16), date(2024, 5, 17)]
# Options of one day come nights later, stocks of another are republished, those of a third broken.
LATE, ARRIVED = date(2024, 5, 7), date(2024, 5, 13)
REPLACED, FINAL = date(2024, 5, 6), date(2024, 5, 15)
BROKEN, MENDED = date(2024, 5, 21), date(2024, 5, 23)
# The nights that go beyond bronze, between them all events: a dbt of its own costs ten seconds.
WHOLE = [date(2024, 5, 9), date(2024, 5, 31)]


class Away(DirectorySource):
    """A source that does not answer."""

    def list(self, dataset: Dataset) -> list[RemoteFile]:
        raise SourceUnavailable("no answer; run again later")


def draft(final: bytes) -> bytes:
    """A file as it is before the vendor corrects it: a row less, another volume."""
    header, first, *rest, _ = gzip.decompress(final).decode().splitlines(keepends=True)
    symbol, volume, values = first.split(",", 2)
    text = "".join([header, f"{symbol},1{volume},{values}", *rest])
    return gzip.compress(text.encode(), mtime=0)


# Data set, day and the night of the final file → what is there until then.
UNTIL: dict[tuple[str, date, date], Callable[[bytes], bytes | None]] = {
    ("options_daily", LATE, ARRIVED): lambda _: None,
    ("stocks_daily", REPLACED, FINAL): draft,
    ("stocks_daily", BROKEN, MENDED): lambda final: final[:-20],
}


def publish(market: Path, bucket: Path, night: date) -> None:
    """Bring the bucket to what the vendor has that night; what stays the same is not touched."""
    for name in NAMES:
        for source in (market / DATASETS[name].prefix).rglob("*.csv.gz"):
            day, target = date.fromisoformat(source.name[:10]), bucket / source.relative_to(market)
            content: bytes | None = source.read_bytes()
            for (of, on, until), before in UNTIL.items():
                if (of, on) == (name, day) and night < until:
                    content = before(source.read_bytes())
            if day > night or content is None:
                continue
            if not target.exists() or target.read_bytes() != content:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)


def request(lake: Path, source: Path, *, whole: bool = True) -> Request:
    processing = Processing(enable_enrichment=whole)
    settings = Settings(lake=Lake(root=lake), processing=processing)
    return Request(settings, pick(NAMES), str(source))


def layers(layout: Layout) -> dict[str, Any]:
    """Bronze and published silver by rows, marts likewise, gold by bytes."""
    found: dict[str, Any] = {}
    for name in NAMES:
        for day, path in layout.bronze_files(DATASETS[name]).items():
            found[f"bronze {name} {day}"] = pl.read_parquet(path).rows()
    with catalog.connect(layout, "1GB", 2) as connection:
        for table in catalog.tables(layout):
            rows = connection.sql(f"FROM silver.{table} ORDER BY ALL").fetchall()
            found[f"silver {table}"] = rows
    found |= {f"mart {path.stem}": pl.read_parquet(path).rows() for path in layout.marts()}
    for store in ("stocks_daily", "options"):
        for file, content in contents(layout.gold(store)).items():
            if file != STATE:
                found[f"gold {store} {file}"] = content
    return found


def seen(document: dict[str, Any]) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Data sets and days that were ingested, and that failed."""
    return tuple(  # type: ignore[return-value]
        {(item["dataset"], item["date"]) for item in document[part]}
        for part in ("ingested", "failed")
    )


@pytest.mark.slow(80)
def test_a_month_of_nights_ends_as_one_backfill(
    ran: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every night is a nightly run, but only two go beyond bronze, for the time that dbt takes.

    The first builds silver without the late day and with the draft; the second takes in what came
    late, what was replaced, what an outage held up, the mended file and a split of the past.
    """
    market, bucket, lake = ran.source, tmp_path / "bucket", tmp_path / "lake"
    told = {}
    for night in NIGHTS:
        publish(market, bucket, night)
        if night == MENDED:
            write_splits(lake, published_splits(market))
        monkeypatch.setattr(
            ingesting, "DirectorySource", Away if night in OUTAGE else DirectorySource
        )
        told[night] = run_chain(request(lake, bucket, whole=night in WHOLE))
        assert has_failed(told[night]) == (night in OUTAGE or BROKEN <= night < MENDED), night
    assert_told(told)

    final = request(tmp_path / "at-once", bucket)
    write_splits(final.layout.root, published_splits(market))
    document = run_months(replace(final, start=NIGHTS[0], end=NIGHTS[-1], command="backfill"))
    assert not has_failed(document)
    grown, built = layers(Layout(lake)), layers(final.layout)
    assert sorted(grown) == sorted(built)
    assert [name for name in built if grown[name] != built[name]] == []
    days = len(NIGHTS) - 1
    assert [len(Layout(lake).bronze_files(dataset)) for dataset in pick(NAMES)] == [days, days]


def assert_told(told: dict[date, dict[str, Any]]) -> None:
    """Each event is in the report of its nights."""
    both = {night: {(name, str(night)) for name in NAMES} for night in NIGHTS}
    late, replaced = ("options_daily", str(LATE)), ("stocks_daily", str(REPLACED))
    broken = ("stocks_daily", str(BROKEN))
    expected: dict[date, tuple[set[Any], set[Any]]] = {
        night: (both[night], set()) for night in NIGHTS
    }
    expected[LATE] = (both[LATE] - {late}, set())
    expected[ARRIVED] = (both[ARRIVED] | {late}, set())
    expected[FINAL] = (both[FINAL] | {replaced}, set())
    for night in OUTAGE:
        expected[night] = (set(), {(name, None) for name in NAMES})
    after = date(2024, 5, 20)
    expected[after] = (set().union(*(both[night] for night in (*OUTAGE, after))), set())
    expected[BROKEN] = (both[BROKEN] - {broken}, {broken})
    expected[BROKEN + timedelta(days=1)] = (both[BROKEN + timedelta(days=1)], {broken})
    expected[MENDED] = (both[MENDED] | {broken}, set())
    expected[HOLIDAY] = (set(), set())
    assert {night: seen(document) for night, document in told.items()} == expected
    skipped = told[LATE + timedelta(days=1)]["skipped"]
    reasons = {(item["dataset"], item["date"]): item["reason"] for item in skipped}
    assert reasons[late] == "not_published"
    for night in WHOLE:
        assert set(told[night]["gate"]["verdicts"].values()) == {"passed"}
        gold = {item["store"]: item for item in told[night]["gold"]}
        # A late day restates most contracts, and their store is then written whole.
        assert gold["stocks_daily"]["incremental"] == (night != WHOLE[0])
