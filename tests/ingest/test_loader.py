"""An ingest brings in what is missing, leaves the rest alone, and says so."""

from __future__ import annotations

import gzip
import json
import logging
import os
import time
from collections.abc import Generator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Semaphore
from typing import Any

import polars as pl
import pytest

from ingest import parse
from ingest.convert import ConvertOptions
from ingest.day import Run
from ingest.loader import Portion, ingest
from ingest.memory import Guard, MemoryLimits
from ingest.report import IngestReport, Outcome
from ingest.source import DirectorySource, RemoteFile
from lake.datasets import DATASETS, Dataset, pick
from lake.errors import NotEntitled, SourceUnavailable, UsageError
from lake.layout import Layout
from tests.ingest.conftest import DAY, Bucket, bar, packed

NEXT = date(2024, 6, 11)
STAMP = "1718078400000000000"


def load(bucket: Bucket, *names: str, **options: object) -> IngestReport:
    return ingest(bucket.layout, bucket.source, pick(list(names)), **options)  # type: ignore[arg-type]


def symbols(layout: Layout, day: date = DAY) -> list[str]:
    return pl.read_parquet(layout.bronze(DATASETS["stocks_minute"], day))["symbol"].to_list()


def test_report(bucket: Bucket) -> None:
    content = packed(bar("A"), bar("B", high="1"), bar("C"))
    bucket.put(content)
    bucket.put(packed(header="ticker,volume"), NEXT)
    seen: list[tuple[Outcome, int, int]] = []
    document = load(bucket, on_progress=lambda *facts: seen.append(facts)).as_dict()
    [entry] = document["ingested"]
    assert entry.pop("seconds") >= 0
    assert entry == {
        "dataset": "stocks_minute",
        "date": "2024-06-10",
        "rows": 2,
        "quarantined": 1,
        "bytes": len(content),
    }
    [failure] = document["failed"]
    assert (failure["dataset"], failure["date"]) == ("stocks_minute", "2024-06-11")
    assert "2024-06-11.csv.gz: column open" in failure["error"]
    assert document["skipped"] == []
    assert [(done, total) for _, done, total in seen] == [(1, 2), (2, 2)]
    json.dumps(document)


def test_second_run_is_idle(bucket: Bucket) -> None:
    bucket.put(packed(bar("A")))
    load(bucket)
    before = {path: path.stat().st_mtime_ns for path in bucket.layout.root.rglob("*")}
    assert load(bucket).as_dict() == {
        "ingested": [],
        "skipped": [{"dataset": "stocks_minute", "date": "2024-06-10", "reason": "up_to_date"}],
        "failed": [],
    }
    assert {path: path.stat().st_mtime_ns for path in bucket.layout.root.rglob("*")} == before


def test_restated_file_replaces_the_day(bucket: Bucket) -> None:
    bucket.put(packed(bar("A")))
    load(bucket)
    bucket.put(packed(bar("A"), bar("B")))
    assert [item.rows for item in load(bucket).ingested] == [2]
    assert symbols(bucket.layout) == ["A", "B"]


def test_same_size_but_touched_is_read_again(bucket: Bucket) -> None:
    path = bucket.put(packed(bar("A")))
    load(bucket)
    path.write_bytes(packed(bar("B")))
    os.utime(path, ns=(1, 1))
    load(bucket)
    assert symbols(bucket.layout) == ["B"]


