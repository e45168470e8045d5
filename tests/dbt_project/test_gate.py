"""Write, audit, publish: what fails its tests is not served (DESIGN.md section 3)."""

from __future__ import annotations

import random
import re
import time
from datetime import date
from pathlib import Path

import pytest

from flows import summary
from flows.transform import transform
from lake.catalog import connect, published
from lake.datasets import DATASETS, pick
from lake.layout import Layout
from lake.profile import limits
from tests.dbt_project.bronze import attached, silver, write_day
from tests.dbt_project.conftest import Dbt

DAYS = [date(2024, 1, day) for day in (2, 3, 4)]


def served(root: Path, name: str) -> list[date]:
    """The days that a query sees."""
    with connect(Layout(root), "1GB", 2) as lake:
        sql = f"SELECT DISTINCT date FROM silver.{name} ORDER BY date"
        return [day for (day,) in lake.sql(sql).fetchall()]


@pytest.mark.slow(140)
def test_a_failed_gate_keeps_yesterday_in_service(tmp_path: Path) -> None:
    layout, bounds = Layout(tmp_path), limits()
    both = pick(["stocks_daily", "options_minute"])
    for dataset in both:
        for day in DAYS[:2]:
            write_day(tmp_path, dataset.name, day)
    assert transform(layout, bounds, both, {}).passed
    before = published(layout)

    write_day(tmp_path, "stocks_daily", DAYS[2], spread=-0.05)
    write_day(tmp_path, "options_minute", DAYS[2])
    # The second time nothing is new in silver, and the verdict stands all the same.
    for _ in range(2):
        gate = transform(layout, bounds, both, {})
        assert gate.verdicts["stocks_daily"] == "failed"
        assert published(layout)["stocks_daily"] == before["stocks_daily"]
        assert served(tmp_path, "stocks_daily") == DAYS[:2]
    text = summary.of_gate({"gate": vars(gate)})
    assert "FAILED stocks_daily stocks_daily_ohlc_order: Got 4 results" in text
    (rows,) = [failure["rows"] for failure in gate.failures]
    assert f"quantmini query \"FROM '{rows}'\"" in text
    with connect(layout, "1GB", 2) as lake:
        assert lake.sql(f"SELECT DISTINCT date FROM '{rows}'").fetchall() == [(DAYS[2],)]
    assert "stay at their last published snapshot" in text
    assert served(tmp_path, "options_minute") == DAYS

    write_day(tmp_path, "stocks_daily", DAYS[2], seed=1)
    assert transform(layout, bounds, pick(["stocks_daily"]), {}).verdicts == {
        "stocks_daily": "passed"
    }
    assert served(tmp_path, "stocks_daily") == DAYS


@pytest.mark.slow(140)
def test_rows_written_past_the_models_are_audited_too(tmp_path: Path, dbt: Dbt) -> None:
    for day in DAYS[:2]:
        write_day(tmp_path, "stocks_daily", day)
    alone = ("build", "--exclude-resource-type", "unit_test", "--select", "+stocks_daily")
    # A batch a date: keys are looked at date by date too.
    assert dbt(tmp_path, *alone, batch_rows=1).returncode == 0
    before = published(Layout(tmp_path))
    run = dbt(tmp_path, "test", "--select", "stocks_daily", batch_rows=1)
    assert run.returncode == 0, run.stdout
    with attached(tmp_path, read_only=False) as lake:
        table = "lake.silver.stocks_daily"
        lake.execute(f"UPDATE {table} SET high = low - 1")
        one = f"FROM {table} WHERE date = '{DAYS[1]}' LIMIT 1"
        lake.execute(f"INSERT INTO {table} {one}; INSERT INTO {table} {one}")
        lake.execute(f"INSERT INTO {table} BY NAME SELECT 'ZZZ' AS symbol")
    run = dbt(tmp_path, "test", "--select", "stocks_daily", batch_rows=1)
    assert run.returncode == 1
    assert "stocks_daily_ohlc_order" in run.stdout
    assert re.search(r"unique_key_stocks_daily_symbol__date\b.*\n.*Got 2 results", run.stdout)
    assert published(Layout(tmp_path)) == before


@pytest.mark.slow(140)
def test_killed_builds_converge(tmp_path: Path, dbt: Dbt) -> None:
    chance = random.Random(3)
    days = [date(2024, 1, day) for day in range(2, 14)]
    for name in DATASETS:
        for day in days[:-1]:
            write_day(tmp_path, name, day)
    build = ("build", "--exclude-resource-type", "unit_test", "--select")
    for _ in range(4):
        process = dbt.start(tmp_path, *build, "silver", batch_rows=40)
        time.sleep(chance.uniform(1, 8))
        process.kill()
        process.join()
        for name in published(Layout(tmp_path)):
            assert served(tmp_path, name) == days[:-1]
    for name in DATASETS:
        write_day(tmp_path, name, days[-1])
    dbt.build(tmp_path)
    grown = silver(tmp_path)
    dbt.build(tmp_path, "--full-refresh", "--exclude-resource-type", "test", "unit_test")
    assert grown == silver(tmp_path)
