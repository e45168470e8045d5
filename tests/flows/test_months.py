"""Backfills: month by month, in any order, broken off and gone on with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows import ingesting
from flows import months as module
from flows.gate import Gate
from flows.months import months, run_months
from flows.progress import call
from flows.request import Request
from flows.summary import has_failed, of_backfill
from ingest.source import DirectorySource, RemoteFile
from lake.datasets import DATASETS, Dataset, pick
from lake.errors import SourceUnavailable, UsageError
from lake.lock import writing
from lake.settings import Settings
from lake.settings.lake import Lake
from lake.settings.processing import Processing
from tests.conftest import Ran
from tests.flows.counts import bronze_rows

DAYS = st.dates(date(2003, 9, 10), date(2030, 12, 31))


@given(DAYS, st.integers(0, 800))
def test_months_cover_the_range_once(start: date, length: int) -> None:
    end = start + timedelta(days=length)
    parts = months(start, end)
    days = [
        first + timedelta(days=n) for first, last in parts for n in range((last - first).days + 1)
    ]
    assert days == [start + timedelta(days=n) for n in range(length + 1)]
    assert all((a.year, a.month) == (b.year, b.month) for a, b in parts)
    assert len({(a.year, a.month) for a, _ in parts}) == len(parts)


def request(lake: Path, source: Path, *names: str, bronze_only: bool = True) -> Request:
    """A backfill of the market's two months."""
    processing = Processing(enable_enrichment=not bronze_only)
    settings = Settings(lake=Lake(root=lake), processing=processing)
    start, end = date(2024, 4, 10), date(2024, 6, 30)
    return Request(settings, pick(list(names)), str(source), start, end, "backfill")


def test_bronze_of_all_data_sets_is_that_of_one_run(ran: Ran, tmp_path: Path) -> None:
    asked = request(tmp_path, ran.source)
    seen: list[tuple[int, int, str]] = []
    document = run_months(asked, on_month=lambda *month: seen.append(month))
    assert seen == [(1, 3, "2024-04"), (2, 3, "2024-05"), (3, 3, "2024-06")]
    assert document["months"] == {"done": ["2024-04", "2024-05", "2024-06"], "left": []}
    keys = [(day["dataset"], day["date"], day["rows"]) for day in document["ingested"]]
    assert keys == [(day["dataset"], day["date"], day["rows"]) for day in ran.document["ingested"]]
    assert bronze_rows(asked.layout) == bronze_rows(ran.layout)
    again = run_months(asked)
    assert again["ingested"] == again["failed"] == []
    assert {day["reason"] for day in again["skipped"]} == {"up_to_date", "not_published"}
    skipped = [(day["dataset"], day["date"]) for day in again["skipped"]]
    assert skipped == sorted(set(skipped))


def test_months_in_any_order_and_a_free_lake_between_them(ran: Ran, tmp_path: Path) -> None:
    asked = request(tmp_path, ran.source, "stocks_daily")
    late, early = replace(asked, start=date(2024, 6, 1)), replace(asked, end=date(2024, 5, 31))

    def write(_done: int, _total: int, _month: str) -> None:
        with writing(asked.layout):
            pass

    assert len(run_months(late, on_month=write)["ingested"]) == 3
    assert len(run_months(early, on_month=write)["ingested"]) == 22
    assert len(asked.layout.bronze_files(DATASETS["stocks_daily"])) == 25


class Leaving(DirectorySource):
    """A source that answers some listings, then none."""

    answers = 2

    def list(self, dataset: Dataset) -> list[RemoteFile]:
        if self.answers == 0:
            raise SourceUnavailable("no answer; run again later")
        Leaving.answers -= 1
        return super().list(dataset)


def test_a_source_that_goes_away_ends_it_and_the_next_goes_on(
    ran: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = request(tmp_path, ran.source, "stocks_daily")
    monkeypatch.setattr(ingesting, "DirectorySource", Leaving)
    document = run_months(asked)
    assert document["months"] == {"done": ["2024-04", "2024-05"], "left": ["2024-06"]}
    assert document["failed"] == [
        {
            "dataset": "stocks_daily",
            "date": None,
            "error": "no answer; run again later",
            "retry": True,
        }
    ]
    assert "STOPPED before 2024-06" in of_backfill(document)
    monkeypatch.undo()
    document = run_months(asked)
    assert (len(document["ingested"]), document["months"]["left"]) == (3, [])
    assert document["failed"] == []


def test_a_range_is_needed(tmp_path: Path) -> None:
    asked = replace(request(tmp_path, tmp_path), end=None)
    with pytest.raises(UsageError, match="--end"):
        run_months(asked)


def test_stages_of_a_backfill_and_what_is_left_of_their_outcomes(
    ran: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silver is built when enough days wait and at the end, gold at the end."""
    monkeypatch.setattr(module, "BUILD_ROWS", 1)
    steps: list[str] = []
    held: list[str] = []
    written = [{"dataset": "stocks_daily", "rows": 3, "bytes": 9, "seconds": 0.1}]
    gates = [
        Gate(
            {"stocks_daily": "failed", "stocks_weekly": "failed"},
            [{"dataset": "stocks_daily"}, {"dataset": "stocks_weekly"}],
            written=written,
        ),
        Gate({"stocks_daily": "passed"}, written=written),
    ]

    def noted(name: str, function: Any, *arguments: Any) -> Any:
        steps.append(name)
        assert held == ["slot"]
        return call(name, function, *arguments)

    @contextmanager
    def slot() -> Iterator[None]:
        held.append("slot")
        yield
        held.clear()

    monkeypatch.setattr(module, "transform_stage", lambda *_: gates.pop(0))
    monkeypatch.setattr(
        module, "export_stage", lambda *_: [{"store": "stocks_daily", "skipped": True}]
    )
    asked = request(tmp_path, ran.source, "stocks_daily", bronze_only=False)
    document = run_months(asked, noted, slot)
    assert steps == [
        "ingest 2024-04",
        "ingest 2024-05",
        "transform 2024-05",
        "ingest 2024-06",
        "transform 2024-06",
        "export 2024-06",
    ]
    assert document["gate"]["verdicts"] == {"stocks_daily": "passed"}
    assert document["gate"]["failures"] == []
    assert document["gate"]["written"] == written * 2
    assert document["gold"] == [{"store": "stocks_daily", "skipped": True}]
    assert not has_failed(document)
