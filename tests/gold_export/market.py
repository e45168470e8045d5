"""A small silver: seeded tables in DuckDB, and the same rows in Python to compare with."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

NEW_YORK = ZoneInfo("America/New_York")
# 2024-07-03 closes at 13:00, 2024-07-04 is a holiday.
SESSIONS = [
    day.date()
    for day in pd.bdate_range("2024-06-24", "2024-07-12").to_pydatetime()
    if day.date() != date(2024, 7, 4)
]
HALF_DAY = date(2024, 7, 3)
SATURDAY = date(2024, 6, 29)

HOSTILE = [
    "NA", "NAN", "NULL", "null", "nan", "None", "NONE", "N/A", "", " ", "TRUE", "1E5", "INF",
    "True", "123", "007", "-1", "CON", "PRN", "AUX", "NUL", "COM1", "LPT1", "LPT1.WS", "_QLIB_CON",
    "BACPL", "BACpL", "bacpl", "BRK.A", "../../etc/passwd", "/etc/passwd", "..", ".", ".HIDDEN",
    "DOT.", "a\\b", "A/B", "O:AAPL140613C00076430", "Q" * 100, "TAB\tX", "NEW\nLINE", "CR\rX",
    "NUL\0X", 'QUO"TE', "COM,MA", " LEAD", "TRAIL ", "ÄÖÜ", "\U0001f4c8", "A" * 40, "A_B",
    "$CASH", "A~B", "SELECT", "'; drop table x; --", "%s", "{x}", "*", "?", "A:B", "INSTRUMENT",
    "ALL",
]  # fmt: skip

DECIMAL = pa.decimal128(18, 6)
RAW = [
    *((name, DECIMAL) for name in ("open", "high", "low", "close", "volume")),
    ("transactions", pa.int64()),
]
FEATURES = {
    "stocks_daily": ("alpha_daily", "price_range", "daily_return", "vwap", "relative_volume"),
    "stocks_minute": ("alpha_minute", "price_velocity", "minute_return"),
    "options_daily": ("moneyness", "relative_volume"),
    "options_minute": ("bid_ask_spread", "volume_imbalance"),
}
Row = dict[str, Any]


def bar(random: np.random.Generator, dataset: str, **key: Any) -> Row:
    """One row of a data set with random values, a quarter of the features NULL."""
    prices = sorted(Decimal(int(cents)).scaleb(-6) for cents in random.integers(1, 10**12, 4))
    row = {
        **key,
        "open": prices[1],
        "high": prices[3],
        "low": prices[0],
        "close": prices[2],
        "volume": Decimal(int(random.integers(0, 10**14))).scaleb(-6),
        "transactions": int(random.integers(1, 10**9)),
    }
    for name in FEATURES[dataset]:
        row[name] = float(random.normal()) if random.random() < 0.75 else None
    if dataset.startswith("options"):
        row |= {
            "root": "X",
            "underlying": "X",
            "expiration_date": date(2024, 12, 20),
            "contract_type": "call",
            "strike_price": Decimal("76.430"),
        }
    if dataset == "options_daily":
        row["days_to_expiry"] = (date(2024, 12, 20) - key["date"]).days
    return row


def day_rows(dataset: str, tickers: list[str], seed: int = 1) -> list[Row]:
    """Day bars: each ticker lists, delists and skips days at random; one stray Saturday."""
    random = np.random.default_rng(seed)
    key = "ticker" if dataset.startswith("options") else "symbol"
    rows = []
    for ticker in tickers:
        first, last = sorted(random.integers(0, len(SESSIONS), 2).tolist())
        days = [d for d in SESSIONS[first : last + 1] if random.random() < 0.7] or SESSIONS[:1]
        for day in [*days, SATURDAY]:
            ts = datetime.combine(day, time(0), NEW_YORK).astimezone(UTC)
            rows.append(bar(random, dataset, **{key: ticker, "date": day, "ts": ts}))
    return rows


def minute_rows(dataset: str, tickers: list[str], seed: int = 2) -> list[Row]:
    """Minute bars from 09:00 to 16:29 New York time, on half days too; most are missing."""
    random = np.random.default_rng(seed)
    key = "ticker" if dataset.startswith("options") else "symbol"
    rows = []
    for ticker in tickers:
        for day in [*SESSIONS[2:9], SATURDAY]:
            start = datetime.combine(day, time(9), NEW_YORK)
            for minute in np.flatnonzero(random.random(450) < 0.05).tolist():
                ts = (start + timedelta(minutes=minute)).astimezone(UTC)
                row = bar(random, dataset, **{key: ticker, "date": day, "ts": ts})
                rows.append(row | ({"session": "regular"} if key == "symbol" else {}))
    return rows


def as_arrow(dataset: str, rows: list[Row]) -> pa.Table:
    """These rows in the types of silver."""
    fixed = dict(RAW) | {"ts": pa.timestamp("us", "UTC"), "strike_price": DECIMAL}
    fixed |= dict.fromkeys(FEATURES[dataset], pa.float64())
    return pa.table(
        {name: pa.array([row[name] for row in rows], fixed.get(name)) for name in (rows or [{}])[0]}
    )


def put(con: duckdb.DuckDBPyConnection, dataset: str, rows: list[Row]) -> None:
    """Create or replace `silver.<dataset>` with these rows."""
    con.register("incoming", as_arrow(dataset, rows))
    con.execute("create schema if not exists silver")
    con.execute(f"create or replace table silver.{dataset} as from incoming order by random()")
    con.unregister("incoming")


def expected(rows: list[Row], calendar: list[pd.Timestamp], fields: list[str]) -> pd.DataFrame:
    """What Qlib must read: float32 of the row's values on the calendar, NaN where no bar is.

    Index (ticker, datetime), over each ticker's own span; `factor` and `change` worked out here
    in Python, one ticker at a time.
    """
    places = set(calendar)
    minutes = calendar[0].hour > 0
    frames = {}
    by_ticker: dict[str, dict[pd.Timestamp, Row]] = {}
    for row in rows:
        local = row["ts"].astimezone(NEW_YORK).replace(tzinfo=None) if minutes else row["date"]
        if pd.Timestamp(local) in places:
            ticker = row["symbol"] if "symbol" in row else row["ticker"]
            by_ticker.setdefault(ticker, {})[pd.Timestamp(local)] = row
    for ticker, bars in by_ticker.items():
        moments = sorted(bars)
        closes = [float(bars[moment]["close"]) for moment in moments]
        ratios = [np.nan, *(b / a - 1 for a, b in pairwise(closes))]
        made = {"factor": [1.0] * len(moments), "change": ratios}
        values = {
            name: np.array(made.get(name) or [_number(bars[m][name]) for m in moments], "f4")
            for name in fields
        }
        span = [moment for moment in calendar if moments[0] <= moment <= moments[-1]]
        frames[ticker] = pd.DataFrame(values, index=pd.DatetimeIndex(moments)).reindex(span)
    return pd.concat(frames, names=["ticker", "datetime"]).sort_index()


def _number(value: Any) -> float:
    return np.nan if value is None else float(value)


def bars(dataset: str, tickers: list[str], days: list[date], seed: int = 1) -> list[Row]:
    """A day bar for every ticker and day, or minutes at 09:30, 12:59 and 16:30."""
    random = np.random.default_rng(seed)
    key = "ticker" if dataset.startswith("options") else "symbol"
    times = [time(9, 30), time(12, 59), time(16, 30)] if dataset.endswith("minute") else [time(0)]
    rows = []
    for ticker in tickers:
        for moment in (datetime.combine(day, at, NEW_YORK) for day in days for at in times):
            ts, day = moment.astimezone(UTC), moment.date()
            row = bar(random, dataset, **{key: ticker, "date": day, "ts": ts})
            rows.append(row | ({"session": "regular"} if dataset == "stocks_minute" else {}))
    return rows
