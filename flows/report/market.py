"""One symbol's daily bars and one underlying's option chain, from the published lake."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb

from lake.errors import UsageError

# A year of candles, and what of a chain a person can read: SPX has thousands of contracts a day.
SESSIONS = 252
SERIES = 8
STRIKES = 41

LARGEST_SYMBOL = """
SELECT symbol FROM silver.stocks_daily
WHERE date > (SELECT max(date) FROM silver.stocks_daily) - 30
GROUP BY symbol ORDER BY sum(close::DOUBLE * volume::DOUBLE) DESC, symbol LIMIT 1
"""
# The factor of a day: none for the days after its last action.
BARS = """
SELECT
    bars.date,
    (open * coalesce({price}, 1))::DOUBLE AS open,
    (high * coalesce({price}, 1))::DOUBLE AS high,
    (low * coalesce({price}, 1))::DOUBLE AS low,
    (close * coalesce({price}, 1))::DOUBLE AS close,
    (volume / coalesce(split_factor, 1))::DOUBLE AS volume,
    transactions,
    alpha_daily,
    daily_return,
    vwap * coalesce({price}, 1) AS vwap,
    relative_volume
FROM (
    SELECT * FROM silver.stocks_daily WHERE symbol = $symbol ORDER BY date DESC LIMIT {sessions}
) AS bars
LEFT JOIN ({factors}) AS factors ON bars.date BETWEEN from_date AND to_date
ORDER BY bars.date
"""
FACTORS = "FROM silver.adjustment_factors WHERE symbol = $symbol"
NO_FACTORS = """SELECT NULL::DATE AS from_date, NULL::DATE AS to_date,
    1 AS split_factor, 1 AS cumulative_factor WHERE $symbol IS NULL"""
PRICE_FACTOR = {"none": "1", "splits": "split_factor", "splits_and_dividends": "cumulative_factor"}

LARGEST_UNDERLYING = """
SELECT underlying FROM silver.options_daily WHERE date = $day
GROUP BY underlying ORDER BY sum(close::DOUBLE * volume::DOUBLE) DESC, underlying LIMIT 1
"""
CHAIN = """
WITH strikes AS (
    SELECT
        root,
        expiration_date,
        any_value(days_to_expiry) AS days,
        strike_price::DOUBLE AS strike,
        any_value(close::DOUBLE) FILTER (contract_type = 'call') AS call_close,
        sum(volume::DOUBLE) FILTER (contract_type = 'call') AS call_volume,
        any_value(close::DOUBLE) FILTER (contract_type = 'put') AS put_close,
        sum(volume::DOUBLE) FILTER (contract_type = 'put') AS put_volume,
        count(*) AS contracts,
        coalesce(sum(volume::DOUBLE), 0) AS volume
    FROM silver.options_daily WHERE underlying = $underlying AND date = $day
    GROUP BY root, expiration_date, strike_price
),
series AS (
    SELECT
        root,
        expiration_date,
        sum(contracts) AS series_contracts,
        sum(volume) AS series_volume,
        sum(strike * volume) / nullif(sum(volume), 0) AS middle,
        row_number() OVER (ORDER BY sum(volume) DESC, expiration_date, root) AS place,
        count(*) OVER () AS series
    FROM strikes GROUP BY root, expiration_date
)
SELECT strikes.*, series.* EXCLUDE (root, expiration_date)
FROM strikes JOIN series USING (root, expiration_date)
WHERE place <= {series}
QUALIFY row_number() OVER (
    PARTITION BY root, expiration_date ORDER BY abs(strike - coalesce($spot, middle)), strike
) <= {strikes}
ORDER BY expiration_date, root, strike
"""


@dataclass(frozen=True)
class Bars:
    """The newest bars of one symbol, a dictionary a session, on one share basis."""

    symbol: str
    adjustment: str
    days: list[dict[str, Any]]


@dataclass(frozen=True)
class Chain:
    """The most traded series of an underlying on one date, a dictionary a strike.

    Attributes:
        spot: the underlying's close that day, None where it has no bar.
        series: how many (root and expiration) there are, shown or not.
    """

    underlying: str
    date: date
    spot: float | None
    series: int
    strikes: list[dict[str, Any]]


def bars(
    lake: duckdb.DuckDBPyConnection, symbol: str | None, adjustment: str
) -> Bars | None:
    """The newest bars of a symbol, by default of the one with the most dollar volume lately.

    None where the table holds no bar at all.

    Args:
        lake: the published lake, with stocks_daily.
        symbol: as published, case kept.
        adjustment: `none`, `splits` or `splits_and_dividends`; the latter two need
            `silver.adjustment_factors`.

    Raises:
        UsageError: the symbol has no bar.
    """
    if symbol is None:
        largest = lake.execute(LARGEST_SYMBOL).fetchone()
        if largest is None:
            return None
        symbol = str(largest[0])
    sql = BARS.format(
        price=PRICE_FACTOR[adjustment],
        sessions=SESSIONS,
        factors=NO_FACTORS if adjustment == "none" else FACTORS,
    )
    days = dictionaries(lake.execute(sql, {"symbol": symbol}))
    if not days:
        raise unknown(lake, symbol, "symbol", "silver.stocks_daily")
    return Bars(symbol, adjustment, days)


def chain(
    lake: duckdb.DuckDBPyConnection, underlying: str | None, day: date | None, *, stocks: bool
) -> Chain | None:
    """The chain of an underlying, by default the largest one's on the newest date.

    None where the table holds no bar at all.

    Raises:
        UsageError: there is no such underlying, or no option traded that day.
    """
    sql = "SELECT min(date), max(date) FROM silver.options_daily"
    [(first, last)] = lake.execute(sql).fetchall()
    if last is None:
        return None
    day = day or last
    if underlying is None:
        found = lake.execute(LARGEST_UNDERLYING, {"day": day}).fetchone()
        if found is None:
            raise UsageError(f"no option bars on {day}; options_daily is from {first} to {last}")
        underlying = str(found[0])
    spot = None
    if stocks:
        sql = "SELECT close::DOUBLE FROM silver.stocks_daily WHERE symbol = $symbol AND date = $day"
        found = lake.execute(sql, {"symbol": underlying, "day": day}).fetchone()
        spot = found[0] if found else None
    asked = {"underlying": underlying, "day": day, "spot": spot}
    rows = dictionaries(lake.execute(CHAIN.format(series=SERIES, strikes=STRIKES), asked))
    if not rows:
        where = f"silver.options_daily WHERE date = DATE '{day}'"
        raise unknown(lake, underlying, "underlying", where)
    return Chain(underlying, day, spot, rows[0]["series"], rows)


def unknown(lake: duckdb.DuckDBPyConnection, name: str, column: str, table: str) -> UsageError:
    """The error for a name without bars, with the closest ones there are."""
    sql = f"""SELECT {column} FROM (SELECT DISTINCT {column} FROM {table})
        ORDER BY jaro_winkler_similarity(upper({column}), upper($name)) DESC, {column} LIMIT 3"""
    near = [row[0] for row in lake.execute(sql, {"name": name}).fetchall()]
    closest = f"; closest: {', '.join(near)}" if near else ""
    return UsageError(f"no bars of {column} {name} in {table.replace(' WHERE', ',')}{closest}")


def dictionaries(result: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """The rows of a result by column name."""
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
