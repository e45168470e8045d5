"""One symbol's day bars with their features, from the published lake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb

from flows.report.lookup import dictionaries, unknown

# A year of candles.
SESSIONS = 252

LARGEST_SYMBOL = """
SELECT symbol FROM silver.stocks_daily
WHERE date > (SELECT max(date) FROM silver.stocks_daily) - 30
GROUP BY symbol ORDER BY sum(close::DOUBLE * volume::DOUBLE) DESC, symbol LIMIT 1
"""
BARS = """
SELECT
    bars.date,
    (open * {price})::DOUBLE AS open,
    (high * {price})::DOUBLE AS high,
    (low * {price})::DOUBLE AS low,
    (close * {price})::DOUBLE AS close,
    (volume / {shares})::DOUBLE AS volume,
    transactions,
    alpha_daily,
    daily_return,
    vwap * {price} AS vwap,
    relative_volume,
    CASE WHEN bars.date = from_date AND ratio <> 1 THEN ratio END AS split
FROM (
    SELECT * FROM silver.stocks_daily WHERE symbol = $symbol ORDER BY date DESC LIMIT {sessions}
) AS bars
LEFT JOIN ({factors}) AS factors ON bars.date BETWEEN from_date AND to_date
ORDER BY bars.date
"""
# A day after the last action, or of a symbol without one, has no factor.
FACTORS = """SELECT *, split_factor / lag(split_factor) OVER (ORDER BY from_date) AS ratio
    FROM silver.adjustment_factors WHERE symbol = $symbol"""
NO_FACTORS = """SELECT NULL::DATE AS from_date, NULL::DATE AS to_date, NULL AS ratio,
    NULL AS split_factor, NULL AS cumulative_factor WHERE $symbol IS NULL"""
# The factors of prices and of shares, by the setting gold.adjustment.
ADJUSTMENTS = {
    "none": ("1", "1"),
    "splits": ("coalesce(split_factor, 1)", "coalesce(split_factor, 1)"),
    "splits_and_dividends": ("coalesce(cumulative_factor, 1)", "coalesce(split_factor, 1)"),
}


@dataclass(frozen=True)
class Bars:
    """The newest bars of one symbol, a dictionary a session, on one share basis."""

    symbol: str
    adjustment: str
    days: list[dict[str, Any]]


def bars(
    lake: duckdb.DuckDBPyConnection, symbol: str | None, adjustment: str, *, factors: bool
) -> Bars | None:
    """The newest bars of a symbol, by default of the one with the most dollar volume lately.

    None where the table holds no bar at all.

    Args:
        lake: the published lake, with stocks_daily.
        symbol: as published, case kept.
        adjustment: `none`, `splits` or `splits_and_dividends`.
        factors: whether `silver.adjustment_factors` is published.

    Raises:
        UsageError: the symbol has no bar.
    """
    if symbol is None:
        largest = lake.execute(LARGEST_SYMBOL).fetchone()
        if largest is None:
            return None
        symbol = str(largest[0])
    sql = BARS.format(
        price=ADJUSTMENTS[adjustment][0],
        shares=ADJUSTMENTS[adjustment][1],
        sessions=SESSIONS,
        factors=FACTORS if factors else NO_FACTORS,
    )
    days = dictionaries(lake.execute(sql, {"symbol": symbol}))
    if not days:
        raise unknown(lake, symbol, "symbol", "silver.stocks_daily")
    return Bars(symbol, adjustment, days)
