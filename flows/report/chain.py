"""One underlying's option chain on one date, from the published lake."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb

from flows.report.lookup import dictionaries, unknown
from lake.errors import UsageError

# What of a chain a person can read: SPX has thousands of contracts a day.
SERIES = 8
STRIKES = 41

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
