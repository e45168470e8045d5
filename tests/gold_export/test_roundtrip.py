"""pyqlib reads every field of every instrument equal to silver, in float32."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gold_export.export import export
from gold_export.options import ExportOptions
from lake.errors import BadData, UsageError
from tests.gold_export import market
from tests.gold_export.conftest import Seen, contents, symbols

STOCK_FIELDS = ["open", "high", "low", "close", "volume", "transactions"]
TICKERS = [f"T{number:02}" for number in range(12)]
CONTRACTS = [f"O:AAPL240719C00{strike}000" for strike in range(100, 112)]


def compare(seen: Seen, store: Path, rows: list[market.Row], fields: list[str]) -> pd.DataFrame:
    """Assert that features, spans and expressions equal the rows; return the expected frame."""
    want = market.expected(rows, seen.calendar, fields)
    want = want.rename(index=symbols(store), level="ticker").sort_index()
    want.index = want.index.set_names("instrument", level=0)
    assert sorted(seen.features.columns) == sorted(fields)
    pd.testing.assert_frame_equal(
        seen.features.sort_index()[fields], want, check_exact=True, check_index_type=False
    )
    close = want["close"].groupby(level=0)
    mean = close.rolling(3, min_periods=1).mean().droplevel(0)
    np.testing.assert_array_equal(seen.expressions["ref"].sort_index(), close.shift(1))
    np.testing.assert_allclose(seen.expressions["mean"].sort_index(), mean, rtol=1e-6)
    return want


def spans(frame: pd.DataFrame) -> dict[str, tuple[pd.Timestamp, pd.Timestamp]]:
    moments = frame.dropna(subset=["close"]).reset_index().groupby("instrument")["datetime"]
    return {name: (group.min(), group.max()) for name, group in moments}


def test_stocks_daily(con, layout, read):
    rows = market.day_rows("stocks_daily", TICKERS + market.HOSTILE)
    market.put(con, "stocks_daily", rows)
    report = export(con, layout, "stocks_daily", {"stocks_daily": 7}, ExportOptions(batch_rows=50))
    store = layout.gold("stocks_daily")
    seen = read(str(store), "day")
    fields = [*STOCK_FIELDS, *market.FEATURES["stocks_daily"], "factor", "change"]
    want = compare(seen, store, rows, fields)

    assert seen.calendar == [pd.Timestamp(day) for day in market.SESSIONS]
    assert seen.instruments == {name: [span] for name, span in spans(want).items()}
    assert set(symbols(store)) == set(TICKERS + market.HOSTILE)
    saturdays = sum(row["date"] == market.SATURDAY for row in rows)
    assert (report.left_out, report.rows) == (saturdays, len(rows) - saturdays)
    assert report.files == report.instruments * len(fields)
    assert report.bytes == sum(path.stat().st_size for path in store.glob("features/*/*.bin"))
    assert {path.name for path in layout.root.parent.iterdir()} <= {"lake", "seen"}


def test_stocks_minute_keeps_regular_minutes_and_early_closes(con, layout, read):
    tickers = ["AAA", "BBB", "CCC", "NA"]
    rows = market.minute_rows("stocks_minute", tickers)
    market.put(con, "stocks_minute", rows)
    report = export(con, layout, "stocks_minute", {"stocks_minute": 1}, ExportOptions())
    store = layout.gold("stocks_minute")
    seen = read({"1min": str(store)}, "1min")
    want = compare(seen, store, rows, [*STOCK_FIELDS, *market.FEATURES["stocks_minute"]])

    days = pd.Series(seen.calendar).dt.date
    assert days.value_counts().to_dict() == {
        day: 210 if day == market.HALF_DAY else 390 for day in market.SESSIONS[2:9]
    }
    assert [str(moment) for moment in seen.calendar[:2]] == [
        "2024-06-26 09:30:00",
        "2024-06-26 09:31:00",
    ]
    assert str(seen.calendar[-1]) == "2024-07-05 15:59:00"
    assert seen.instruments == {name: [span] for name, span in spans(want).items()}
    assert report.left_out == len(rows) - report.rows > 0


@pytest.mark.parametrize("form", ["text", "mapping"])
def test_options_hold_day_and_minute(con, layout, read, form):
    day = market.day_rows("options_daily", CONTRACTS)
    minute = market.minute_rows("options_minute", [*CONTRACTS[:3], "O:ONLY240719C00100000"])
    market.put(con, "options_daily", day)
    market.put(con, "options_minute", minute)
    snapshots = {"options_daily": 1, "options_minute": 2}
    report = export(con, layout, "options", snapshots, ExportOptions())
    store = layout.gold("options")
    uri = str(store) if form == "text" else {"day": str(store), "1min": str(store)}
    contract = ["strike_price", *STOCK_FIELDS]
    compare(
        read(uri, "day"),
        store,
        day,
        [*contract, *market.FEATURES["options_daily"], "days_to_expiry"],
    )
    compare(read(uri, "1min"), store, minute, [*contract, *market.FEATURES["options_minute"]])
    assert report.instruments == len(CONTRACTS) + 1
    assert symbols(store)["O:AAPL240719C00100000"] == "AAPL240719C00100000"


def test_options_of_one_frequency_have_one_calendar(con, layout):
    market.put(con, "options_daily", market.day_rows("options_daily", CONTRACTS))
    export(con, layout, "options", {"options_daily": 1}, ExportOptions())
    calendars = sorted(path.name for path in layout.gold("options").glob("calendars/*"))
    assert calendars == ["day.txt", "day_future.txt"]


def test_a_universe_is_a_list_or_the_largest(con, layout):
    rows = market.day_rows("stocks_daily", TICKERS)
    market.put(con, "stocks_daily", rows)
    dollars: dict[str, float] = {}
    for row in rows:
        traded = float(row["close"]) * float(row["volume"]) * (row["date"] != market.SATURDAY)
        dollars[row["symbol"]] = dollars.get(row["symbol"], 0) + traded
    largest = sorted(dollars, key=lambda ticker: -dollars[ticker])
    snapshots = {"stocks_daily": 1}

    export(con, layout, "stocks_daily", snapshots, ExportOptions(top=3))
    assert set(symbols(layout.gold("stocks_daily"))) == set(largest[:3])
    export(con, layout, "stocks_daily", snapshots, ExportOptions(symbols=("T01", "T02", "GONE")))
    assert set(symbols(layout.gold("stocks_daily"))) == {"T01", "T02"}


def test_named_universes_and_the_sessions_to_come(con, layout, read):
    market.put(con, "stocks_daily", market.day_rows("stocks_daily", TICKERS))
    report = export(con, layout, "stocks_daily", {"stocks_daily": 1}, ExportOptions(lists=(3, 99)))
    store = layout.gold("stocks_daily")
    known = read(str(store), "day").instruments
    lines = (store / "instruments/all.txt").read_text().splitlines()
    found = {path.stem: path.read_text().splitlines() for path in store.glob("instruments/*.txt")}
    assert set(found) == {"all", "active", "top3", "top99"}
    assert len(lines) == report.instruments
    assert found["all"] == found["top99"] == lines
    future = (store / "calendars/day_future.txt").read_text().splitlines()
    ours = (store / "calendars/day.txt").read_text().splitlines()
    assert found["active"] == [line for line in lines if line.endswith(ours[-1])] != []
    assert len(found["top3"]) == 3
    assert set(found["top3"]) < set(lines)
    assert {line.split("\t")[0] for line in lines} == set(known)
    assert future[: len(ours)] == ours
    assert future[len(ours) :][:3] == ["2024-07-12", "2024-07-15", "2024-07-16"]
    assert len(future) == len(ours) + 20


def test_lists_of_two_data_sets(con, layout):
    days, contracts = market.SESSIONS[:3], CONTRACTS[:2]
    daily = market.bars("options_daily", contracts, days[:2])
    daily += market.bars("options_daily", contracts[:1], days[2:])
    minute = market.bars("options_minute", contracts[1:], days[:2])
    for row in daily + minute:
        # In all 1,200 dollars of the first by day, and of the second 1,000 by day and by minute.
        row["close"] = Decimal(400 if row["ticker"] == contracts[0] else 500)
        row["volume"] = Decimal("0.5" if row in minute else 1)
    market.put(con, "options_daily", daily)
    market.put(con, "options_minute", minute)
    snapshots = {"options_daily": 1, "options_minute": 1}
    export(con, layout, "options", snapshots, ExportOptions(lists=(1,)))
    found = {
        path.stem: {line.split("\t")[0] for line in path.read_text().splitlines()}
        for path in layout.gold("options").glob("instruments/*.txt")
    }
    first, second = (contract.removeprefix("O:") for contract in contracts)
    assert found == {"all": {first, second}, "active": {first}, "top1": {first}}


def test_chosen_fields_only(con, layout):
    market.put(con, "stocks_daily", market.day_rows("stocks_daily", ["AAA"]))
    options = ExportOptions(fields={"stocks_daily": ("close", "change")})
    export(con, layout, "stocks_daily", {"stocks_daily": 1}, options)
    files = [path.name for path in layout.gold("stocks_daily").glob("features/aaa/*")]
    assert sorted(files) == ["change.day.bin", "close.day.bin"]


@pytest.mark.parametrize(
    ("store", "snapshots", "options"),
    [
        ("futures", {"stocks_daily": 1}, ExportOptions()),
        ("options", {"stocks_daily": 1}, ExportOptions()),
        ("options", {}, ExportOptions()),
        ("stocks_daily", {"stocks_daily": 1}, ExportOptions(adjustment="magic")),
        ("stocks_daily", {"stocks_daily": 1}, ExportOptions(fields={"stocks_daily": ("clsoe",)})),
    ],
)
def test_what_cannot_be_exported_is_named(con, layout, store, snapshots, options):
    market.put(con, "stocks_daily", market.day_rows("stocks_daily", ["AAA"]))
    with pytest.raises(UsageError):
        export(con, layout, store, snapshots, options)
    assert not layout.gold(store).exists()


def test_nothing_to_show_leaves_the_old_store(con, layout):
    rows = market.day_rows("stocks_daily", ["AAA"])
    market.put(con, "stocks_daily", rows)
    export(con, layout, "stocks_daily", {"stocks_daily": 1}, ExportOptions())
    before = contents(layout.gold("stocks_daily"))
    market.put(con, "stocks_daily", [row for row in rows if row["date"] == date(2024, 6, 29)])
    with pytest.raises(BadData):
        export(con, layout, "stocks_daily", {"stocks_daily": 2}, ExportOptions())
    con.execute("delete from silver.stocks_daily")
    with pytest.raises(BadData):
        export(con, layout, "stocks_daily", {"stocks_daily": 3}, ExportOptions())
    assert contents(layout.gold("stocks_daily")) == before
