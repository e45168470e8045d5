"""`quantmini status` says what is stale, unpublished or unadjusted."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

from flows.status import status, words
from lake.datasets import DATASETS
from lake.layout import Layout
from lake.profile import limits
from tests.conftest import Ran, quantmini
from tests.dbt_project.bronze import write_day, write_dividends, write_splits

# The market of `ran` ends on Wednesday 2024-06-05.
THURSDAY_EVENING = datetime(2024, 6, 6, 18, tzinfo=UTC)
MONDAY_EVENING = datetime(2024, 6, 10, 18, tzinfo=UTC)


def test_a_fresh_lake_is_healthy(ran: Ran) -> None:
    found = status(ran.layout, limits(), "splits_and_dividends", THURSDAY_EVENING)
    assert found["healthy"], found["problems"]
    for facts in found["pipeline"]["datasets"].values():
        assert facts["days"] == 25
        assert facts["published_through"] == facts["last_date"] == date(2024, 6, 5)
        assert facts["sessions_behind"] == 0
    assert found["storage"]["bronze"]["files"] == 100
    assert found["storage"]["silver"]["bytes"] > 0
    assert "prices unadjusted; see `quantmini reference sync`" in words(found)


def test_sessions_are_counted_not_days(ran: Ran) -> None:
    found = status(ran.layout, limits(), "none", MONDAY_EVENING)
    assert not found["healthy"]
    # Thursday and Friday; Monday's files come on Tuesday.
    assert {facts["sessions_behind"] for facts in found["pipeline"]["datasets"].values()} == {2}
    assert "PROBLEM stocks_daily: 2 sessions behind, bronze ends 2024-06-05" in words(found)


def test_unpublished_days_are_a_problem(tmp_path: Path) -> None:
    write_day(tmp_path, "stocks_daily", date(2024, 6, 5))
    write_splits(tmp_path, {})
    write_dividends(tmp_path, {})
    found = status(Layout(tmp_path), limits(), "splits", THURSDAY_EVENING)
    assert found["pipeline"]["prices"] == "adjusted"
    (problem,) = found["problems"]
    assert problem.startswith("stocks_daily: published through None, bronze ends 2024-06-05")


def test_an_empty_lake_by_the_command(tmp_path: Path) -> None:
    process = quantmini(tmp_path / "none", "status", "--json")
    assert process.returncode == 1
    document = json.loads(process.stdout)
    assert {"timestamp", "system", "pipeline", "storage"} <= set(document)
    assert set(document["pipeline"]["datasets"]) == set(DATASETS)
    assert "nothing is ingested" in document["problems"][0]
    assert not (tmp_path / "none").exists()
