"""What a row must satisfy to enter bronze. Every rule has the reason that quarantine shows."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest.exact import Slice
from ingest.flatfile import LINE, PRICES, RAGGED
from lake.datasets import Dataset

EXCHANGE = ZoneInfo("America/New_York")
REASON = "reason"
# Counted from the right, since roots differ in length and may end in a digit.
CONTRACT = r"^O:(?P<root>.+)(?P<expiry>[0-9]{6})(?P<right>[CP])(?P<strike>[0-9]{8})$"
# The longest are those of options, of some 25.
LONGEST_NAME = 100
UNNAMEABLE = r"""[\x00-\x1f\x7f-\x9f"\x{FFFD}]|^\s|\s$"""
# Without any of these, joined by line feeds, which none can hold, names are fit. A set of single
# characters, no alternatives: that is many times faster.
SUSPICIOUS = re.compile(
    r"""[\x00-\x09\x0b-\x20"\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\uFFFD]"""
)
RAGGED_REASON = "not as many fields as the header"

Rule = tuple[str, pl.Expr]
Stamps = int | npt.NDArray[np.int64]
NONE_REJECTED = pl.DataFrame(schema={LINE: pl.UInt32, REASON: pl.String})


def rejected(slice_: Slice, dataset: Dataset, day: date) -> pl.DataFrame:
    """The rows that break a rule.

    Args:
        slice_: rows as `parse.typed` gives them.
        dataset: options have contracts for names.
        day: the trading date from the object key.

    Returns:
        `line_number` and `reason`, all reasons of a row joined by semicolons.
    """
    named = _ticker_rules(slice_.names, dataset, day)
    if not named and _numbers_hold(slice_, day):
        return NONE_REJECTED
    rows = slice_.rows
    rules = [*named, *_number_rules(), *_time_rules(day)]
    ragged = pl.col(RAGGED) if RAGGED in rows.columns else pl.lit(False)
    broken = rows.filter(pl.any_horizontal(ragged, *(violated for _, violated in rules)))
    reasons = [pl.when(violated).then(pl.lit(reason)) for reason, violated in rules]
    reason = pl.concat_str(reasons, separator="; ", ignore_nulls=True)
    return broken.select(
        LINE, pl.when(ragged).then(pl.lit(RAGGED_REASON)).otherwise(reason).alias(REASON)
    )


def _numbers_hold(slice_: Slice, day: date) -> bool:
    """Whether no number of a slice of counts breaks a rule: the same rules in the fewest steps."""
    if slice_.scales is None:
        return False
    return all(bool(each.all()) for each in conditions(slice_, *bounds(day)))


def conditions(slice_: Slice, begin: Stamps, end: Stamps) -> list[npt.NDArray[np.bool_]]:
    """What numbers must satisfy, for each row of a slice of counts.

    Args:
        slice_: the rows.
        begin: the first nanosecond that a bar may start at, of all rows or of each.
        end: the first that is too late.
    """
    names = (*PRICES, "volume", "transactions", "window_start")
    open_, close, high, low, volume, trades, stamp = (slice_.rows[n].to_numpy() for n in names)
    return [
        low > 0,
        low <= np.minimum(open_, close),
        high >= np.maximum(open_, close),
        volume >= 0,
        trades >= 0,
        (stamp >= begin) & (stamp < end),
        stamp % 1000 == 0,
    ]


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
    begin, end = bounds(day)
    return [
        ("window_start is not a whole number", stamp.is_null()),
        (f"window_start is outside {day} in New York", (stamp < begin) | (stamp >= end)),
        ("window_start is finer than a microsecond", stamp % 1000 != 0),
    ]


def bounds(day: date) -> tuple[int, int]:
    """The trading day's midnight and the next one in New York, ns since the epoch."""
    nights = (datetime.combine(each, time(), EXCHANGE) for each in (day, day + timedelta(days=1)))
    begin, end = (int(night.timestamp()) * 10**9 for night in nights)
    return begin, end


def _ticker_rules(tickers: pl.Series, dataset: Dataset, day: date) -> list[Rule]:
    """Rules for names, judged once a name and not once a row."""
    if dataset.asset == "stocks" and plain(tickers.to_list()):
        return []
    name = pl.col("ticker")
    checks = [
        ("ticker is empty", name == ""),
        (f"ticker is longer than {LONGEST_NAME} characters", name.str.len_chars() > LONGEST_NAME),
        ("ticker holds a blank end, a quote or unprintable text", name.str.contains(UNNAMEABLE)),
    ]
    if dataset.asset == "options":
        checks += _contract_checks(day)
    unfit = pl.any_horizontal(check for _, check in checks)
    bad = tickers.to_frame().filter(unfit)
    if not len(bad):
        return []
    found = [(reason, bad.filter(check)["ticker"]) for reason, check in checks]
    return [(reason, name.is_in(some.implode())) for reason, some in found if len(some)]


def plain(names: list[str]) -> bool:
    """Whether no name can break a rule of stocks; False leaves it open."""
    fit = "" not in names and len(max(names, key=len, default="")) <= LONGEST_NAME
    return fit and SUSPICIOUS.search("\n".join(names)) is None


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
