"""One symbol's day bars with their features, from the published lake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb

from flows.report.lookup import dictionaries, unknown
from lake import adjustment

# A year of candles.
SESSIONS = 252

LARGEST_SYMBOL = """
SELECT symbol FROM silver.stocks_daily
WHERE date > (SELECT max(date) FROM silver.stocks_daily) - 30
GROUP BY symbol ORDER BY sum(close::DOUBLE * volume::DOUBLE) DESC, symbol LIMIT 1
"""
BARS = """
WITH splits AS (
    SELECT begins, volume / lag(volume) OVER (ORDER BY begins) AS ratio FROM {published}
)
SELECT t.date, {columns}, transactions, alpha_daily, daily_return, relative_volume,
    CASE WHEN ratio <> 1 THEN ratio END AS split
FROM (
    SELECT * FROM silver.stocks_daily WHERE symbol = $symbol ORDER BY date DESC LIMIT {sessions}
) AS t
{join}
LEFT JOIN splits ON splits.begins = t.date
ORDER BY t.date
"""
NO_FACTORS = """(SELECT NULL::VARCHAR AS ticker, NULL::DATE AS begins, NULL::DATE AS ends,
    NULL::DOUBLE AS price, NULL::DOUBLE AS volume WHERE false)"""


@dataclass(frozen=True)
class Bars:
    """The newest bars of one symbol, a dictionary a session, on one share basis."""

    symbol: str
    adjustment: str
    days: list[dict[str, Any]]


def bars(
    lake: duckdb.DuckDBPyConnection, symbol: str | None, basis: str, *, factors: bool
) -> Bars | None:
    """The newest bars of a symbol, by default of the one with the most dollar volume lately.

    None where the table holds no bar at all.

    Args:
        lake: the published lake, with stocks_daily.
        symbol: as published, case kept.
        basis: `none`, `splits` or `splits_and_dividends`.
        factors: whether `silver.adjustment_factors` is published.

    Raises:
        UsageError: the symbol has no bar.
    """
    if symbol is None:
        largest = lake.execute(LARGEST_SYMBOL).fetchone()
        if largest is None:
            return None
        symbol = str(largest[0])
    days = dictionaries(lake.execute(_sql(basis, factors=factors), {"symbol": symbol}))
    if not days:
        raise unknown(lake, symbol, "symbol", "silver.stocks_daily")
    return Bars(symbol, basis, days)


def _sql(basis: str, *, factors: bool) -> str:
    def of_symbol(adjusted: str) -> str:
        return f"({adjustment.factors(adjusted)} WHERE symbol = $symbol)" if factors else NO_FACTORS

    applied = NO_FACTORS if basis == "none" else of_symbol(basis)
    return BARS.format(
        columns=adjustment.columns((*adjustment.PRICES, "volume")),
        sessions=SESSIONS,
        published=of_symbol("splits"),
        join=adjustment.join(applied, "t.symbol", "t.date"),
    )
