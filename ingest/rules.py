"""What a row must satisfy to enter bronze. Every rule has the reason that quarantine shows."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import polars as pl

from ingest.duplicates import first_of_run
from ingest.flatfile import LINE, PRICES, RAGGED
from lake.datasets import Dataset

EXCHANGE = ZoneInfo("America/New_York")
REASON = "reason"
# Counted from the right, since roots differ in length and may end in a digit.
CONTRACT = r"^O:(?P<root>.+)(?P<expiry>[0-9]{6})(?P<right>[CP])(?P<strike>[0-9]{8})$"
UNNAMEABLE = r"""[\x00-\x1f\x7f"\x{FFFD}]|^\s|\s$"""
RAGGED_REASON = "not as many fields as the header"

Rule = tuple[str, pl.Expr]
NONE_REJECTED = pl.DataFrame(schema={LINE: pl.UInt32, REASON: pl.String})


def rejected(rows: pl.DataFrame, dataset: Dataset, day: date) -> pl.DataFrame:
    """The rows that break a rule.

    Args:
        rows: as `parse.typed` gives them.
        dataset: options have contracts for names.
        day: the trading date from the object key.

    Returns:
        `line_number` and `reason`, all reasons of a row joined by semicolons.
    """
    rules = [*_ticker_rules(rows["ticker"], dataset, day), *_number_rules(), *_time_rules(day)]
    ragged = pl.col(RAGGED) if RAGGED in rows.columns else pl.lit(False)
    broken = rows.filter(pl.any_horizontal(ragged, *(violated for _, violated in rules)))
    if not len(broken):
        return NONE_REJECTED
    reasons = [pl.when(violated).then(pl.lit(reason)) for reason, violated in rules]
    reason = pl.concat_str(reasons, separator="; ", ignore_nulls=True)
    return broken.select(
        LINE, pl.when(ragged).then(pl.lit(RAGGED_REASON)).otherwise(reason).alias(REASON)
    )


@cache
def _number_rules() -> list[Rule]:
    open_, close, high, low = (pl.col(price) for price in PRICES)
    decimal = "is not a number of at most 18 whole digits and 20 decimals"
    return [
        *((f"{price} {decimal}", pl.col(price).is_null()) for price in PRICES),
        *((f"{price} is not positive", pl.col(price) <= 0) for price in PRICES),
        ("high < max(open, close, low)", (high < open_) | (high < close) | (high < low)),
        ("low > min(open, close, high)", (low > open_) | (low > close) | (low > high)),
        (f"volume {decimal}", pl.col("volume").is_null()),
        ("volume is negative", pl.col("volume") < 0),
        ("transactions is not a whole number", pl.col("transactions").is_null()),
        ("transactions is negative", pl.col("transactions") < 0),
    ]


def _time_rules(day: date) -> list[Rule]:
    """A bar starts inside the trading day in New York, from midnight to midnight."""
    stamp = pl.col("window_start")
    begin, end = (_nanoseconds(midnight) for midnight in (day, day + timedelta(days=1)))
    return [
        ("window_start is not a whole number", stamp.is_null()),
        (f"window_start is outside {day} in New York", (stamp < begin) | (stamp >= end)),
        ("window_start is finer than a microsecond", stamp % 1000 != 0),
    ]


def _nanoseconds(midnight: date) -> int:
    return int(datetime.combine(midnight, time(), EXCHANGE).timestamp()) * 10**9


def _ticker_rules(tickers: pl.Series, dataset: Dataset, day: date) -> list[Rule]:
    """Rules for names, judged once a name and not once a row."""
    name = pl.col("ticker")
    checks = [
        ("ticker is empty", name == ""),
        ("ticker holds a blank end, a quote or unprintable text", name.str.contains(UNNAMEABLE)),
    ]
    if dataset.asset == "options":
        checks += _contract_checks(day)
    unfit = pl.any_horizontal(check for _, check in checks)
    bad = tickers.filter(first_of_run(tickers)).to_frame().filter(unfit).unique()
    if not len(bad):
        return []
    found = [(reason, bad.filter(check)["ticker"]) for reason, check in checks]
    return [(reason, name.is_in(some.implode())) for reason, some in found if len(some)]


def _contract_checks(day: date) -> list[Rule]:
    parts = pl.col("ticker").str.extract_groups(CONTRACT).struct
    expiry = pl.concat_str(pl.lit("20"), parts.field("expiry")).str.to_date("%Y%m%d", strict=False)
    strike = parts.field("strike")
    return [
        ("ticker is no option: O:ROOT, YYMMDD, C or P, strike", strike.is_null()),
        ("ticker's expiration is no date", strike.is_not_null() & expiry.is_null()),
        (f"contract expired before {day}", (expiry < day).fill_null(False)),
        ("ticker's strike is zero", (strike == "00000000").fill_null(False)),
    ]