def test_a_file_that_is_only_touched_is_up_to_date(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = bucket.put(packed(bar("A")))
    load(bucket)
    bronze = bucket.layout.bronze(DATASETS["stocks_minute"], DAY)
    before = bronze.read_bytes()
    os.utime(path, ns=(1, 1))
    assert [item.reason for item in load(bucket).skipped] == ["up_to_date"]
    assert bronze.read_bytes() == before
    # The next run does not even read it.
    monkeypatch.setattr(DirectorySource, "fetch", None)
    assert [item.reason for item in load(bucket).skipped] == ["up_to_date"]


def test_bad_day_keeps_bronze_and_does_not_stop_others(bucket: Bucket) -> None:
    bucket.put(packed(bar("A")))
    load(bucket)
    bucket.put(b"not gzip")
    bucket.put(packed(bar("B", stamp=STAMP)), NEXT)
    report = load(bucket)
    assert [item.date for item in report.ingested] == [NEXT]
    assert "not a whole gzip file" in report.failed[0].error
    assert symbols(bucket.layout) == ["A"]
    # Without it the next run fetches the file anew.
    assert not bucket.layout.landing(DATASETS["stocks_minute"], DAY).exists()


def test_what_nobody_thought_of_is_one_days_failure(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put(packed(bar("A")))
    bucket.put(packed(bar("B", stamp=STAMP)), NEXT)
    real = parse.typed

    def surprised(data: bytes, *told: Any) -> Any:
        if b"B," in data:
            raise OverflowError("date value out of range")
        return real(data, *told)

    monkeypatch.setattr(parse, "typed", surprised)
    report = load(bucket)
    assert [item.date for item in report.failed] == [NEXT]
    assert "OverflowError: date value out of range; bronze is as it was" in report.failed[0].error
    assert symbols(bucket.layout) == ["A"]


def test_range_and_data_sets(bucket: Bucket) -> None:
    bucket.put(packed(bar("A")))
    bucket.put(packed(bar("A", stamp=STAMP)), NEXT)
    bucket.put(packed(bar("A")), name="stocks_daily")
    report = load(bucket, "stocks_minute", start=DAY, end=DAY)
    assert [(item.dataset, item.date) for item in report.ingested] == [("stocks_minute", DAY)]


@pytest.mark.parametrize("keep", [True, False])
def test_landing(bucket: Bucket, keep: bool) -> None:
    original = bucket.put(packed(bar("A")))
    load(bucket, keep_landing=keep)
    landed = bucket.layout.landing(DATASETS["stocks_minute"], DAY)
    assert landed.exists() == keep
    assert not keep or landed.read_bytes() == original.read_bytes()
    assert load(bucket, keep_landing=keep).ingested == []


def test_watermarks(bucket: Bucket) -> None:
    bucket.put(packed(bar("A"), bar("B")))
    later = bucket.put(packed(bar("A", stamp="1718164800000000000")), date(2024, 6, 12))
    load(bucket, mode="streaming")
    path = bucket.layout.root / "metadata/stocks/watermarks.json"
    [(name, mark)] = json.loads(path.read_text()).items()
    assert mark.pop("last_updated").endswith("+00:00")
    assert (name, mark) == (
        "stocks_minute",
        {
            "last_processed_date": "2024-06-12",
            "total_records": 3,
            "processing_mode": "streaming",
            "gaps": ["2024-06-11"],
        },
    )
    # A run that was killed left bronze and no word of it; one that finds nothing to do says it.
    stale = {"stocks_minute": mark | {"total_records": 1, "last_updated": "then"}}
    path.write_text(json.dumps(stale))
    load(bucket, mode="batch")
    told = json.loads(path.read_text())["stocks_minute"]
    assert (told["total_records"], told["processing_mode"]) == (3, "batch")
    load(bucket, mode="streaming")
    assert json.loads(path.read_text())["stocks_minute"] == told
    path.write_text("{")
    load(bucket, mode="streaming")
    assert json.loads(path.read_text())["stocks_minute"]["total_records"] == 3
    path.unlink()
    later.unlink()
    load(bucket)
    assert json.loads(path.read_text())["stocks_minute"]["total_records"] == 3


def test_a_file_that_changes_while_it_is_read_is_not_taken(bucket: Bucket, tmp_path: Path) -> None:
    minutes = DATASETS["stocks_minute"]
    bucket.put(packed(bar("A")))
    [listed] = bucket.source.list(minutes)
    bucket.put(packed(bar("A"), bar("B")))
    with pytest.raises(SourceUnavailable, match="changed while it was read; run again"):
        bucket.source.fetch(listed, tmp_path / "landed")
    assert not (tmp_path / "landed").exists()


def test_volumes_of_all_sizes_in_one_file(bucket: Bucket) -> None:
    """The unit of the first slice would not fit the second one's counts."""
    bucket.put(packed(bar("A", volume="1.000000001"), bar("B", volume="10000000000000")))
    assert load(bucket, options=ConvertOptions(slice_bytes=150)).failed == []
    rows = pl.read_parquet(bucket.layout.bronze(DATASETS["stocks_minute"], DAY))
    assert rows["volume"].to_list() == [Decimal("1.000000001"), Decimal(10) ** 13]


class Refusing(DirectorySource):
    """A source whose plan covers the days from `floor` on."""

    def __init__(self, path: Path, floor: date) -> None:
        super().__init__(path)
        self.floor = floor
        self.asked: list[date] = []

    def fetch(self, remote: RemoteFile, destination: Path) -> str:
        self.asked.append(remote.day)
        if remote.day < self.floor:
            raise NotEntitled(f"{remote.key}: the plan does not cover it")
        return super().fetch(remote, destination)


def test_older_days_are_not_asked_for_once_refused(
    bucket: Bucket, caplog: pytest.LogCaptureFixture
) -> None:
    for back in range(20):
        bucket.put(packed(), DAY - timedelta(days=back))
    source = Refusing(bucket.path, DAY - timedelta(days=4))
    report = ingest(bucket.layout, source, [DATASETS["stocks_minute"]], workers=2)
    assert len(report.ingested) == 5
    assert {item.reason for item in report.skipped} == {"not_entitled"}
    assert (len(report.skipped), report.failed) == (15, [])
    assert len(source.asked) <= 5 + 2
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1


class Failing(DirectorySource):
    """A source that cannot list one data set, as told."""

    def __init__(self, path: Path, error: Exception) -> None:
        super().__init__(path)
        self.error = error

    def list(self, dataset: Dataset) -> list[RemoteFile]:
        if dataset.name == "stocks_daily":
            raise self.error
        return super().list(dataset)


@pytest.mark.parametrize(
    ("error", "part"), [(SourceUnavailable("down"), "failed"), (NotEntitled("no"), "skipped")]
)
def test_a_data_set_that_cannot_be_listed(bucket: Bucket, error: Exception, part: str) -> None:
    bucket.put(packed(bar("A")))
    report = ingest(bucket.layout, Failing(bucket.path, error), pick(None))
    assert [item.dataset for item in report.ingested] == ["stocks_minute"]
    [entry] = report.as_dict()[part]
    assert (entry["dataset"], entry["date"]) == ("stocks_daily", None)


def opened(bucket: Bucket) -> Run:
    """What another process has of the same lake."""
    guard = Guard(MemoryLimits(), 1)
    return Run(bucket.layout, bucket.source, ConvertOptions(), True, guard, Semaphore(1))


def test_days_that_nobody_is_left_to_do_can_be_tried_again(bucket: Bucket) -> None:
    bucket.put(packed(bar("A")))
    bucket.put(packed(bar("A", stamp=STAMP)), NEXT)

    def spread(portions: list[Portion]) -> Generator[list[Outcome], None, None]:
        yield opened(bucket).days(*portions[0])
        raise SourceUnavailable("all workers are gone")

    report = load(bucket, spread=spread)
    assert [day.date for day in report.ingested] == [NEXT]
    assert [(day.date, day.error, day.retry) for day in report.failed] == [
        (DAY, "all workers are gone", True)
    ]
    assert [day.date for day in load(bucket).ingested] == [DAY]


@pytest.mark.parametrize("name", ["stocks_daily", "stocks_minute"])
def test_a_day_done_twice_is_reported_as_done(bucket: Bucket, name: str) -> None:
    """As when a worker dies after its last rename, and another does its days again."""
    bucket.put(packed(bar("A"), bar("B", high="1")), DAY, name)
    bucket.put(packed(bar("A", stamp=STAMP)), NEXT, name)

    def spread(portions: list[Portion]) -> Generator[list[Outcome], None, None]:
        for portion in portions:
            opened(bucket).days(*portion)
            yield opened(bucket).days(*portion)

    report = load(bucket, name, spread=spread)
    assert [(day.date, day.rows, day.quarantined) for day in report.ingested] == [
        (DAY, 1, 1),
        (NEXT, 1, 0),
    ]
    assert (report.skipped, report.failed) == ([], [])


def test_wrong_settings_end_the_run(bucket: Bucket) -> None:
    with pytest.raises(UsageError):
        ingest(bucket.layout, Failing(bucket.path, UsageError("key")), pick(None))
    with pytest.raises(UsageError, match="not a folder"):
        DirectorySource(bucket.path / "absent")


def test_a_file_that_vanishes_is_not_published(bucket: Bucket) -> None:
    class Vanishing(DirectorySource):
        def list(self, dataset: Dataset) -> list[RemoteFile]:
            files = super().list(dataset)
            for file in files:
                (self.path / file.key).unlink()
            return files

    bucket.put(packed(bar("A")))
    report = ingest(bucket.layout, Vanishing(bucket.path), pick(["stocks_minute"]))
    assert [item.reason for item in report.skipped] == ["not_published"]


def test_idle_run_over_500_days_is_quick(bucket: Bucket) -> None:
    for back in range(500):
        bucket.put(packed(), DAY - timedelta(days=back), "stocks_daily")
    assert len(load(bucket).ingested) == 500
    began = time.perf_counter()
    assert len(load(bucket).skipped) == 500
    assert time.perf_counter() - began < 1


def test_real_sample(bucket: Bucket, real_sample: Path) -> None:
    source = DirectorySource(real_sample)
    day = DATASETS["options_daily"]
    report = ingest(bucket.layout, source, [day])
    assert report.failed == []
    for file in source.list(day):
        lines = gzip.decompress((real_sample / file.key).read_bytes()).decode().splitlines()
        want = sorted(tuple(line.split(",")) for line in lines[1:])
        bronze = pl.read_parquet(bucket.layout.bronze(day, file.day))
        texts = bronze.select(
            "ticker",
            *(pl.col(name).cast(pl.Float64) for name in ("volume", "open", "close", "high", "low")),
            pl.col("ts").cast(pl.Int64) * 1000,
            "transactions",
        ).rows()
        assert texts == [(row[0], *map(float, row[1:6]), int(row[6]), int(row[7])) for row in want]
