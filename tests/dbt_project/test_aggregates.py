"""Bars of longer spans and the marts, computed again in pandas from the rows below them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from tests.conftest import Ran
from tests.dbt_project.bronze import attached, write_day, write_splits
from tests.dbt_project.conftest import Dbt

SUMS = ["volume", "transactions"]
# The half of a dollar goes to the even one.
DOLLARS = "sum(round_even(close::double * volume::double, 0))"


@pytest.fixture(scope="module")
def lake(ran: Ran) -> Iterator[duckdb.DuckDBPyConnection]:
    with attached(ran.layout.root, read_only=True) as connection:
        yield connection


def frame(
    lake: duckdb.DuckDBPyConnection, table: str, key: str, where: str = "true"
) -> pd.DataFrame:
    """A table of silver with exact numbers, in the order of its key."""
    rows = lake.sql(f"SELECT * FROM lake.silver.{table} WHERE {where} ORDER BY {key}")
    return pd.DataFrame(rows.fetchall(), columns=rows.columns)


def bars(rows: pd.DataFrame, by: list[Any]) -> pd.DataFrame:
    """One bar a group of rows that are in order of time."""
    groups = rows.groupby(by, sort=True)
    columns = {
        "open": groups["open"].first(),
        "high": groups["high"].max(),
        "low": groups["low"].min(),
        "close": groups["close"].last(),
    }
    return pd.DataFrame(columns | {name: groups[name].sum() for name in SUMS}).reset_index()


def same(actual: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Every value of `expected`, row for row."""
    assert len(actual) > 10
    for name in expected.columns:
        assert actual[name].tolist() == expected[name].tolist(), name


@pytest.mark.parametrize(("table", "span"), [("5min", "5min"), ("30min", "30min"), ("hourly", "h")])
def test_intraday(lake: duckdb.DuckDBPyConnection, table: str, span: str) -> None:
    week = "date BETWEEN '2024-05-13' AND '2024-05-17'"
    minutes = frame(lake, "stocks_minute", "symbol, ts", week)
    minutes["ts"] = pd.to_datetime(minutes["ts"], utc=True).dt.floor(span)
    same(frame(lake, f"stocks_{table}", "symbol, ts", week), bars(minutes, ["symbol", "ts"]))


@pytest.mark.parametrize(
    ("table", "source", "key", "freq"),
    [
        ("stocks_weekly", "stocks_daily", "symbol", "W-SUN"),
        ("stocks_monthly", "stocks_daily", "symbol", "M"),
        ("options_monthly", "options_daily", "ticker", "M"),
    ],
)
def test_periods(
    lake: duckdb.DuckDBPyConnection, table: str, source: str, key: str, freq: str
) -> None:
    days = frame(lake, source, f"{key}, date")
    days["date"] = pd.PeriodIndex(pd.to_datetime(days["date"]), freq=freq).start_time.date
    dollars = days["close"].astype(float) * days["volume"].astype(float)
    days["dollar_volume"] = dollars.round()
    expected = bars(days, [key, "date"])
    expected["dollar_volume"] = days.groupby([key, "date"])["dollar_volume"].sum().tolist()
    same(frame(lake, table, f"{key}, date"), expected)


def test_marts(lake: duckdb.DuckDBPyConnection, ran: Ran) -> None:
    folder = ran.layout.root / "metadata"
    for mart, sql in {
        "stocks/symbols": "SELECT symbol, min(date), max(date), count(*), arg_max(close, date), "
        f"{DOLLARS} FROM lake.silver.stocks_daily GROUP BY symbol",
        "stocks/daily_stats": "SELECT date, count(*), sum(volume), "
        f"{DOLLARS}, sum(transactions), count(*) FILTER (close > open), "
        "count(*) FILTER (close < open) FROM lake.silver.stocks_daily GROUP BY date",
        "options/contracts": "SELECT DISTINCT ticker, root, underlying, expiration_date, "
        "contract_type, strike_price FROM lake.silver.options_daily",
        "options/chains": "SELECT underlying, expiration_date, count(DISTINCT ticker), "
        "count(DISTINCT strike_price), min(strike_price), max(strike_price), min(date), "
        "max(date), sum(volume) FROM lake.silver.options_daily GROUP BY ALL",
    }.items():
        expected = lake.sql(f"{sql} ORDER BY ALL").fetchall()
        columns = len(expected[0])
        rows = lake.sql(f"FROM '{folder}/{mart}.parquet' ORDER BY ALL").fetchall()
        assert [row[:columns] for row in rows] == expected


@pytest.mark.slow(20)
def test_a_split_within_a_week(tmp_path: Path, dbt: Dbt) -> None:
    """The week's prices and volume are on the share basis of its end, raw bars stay as they are."""
    for day in range(1, 6):
        # Before the split highs are above all later ones as they stand, and below them rebased.
        spread = 5.0 if day < 4 else 0.05
        write_day(tmp_path, "stocks_daily", date(2024, 1, day), seed=day, spread=spread)
    # The other is of the next day, which has no bar yet.
    splits = {("AAA", date(2024, 1, 4)): (1.0, 4.0), ("BBB", date(2024, 1, 6)): (1.0, 2.0)}
    write_splits(tmp_path, splits)
    run = dbt(
        tmp_path, "build", "--select", "+stocks_weekly", "--exclude-resource-type", "unit_test"
    )
    assert run.returncode == 0, run.stdout
    with attached(tmp_path, read_only=True) as lake:
        days = lake.sql(
            "SELECT date, open, high, low, close, volume FROM lake.silver.stocks_daily "
            "WHERE symbol = 'AAA' ORDER BY date"
        ).fetchall()
        week = lake.sql(
            "SELECT open, high, low, close, volume FROM lake.silver.stocks_weekly "
            "WHERE symbol = 'AAA'"
        ).fetchall()
        as_traded = lake.sql(
            "SELECT arg_max(close, date), sum(volume) FROM lake.silver.stocks_daily "
            "WHERE symbol = 'BBB'"
        ).fetchall()
        announced = lake.sql(
            "SELECT close, volume FROM lake.silver.stocks_weekly WHERE symbol = 'BBB'"
        ).fetchall()
    ratios = [4 if day < date(2024, 1, 4) else 1 for day, *_ in days]
    assert 1 in ratios and 4 in ratios
    rebased = [
        ([price / ratio for price in prices], volume * ratio)
        for (_, *prices, volume), ratio in zip(days, ratios, strict=True)
    ]
    opens, highs, lows, closes = zip(*(prices for prices, _ in rebased), strict=True)
    volume = sum(volume for _, volume in rebased)
    assert week == [(opens[0], max(highs), min(lows), closes[-1], volume)]
    assert announced == as_traded
