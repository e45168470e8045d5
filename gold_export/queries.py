"""The SQL over silver: which bars have a place in the calendar, and what is written of them.

Two tables stand beside silver while an export runs: `gold_sessions` (calendars.as_table) and
`gold_universe` (ticker, number).
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


def fields(con: duckdb.DuckDBPyConnection, dataset: str, chosen: Sequence[str]) -> dict[str, str]:
    """The fields to write and their types: those chosen, or everything numeric in silver.

    Raises:
        UsageError: a chosen field does not exist.
    """
    columns = con.execute(f"describe silver.{dataset}").fetchall()
    known = {name: str(kind) for name, kind, *_ in columns if str(kind).startswith(_NUMERIC)}
    if dataset == "stocks_daily":
        known |= {"factor": "DOUBLE", "change": "DOUBLE"}
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise UsageError(f"{dataset} has no field {', '.join(unknown)}; known: {', '.join(known)}")
    return {name: known[name] for name in chosen or known}


def places(
    dataset: str,
    adjustment: str,
    source: str,
    among: str = "true",
    *,
    base: int = 0,
    extra: str = "",
) -> str:
    """One row a ticker, sorted: ticker, rows, placed, first, last, dollars, close.

    `placed` counts the bars with a place in the calendar, `first` and `last` are the outermost of
    their calendar indexes less `base`, `dollars` is their volume and `close` the last of their
    adjusted closes. Whole dollars are summed, as integers, so that the sum does not depend on the
    order in which threads add, and sums of parts are the sum of the whole.

    Args:
        dataset: the data set's name.
        adjustment: a key of FACTORS.
        source: where the bars are, `silver.<dataset>` or a table like it.
        among: SQL condition on a bar `t`.
        base: the index that counts as 0.
        extra: one more aggregate over the columns of `t`, with its comma.
    """
    return f"""
        with bars as (
            select t.*, (t.close::double * t.volume::double)::hugeint as traded,
                {_close(dataset, adjustment)} as adjusted, {_position(dataset)} - {base} as position
            from {source} as t left join gold_sessions as s on t.date = s.date
            where {among}
        )
        select {DATASETS[dataset].instrument} as ticker, count(*) as rows,
            count(position) as placed, min(position) as first, max(position) as last,
            (sum(traded) filter (position is not null))::decimal(38, 0) as dollars,
            arg_max_null(adjusted, position) filter (position is not null) as close{extra}
        from bars group by all order by ticker
    """


def bars(dataset: str, columns: Sequence[str], adjustment: str, base: int, source: str = "") -> str:
    """One row a placed bar of the universe, sorted: number, position - base, then each column.

    Columns are float32, but for `change`: it holds the adjusted close as a double, from which
    `series.changes` makes it. (A window function here costs half of the query again.) The bars
    come from `source`, silver where none is given.
    """
    values = [(_value(dataset, column, adjustment), column) for column in columns]
    expressions = ", ".join(
        f'{value} as "{name}"' if name == "change" else f'({value})::float as "{name}"'
        for value, name in values
    )
    return f"""
        with bars as (
            select t.*, u.number, {_position(dataset)} - {base} as position
            from {source or f"silver.{dataset}"} as t
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
        return _close(dataset, adjustment)
    if column in _PRICES:
        return f'"{column}"::double * {factor}'
    return f'"{column}"::double / {factor}' if column == "volume" else f'"{column}"::double'


def _close(dataset: str, adjustment: str) -> str:
    """SQL of the adjusted close as a double."""
    return f"close::double * {FACTORS[adjustment if dataset == 'stocks_daily' else 'none']}"


# Tickers that are new, or did not only gain bars after their last one.
RESTATED = """
    select ticker from gold_added as a left join gold_before as b using (ticker)
    where b.ticker is null or not a.plain or a.first <= b.last
"""
PLACES_NOW = """
    select b.ticker, b.rows + coalesce(a.rows, 0) as rows,
        b.placed + coalesce(a.placed, 0) as placed,
        coalesce(b.first, a.first) as first, coalesce(a.last, b.last) as last,
        coalesce((b.dollars + a.dollars)::decimal(38, 0), b.dollars, a.dollars) as dollars,
        case when a.last is null then b.close else a.close end as close
    from gold_before as b left join gold_added as a using (ticker)
    where b.ticker not in (select ticker from gold_restated)
    union all by name
    from gold_again
    order by ticker
"""
