"""The whole chain as a user runs it: flat files in, Qlib out."""

from __future__ import annotations

import gzip
import json
import shutil
from datetime import date
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from lake.catalog import connect
from lake.datasets import DATASETS
from lake.layout import Layout
from tests.conftest import Ran, quantmini
from tests.flows.counts import bronze_rows, csv_rows, silver_rows

DAY = "us_stocks_sip/day_aggs_v1"
HEADER = "ticker,volume,open,close,high,low,window_start,transactions\n"


def test_every_row_reaches_silver(ran: Ran) -> None:
    expected = csv_rows(ran.source)
    assert len(expected) == 100
    assert bronze_rows(ran.layout) == expected
    assert silver_rows(ran.layout) == expected
    ingested = {(day["dataset"], day["date"]): day["rows"] for day in ran.document["ingested"]}
    assert ingested == expected
    assert set(ran.document["gate"]["verdicts"].values()) == {"passed"}
    assert set(ran.document["published"]) == set(DATASETS)
    assert {store["store"] for store in ran.document["gold"]} == {
        "stocks_daily",
        "stocks_minute",
        "options",
    }


def test_a_second_run_has_nothing_to_do_and_starts_no_dbt(ran: Ran) -> None:
    results = (ran.layout.dbt_target / "run_results.json").stat().st_mtime_ns
    process = quantmini(ran.layout.root, "run", "--source", str(ran.source))
    assert process.returncode == 0
    assert process.stdout.startswith("nothing to do")
    assert (ran.layout.dbt_target / "run_results.json").stat().st_mtime_ns == results


@pytest.mark.slow(40)
def test_bad_files_and_rows_stop_nobody_else(ran: Ran, tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(ran.source / DAY, source / DAY)
    paths = sorted((source / DAY).rglob("*.csv.gz"))
    truncated, plain, columnless, crossed, *good = paths
    truncated.write_bytes(truncated.read_bytes()[:-20])
    plain.write_text("this is not gzip")
    columnless.write_bytes(gzip.compress(HEADER.replace("close,", "").encode()))
    lines = gzip.decompress(crossed.read_bytes()).decode().splitlines()
    lines[2] = "BAD,10,5.00,5.00,4.00,6.00," + lines[1].split(",")[6] + ",1"
    crossed.write_bytes(gzip.compress("\n".join(lines).encode()))

    lake = tmp_path / "lake"
    process = quantmini(lake, "run", "stocks_daily", "--source", str(source), "--json")
    document = json.loads(process.stdout)
    assert process.returncode == 1
    failed = {entry["date"]: entry["error"] for entry in document["failed"]}
    assert set(failed) == {path.name[:10] for path in (truncated, plain, columnless)}
    for path in (truncated, plain, columnless):
        assert path.name in failed[path.name[:10]]
    assert "close" in failed[columnless.name[:10]]
    assert len(document["ingested"]) == len(good) + 1
    assert document["gate"]["verdicts"] == {"stocks_daily": "passed"}

    layout = Layout(lake)
    quarantine = layout.quarantine(DATASETS["stocks_daily"], date.fromisoformat(crossed.name[:10]))
    rows = duckdb.sql(f"SELECT ticker, line_number, reason FROM '{quarantine}'").fetchall()
    assert [(ticker, line) for ticker, line, _ in rows] == [("BAD", 3)]
    assert "high" in rows[0][2]
    assert (
        sum(silver_rows_of_day(layout))
        == sum(
            len(gzip.decompress(path.read_bytes()).splitlines()) - 1 for path in [*good, crossed]
        )
        - 1
    )


@pytest.mark.slow
def test_a_broken_file_of_one_data_set_is_told_and_taken_in_once_mended(
    ran: Ran, tmp_path: Path
) -> None:
    """Both layers above bronze do the same each night of tests/flows/test_month.py."""
    source, layout = tmp_path / "source", Layout(tmp_path / "lake")
    options = "us_options_opra/day_aggs_v1"
    for prefix in (DAY, options):
        shutil.copytree(ran.source / prefix, source / prefix)
    broken = max((source / DAY).rglob("*.csv.gz"))
    whole = broken.read_bytes()
    broken.write_bytes(whole[:-20])
    words = ["run", "stocks_daily", "options_daily", "--source", str(source)]
    bronze_only = {"QUANTMINI_PROCESSING__ENABLE_ENRICHMENT": "false"}

    first = quantmini(layout.root, *words, **bronze_only)
    assert first.returncode == 1
    assert f"FAILED stocks_daily {broken.name[:10]}: " in first.stdout
    assert "stocks_daily: 24 days" in first.stdout
    assert "options_daily: 25 days" in first.stdout

    broken.write_bytes(whole)
    second = quantmini(layout.root, *words, **bronze_only)
    assert second.returncode == 0, second.stdout + second.stderr
    assert "stocks_daily: 1 days" in second.stdout
    assert "FAILED" not in second.stdout
    expected = csv_rows(source)
    assert len(expected) == 50
    assert bronze_rows(layout) == expected


def silver_rows_of_day(layout: Layout) -> list[int]:
    with connect(layout, "1GB", 2) as lake:
        counts = lake.sql("SELECT count(*) FROM silver.stocks_daily GROUP BY date").fetchall()
    return [rows for (rows,) in counts]


def test_a_run_ends_where_the_settings_say(ran: Ran, tmp_path: Path) -> None:
    source, layout = tmp_path / "source", Layout(tmp_path / "lake")
    shutil.copytree(ran.source / DAY, source / DAY)
    process = quantmini(
        layout.root,
        *("run", "stocks_daily", "--source", str(source)),
        QUANTMINI_PROCESSING__ENABLE_ENRICHMENT="false",
        QUANTMINI_PARQUET__COMPRESSION="snappy",
        QUANTMINI_PARQUET__ROW_GROUP_ROWS="1024",
    )
    assert process.returncode == 0, process.stderr
    assert "silver: switched off" in process.stdout
    assert "gold: switched off" in process.stdout
    assert not layout.catalog.exists()
    assert not (layout.root / "gold").exists()
    for path in layout.bronze_files(DATASETS["stocks_daily"]).values():
        assert pq.ParquetFile(path).metadata.row_group(0).column(3).compression == "SNAPPY"
