"""The SQL over silver: which bars have a place in the calendar, and what is written of them.

Two tables stand beside silver while an export runs: `gold_sessions` (calendars.as_table) and
`gold_universe` (ticker, number); where prices are adjusted, `gold_factors` (factors.SCHEMA) too.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from lake import adjustment
from lake.datasets import DATASETS
from lake.errors import UsageError

_NUMERIC = ("DECIMAL", "DOUBLE", "FLOAT", "BIGINT", "INTEGER", "SMALLINT", "TINYINT", "HUGEINT")


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
    return {name: kind for name, kind in known.items() if not chosen or name in chosen}


def places(
    dataset: str,
    source: str,
    among: str = "true",
    *,
    adjusted: bool,
    base: int = 0,
    extra: str = "",
) -> str:
    """One row a ticker, sorted: ticker, rows, placed, first, last, dollars, close.

    `placed` counts the bars with a place in the calendar, `first` and `last` are the outermost of
    their calendar indexes less `base`, `dollars` is their volume and `close` the last of their
    closes, adjusted if asked for. Whole dollars are summed, as integers, so that the sum does not
    depend on the order in which threads add, and sums of parts are the sum of the whole.

    Args:
        dataset: the data set's name.
        source: where the bars are, `silver.<dataset>` or a table like it.
        among: SQL condition on a bar `t`.
        adjusted: whether `gold_factors` is there; only for day bars of stocks.
        base: the index that counts as 0.
        extra: one more aggregate over the columns of `t`, with its comma.
    """
    join = adjustment.join("gold_factors", "p.ticker", "p.last_date") if adjusted else ""
    close = "p.close * coalesce(f.price, 1)" if adjusted else "p.close"
    return f"""
        with bars as (
            select t.*, (t.close::double * t.volume::double)::hugeint as traded,
                {_position(dataset)} - {base} as position
            from {source} as t left join gold_sessions as s on t.date = s.date
            where {among}
        ), p as (
            select {DATASETS[dataset].instrument} as ticker, count(*) as rows,
                count(position) as placed, min(position) as first, max(position) as last,
                (sum(traded) filter (position is not null))::decimal(38, 0) as dollars,
                arg_max_null(close::double, position) filter (position is not null) as close,
                max(date) filter (position is not null) as last_date{extra}
            from bars group by all
        )
        select p.* exclude (last_date) replace ({close} as close) from p {join} order by ticker
    """


def bars(
    dataset: str,
    columns: Sequence[str],
    base: int,
    source: str = "",
    *,
    adjusted: bool,
    kind: str = "float",
) -> str:
    """One row a placed bar of the universe, sorted: number, position - base, then each column.

    Columns are float32 (or of another `kind`), but for `change`: it holds the close as a double,
    from which `series.changes` makes it. (A window function here costs half of the query again.)
    The bars come from `source`, silver where none is given.
    """
    values = [(_value(column, adjusted=adjusted), column) for column in columns]
    expressions = ", ".join(
        f'{value} as "{name}"' if name == "change" else f'({value})::{kind} as "{name}"'
        for value, name in values
    )
    factors = "coalesce(f.price, 1) as gold_price, coalesce(f.volume, 1) as gold_volume,"
    join = adjustment.join("gold_factors", "u.ticker", "t.date")
    return f"""
        with bars as (
            select t.*, {factors if adjusted else ""} u.number,
                {_position(dataset)} - {base} as position
            from {source or f"silver.{dataset}"} as t
            join gold_sessions as s on t.date = s.date
            join gold_universe as u on t.{DATASETS[dataset].instrument} = u.ticker
            {join if adjusted else ""}
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


def _value(column: str, *, adjusted: bool) -> str:
    """SQL of one field as a double."""
    price = "gold_price" if adjusted else "1.0::double"
    if column == "factor":
        return price
    source = "close" if column == "change" else column
    if adjusted:
        return adjustment.adjusted(source, f'"{source}"', "gold_price", "gold_volume")
    return f'"{source}"::double'
