"""The SQL over silver: which bars have a place in the calendar, and what is written of them.

Two temporary tables stand beside silver while an export runs: `gold_sessions` (calendars.as_table)
and `gold_universe` (ticker, number).
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from lake.datasets import DATASETS
from lake.errors import UsageError

_NUMERIC = ("DECIMAL", "DOUBLE", "FLOAT", "BIGINT", "INTEGER", "SMALLINT", "TINYINT", "HUGEINT")
_PRICES = ("open", "high", "low", "close", "vwap")
# SQL of adjusted / raw. The volume is divided by it: a split changes the share count inversely.
FACTORS = {"none": "1.0::double"}


def fields(con: duckdb.DuckDBPyConnection, dataset: str, chosen: Sequence[str]) -> list[str]:
    """The fields to write for a data set: those chosen, or everything numeric in silver.

    Raises:
        UsageError: a chosen field does not exist.
    """
    columns = con.execute(f"describe silver.{dataset}").fetchall()
    known = [name for name, kind, *_ in columns if str(kind).startswith(_NUMERIC)]
    if dataset == "stocks_daily":
        known += ["factor", "change"]
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise UsageError(f"{dataset} has no field {', '.join(unknown)}; known: {', '.join(known)}")
    return list(dict.fromkeys(chosen)) or known


def universe(dataset: str, listed: bool, top: int) -> str:
    """One row a ticker: ticker, rows, placed, first, last; largest dollar volume first.

    `placed` counts the bars with a place in the calendar, `first` and `last` are their outermost
    calendar indexes. Whole dollars are summed, as integers, so that the ranking does not depend on
    the order in which threads add.

    Args:
        dataset: the data set's name.
        listed: keep only the tickers of the one parameter, a list.
        top: keep this many, 0 for all.
    """
    key = DATASETS[dataset].instrument
    return f"""
        with bars as (
            select t.{key} as ticker, (t.close::double * t.volume::double)::hugeint as dollars,
                {_position(dataset)} as position
            from silver.{dataset} as t left join gold_sessions as s on t.date = s.date
            {f"where t.{key} in (select unnest(?))" if listed else ""}
        )
        select ticker, count(*) as rows, count(position) as placed,
            min(position) as first, max(position) as last
        from bars group by ticker
        order by sum(dollars) filter (position is not null) desc nulls last, ticker
        {f"limit {top}" if top else ""}
    """


def bars(dataset: str, columns: Sequence[str], adjustment: str, base: int) -> str:
    """One row a placed bar of the universe, sorted: number, position - base, then each column.

    Columns are float32, but for `change`: it holds the adjusted close as a double, from which
    `series.changes` makes it. (A window function here costs half of the query again.)
    """
    values = [(_value(dataset, column, adjustment), column) for column in columns]
    expressions = ", ".join(
        f'{value} as "{name}"' if name == "change" else f'({value})::float as "{name}"'
        for value, name in values
    )
    return f"""
        with bars as (
            select t.*, u.number, {_position(dataset)} - {base} as position
            from silver.{dataset} as t
            join gold_sessions as s on t.date = s.date
            join gold_universe as u on t.{DATASETS[dataset].instrument} = u.ticker
        )
        select number, position, {expressions}
        from bars where position is not null
        order by number, position
    """


def _position(dataset: str) -> str:
    """SQL of a bar's calendar index, NULL where the calendar has no place for it."""
    if not DATASETS[dataset].minute:
        return "s.slot"
    minute, since_open = 60_000_000, "(epoch_us(t.ts) - s.open_us)"
    return f"""case when {since_open} >= 0 and {since_open} < s.minutes * {minute}
        and {since_open} % {minute} = 0 then s.slot + {since_open} // {minute} end"""


def _value(dataset: str, column: str, adjustment: str) -> str:
    """SQL of one field as a double. Only day bars of stocks are adjusted."""
    if dataset != "stocks_daily":
        return f'"{column}"::double'
    factor = FACTORS[adjustment]
    if column == "factor":
        return factor
    if column == "change":
        return f"close::double * {factor}"
    if column in _PRICES:
        return f'"{column}"::double * {factor}'
    return f'"{column}"::double / {factor}' if column == "volume" else f'"{column}"::double'
