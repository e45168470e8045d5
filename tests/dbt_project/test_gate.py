"""Write, audit, publish: what fails its tests is not served."""

from __future__ import annotations

import random
import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from flows import summary
from flows.transform import transform
from ingest.bronze import FOOTER_KEY
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
    # A session is missing between the two, and the second has one instrument of four less.
    for day in (DAYS[0], DAYS[2]):
        write_day(tmp_path, "stocks_daily", day, seed=1)
    alone = ("build", "--exclude-resource-type", "unit_test", "--select", "+stocks_daily")
    # A batch a date: keys are looked at date by date too.
    assert dbt(tmp_path, *alone, batch_rows=1).returncode == 0
    assert dbt.names("test", "warn") == {
        "enough_instruments_stocks_daily_stocks_daily__0_8",
        "no_missing_session_stocks_daily_stocks_daily",
    }
    before = published(Layout(tmp_path))
    # dbt's own command, though no other data set is in this lake.
    run = dbt(tmp_path, "test", batch_rows=1)
    assert run.returncode == 0, run.stdout
    assert published(Layout(tmp_path)) == before
    with attached(tmp_path, read_only=False) as lake:
        table = "lake.silver.stocks_daily"
        lake.execute(f"UPDATE {table} SET high = low - 1, volume = -1, alpha_daily = 'nan'")
        one = f"FROM {table} WHERE date = '{DAYS[2]}' LIMIT 1"
        lake.execute(f"INSERT INTO {table} {one}; INSERT INTO {table} {one}")
        lake.execute(f"INSERT INTO {table} BY NAME SELECT 'ZZZ' AS symbol")
    run = dbt(tmp_path, "test", batch_rows=1)
    assert run.returncode == 1
    for test in ("ohlc_order", "volume_not_negative", "finite_features"):
        assert f"stocks_daily_{test}" in run.stdout
    assert "matches_bronze_stocks_daily" in run.stdout
    assert re.search(r"unique_key_stocks_daily_symbol__date\b.*\n.*Got 2 results", run.stdout)
    assert published(Layout(tmp_path)) == before
    with attached(tmp_path, read_only=False) as lake:
        lake.execute(f"DROP TABLE {table}")
    run = dbt(tmp_path, "test", "--select", "stocks_daily_ohlc_order")
    assert "stocks_daily is published and not in the lake" in run.stdout


@pytest.mark.slow(140)
def test_a_price_of_too_many_decimals_is_named_and_never_rounded(tmp_path: Path, dbt: Dbt) -> None:
    layout, dataset = Layout(tmp_path), DATASETS["stocks_daily"]
    for day in DAYS[:2]:
        write_day(tmp_path, "stocks_daily", day)
    path = layout.bronze(dataset, DAYS[1])
    finer = pl.col("open").cast(pl.Decimal(18, 7)) + pl.lit(Decimal("0.0000001"))
    footer = pl.read_parquet_metadata(path)[FOOTER_KEY]
    pl.read_parquet(path).with_columns(finer).write_parquet(path, metadata={FOOTER_KEY: footer})
    run = dbt(tmp_path, "run", "--select", "+stocks_daily")
    assert run.returncode == 1
    assert path.name in run.stdout, run.stdout
    assert silver(tmp_path).get("stocks_daily", []) == []
    assert published(layout) == {}


def written(root: Path) -> int:
    """How often anything was committed to the lake."""
    with attached(root, read_only=True) as lake:
        [(snapshots,)] = lake.sql("SELECT count(*) FROM ducklake_snapshots('lake')").fetchall()
    return int(snapshots)


@pytest.mark.slow(140)
def test_killed_builds_converge(tmp_path: Path, dbt: Dbt) -> None:
    """Killed while it writes, at another place each time; readers see what was published before."""
    name, chance = "stocks_daily", random.Random(3)
    days = [date(2024, 1, day) for day in range(2, 13)]
    build = ("build", "--exclude-resource-type", "unit_test", "--select", f"@{name}")
    for day in days[:4]:
        write_day(tmp_path, name, day)
    assert dbt(tmp_path, *build).returncode == 0
    interrupted = 0
    for first, last in ((4, 8), (8, 10)):
        for day in days[first:last]:
            write_day(tmp_path, name, day)
        before = written(tmp_path)
        process = dbt.start(tmp_path, *build, batch_rows=4)
        commits = before + chance.randint(1, 4)
        while process.is_alive() and written(tmp_path) < commits:
            process.join(0.05)
        interrupted += process.is_alive()
        process.kill()
        process.join()
        assert served(tmp_path, name) == days[:4]
    assert interrupted == 2
    write_day(tmp_path, name, days[10])
    assert dbt(tmp_path, *build).returncode == 0
    assert served(tmp_path, name) == days
    grown = silver(tmp_path)
    untested = ("--full-refresh", "--exclude-resource-type", "test")
    assert dbt(tmp_path, *build, *untested).returncode == 0
    assert grown == silver(tmp_path)


@pytest.mark.slow(140)
def test_unit_tests_of_the_models(tmp_path: Path, dbt: Dbt) -> None:
    dbt.build(tmp_path, "metadata", "--exclude-resource-type", "test")
    assert dbt.results("unit_test") == {"pass": 10}
