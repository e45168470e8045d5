"""The facts of the report are those of the files and tables."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from flows.report.bars import bars
from flows.report.calendars import years
from flows.report.chain import chain
from flows.report.coverage import Day
from flows.report.gather import Facts
from lake import records
from lake.catalog import connect
from lake.datasets import DATASETS
from lake.errors import NotBuilt, UsageError
from lake.layout import Layout
from tests.conftest import Ran, quantmini
from tests.flows.counts import bronze_rows
from tests.flows.report.conftest import facts_of

DAILY = DATASETS["stocks_daily"]


def by_date(facts: Facts, name: str) -> dict[str, Day]:
    return {str(day.date): day for day in facts.coverage[name]}


def rewrite(path: Path, rows: int) -> None:
    """Another version of a bronze day, with its first rows only."""
    pl.read_parquet(path).head(rows).write_parquet(path)


def test_rows_and_bytes(ran: Ran, facts: Facts) -> None:
    rows = {
        (name, str(day.date)): day.rows for name, days in facts.coverage.items() for day in days
    }
    assert rows == bronze_rows(ran.layout)
    assert {day.state for days in facts.coverage.values() for day in days} == {"complete"}
    for name, forms in facts.forms.items():
        files = ran.layout.bronze_files(DATASETS[name]).values()
        source = list((ran.source / DATASETS[name].prefix).rglob("*.csv.gz"))
        assert forms.bronze == sum(path.stat().st_size for path in files)
        assert forms.gz == sum(path.stat().st_size for path in source)
        assert forms.csv is not None and forms.csv > 2 * forms.gz
        assert forms.silver is not None and forms.silver > 0


def test_bars_and_chain(ran: Ran, facts: Facts) -> None:
    assert facts.bars and facts.chain
    with connect(ran.layout, "1GB", 2) as lake:
        [(symbol,)] = lake.sql("""SELECT symbol FROM silver.stocks_daily WHERE date > '2024-05-06'
            GROUP BY 1 ORDER BY sum(close::DOUBLE * volume::DOUBLE) DESC LIMIT 1""").fetchall()
        closes = lake.sql(f"""SELECT date, close::DOUBLE FROM silver.stocks_daily
            WHERE symbol = '{symbol}' ORDER BY date""").fetchall()
        contracts = lake.sql(f"""SELECT expiration_date, strike_price::DOUBLE, contract_type,
                close::DOUBLE, volume::DOUBLE FROM silver.options_daily
            WHERE underlying = '{facts.chain.underlying}' AND date = '2024-06-05'""").fetchall()
    assert facts.bars.symbol == symbol
    assert [(bar["date"], bar["close"]) for bar in facts.bars.days] == closes
    assert facts.bars.adjustment == "none"
    shown = [
        (row["expiration_date"], row["strike"], side, row[f"{side}_close"], row[f"{side}_volume"])
        for row in facts.chain.strikes
        for side in ("call", "put")
        if row[f"{side}_close"] is not None
    ]
    assert sorted(shown) == sorted(contracts)


def test_every_state_and_its_reason(copy: Layout) -> None:
    gone, short, thin = date(2024, 5, 8), date(2024, 5, 21), date(2024, 5, 31)
    copy.bronze(DAILY, gone).unlink()
    rows = pl.read_parquet(copy.bronze(DAILY, short)).height
    rewrite(copy.bronze(DAILY, short), rows - 1)
    rewrite(copy.bronze(DAILY, thin), 2)
    shutil.copy(copy.bronze(DAILY, thin), copy.bronze(DAILY, date(2024, 6, 1)))
    rejected = copy.quarantine(DAILY, date(2024, 6, 3))
    rejected.parent.mkdir(parents=True)
    pl.DataFrame({"reason": ["negative price"] * 3}).write_parquet(rejected)

    days = by_date(facts_of(copy), "stocks_daily")
    assert days["2024-05-08"].state == "missing"
    assert days["2024-05-08"].reasons == "no file in bronze; published, but gone from bronze"
    assert days["2024-05-21"].state == "partial"
    assert days["2024-05-21"].reasons == f"{rows} rows published, {rows - 1} in bronze"
    assert days["2024-05-31"].state == "partial"
    assert "% of the mean of the 20 days before" in days["2024-05-31"].reasons
    assert days["2024-06-01"].state == "partial"
    assert days["2024-06-01"].reasons.startswith("the exchange was closed; not published")
    assert (days["2024-06-03"].state, days["2024-06-03"].rejected) == ("quarantined", 3)
    assert days["2024-06-04"].state == "complete"
    assert "2024-05-27" not in days  # Memorial Day


def test_days_that_are_due_are_missing(copy: Layout) -> None:
    for day in (date(2024, 6, 4), date(2024, 6, 5)):
        copy.bronze(DAILY, day).unlink()
    days = by_date(facts_of(copy), "stocks_daily")
    assert [days[day].state for day in ("2024-06-04", "2024-06-05")] == ["missing", "missing"]


def test_the_calendar_shows_each_weekday_once(facts: Facts) -> None:
    [year] = years(facts.coverage["stocks_daily"])
    assert [month.name for month in year.months] == ["May", "Jun"]
    may, june = ([cell.kind for cell in month.cells] for month in year.months)
    # From Wednesday the first: 23 weekdays, one of them Memorial Day.
    assert may == ["", "", *"ccc", *"ccccc" * 3, *"hcccc"]
    assert june == [*"ccc", "", ""]
    assert year.months[0].label == "May 2024: 22 sessions, 22 complete"
    assert year.months[0].cells[20].text == "Mon 27 May 2024: exchange closed"


def test_stocks_alone(copy: Layout) -> None:
    served = json.loads(copy.published.read_text())
    stocks = {name: entry for name, entry in served.items() if "options" not in name}
    copy.published.write_text(json.dumps(stocks))
    for name in ("options_daily", "options_minute"):
        shutil.rmtree(copy.bronze_folder(DATASETS[name]))
    facts = facts_of(copy)
    assert facts.chain is None and facts.bars is not None
    assert set(facts.coverage) == {"stocks_daily", "stocks_minute"}
    with pytest.raises(UsageError, match="no options_daily is published"):
        facts_of(copy, underlying="QUAD")


def test_bronze_alone(copy: Layout) -> None:
    copy.published.unlink()
    facts = facts_of(copy)
    assert facts.bars is None and facts.chain is None
    assert {day.reasons for day in facts.coverage["options_minute"]} == {"not published"}


def test_a_catalog_that_cannot_be_read(copy: Layout) -> None:
    copy.catalog.write_bytes(b"no database")
    facts = facts_of(copy)
    assert facts.bars is None
    assert any("is damaged" in problem for problem in facts.status["problems"])
    assert {day.state for day in facts.coverage["stocks_daily"]} == {"partial"}


def test_a_damaged_file_is_named(copy: Layout) -> None:
    copy.bronze(DAILY, date(2024, 5, 8)).write_bytes(b"PAR1 no more")
    days = by_date(facts_of(copy), "stocks_daily")
    assert days["2024-05-08"].state == "partial"
    assert days["2024-05-08"].reasons == "the bronze file cannot be read"
    assert days["2024-05-09"].state == "complete"


def test_records(copy: Layout) -> None:
    # Slow enough to come before whatever other tests asked of the shared lake.
    for seconds, cache in ((500, "miss"), (100, "hit"), (100, "hit"), (2000, "miss")):
        record = {"sql": f"SELECT {seconds}", "seconds": seconds, "rows": 1, "cache": cache}
        records.append(copy, "queries", record)
    facts = facts_of(copy)
    slowest = [query["sql"] for query in facts.queries][:3]
    assert slowest == ["SELECT 2000", "SELECT 500", "SELECT 100"]
    # Others may have run on the shared lake, with nothing to do.
    assert ("run", 100, set(DATASETS)) in [
        (run["command"], run["days"], set(run["gate"])) for run in facts.runs
    ]
    whole = {record["stage"] for record in facts.stages if "dataset" not in record}
    assert {"ingest", "transform", "export"} <= whole


def test_names_without_bars(ran: Ran) -> None:
    with connect(ran.layout, "1GB", 2) as lake:
        with pytest.raises(UsageError, match=r"no bars of symbol QUAF .*closest: QUAD"):
            bars(lake, "QUAF", "splits", factors=True)
        with pytest.raises(UsageError, match=r"no bars of symbol x' OR"):
            bars(lake, "x' OR '1'='1", "none", factors=False)
        with pytest.raises(UsageError, match=r"no bars of underlying QUA .*closest: QUAD"):
            chain(lake, "QUA", None, stocks=True)
        with pytest.raises(UsageError, match="options_daily is from 2024-05-01 to 2024-06-05"):
            chain(lake, None, date(2020, 1, 2), stocks=True)
        with pytest.raises(UsageError, match=r"no bars of underlying QUAD .*2020-01-02"):
            chain(lake, "QUAD", date(2020, 1, 2), stocks=True)


def test_an_empty_lake(tmp_path: Path) -> None:
    with pytest.raises(NotBuilt, match="run `quantmini run`"):
        facts_of(Layout(tmp_path))


@pytest.mark.slow
def test_the_command(ran: Ran, tmp_path: Path) -> None:
    out = tmp_path / "deep/page.html"
    done = quantmini(ran.layout.root, "report", "--symbol", "NA", "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert str(out) in done.stdout
    text = out.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>") and '<h2 id="symbol">NA</h2>' in text
    assert not list(out.parent.glob(".*"))
    wrong = quantmini(ran.layout.root, "report", "--out", str(tmp_path))
    assert wrong.returncode == 2 and "is a folder" in wrong.stderr
