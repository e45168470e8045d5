"""Corporate actions and ticker types as silver publishes them, made up and worked out here."""

from __future__ import annotations

import random
from datetime import date, timedelta

import duckdb
import pyarrow as pa

Span = tuple[str, date, date, float, float]
BEGIN, END = date(1, 1, 1), date(9999, 12, 31)


def spans(ticker: str, history: list[tuple[date, float, float]]) -> list[Span]:
    """The spans between actions `(ex-date, split factor, dividend factor)` of one ticker."""
    found, split, dividend, ends = [], 1.0, 1.0, END
    for ex_date, split_factor, dividend_factor in sorted(history, reverse=True):
        found.append((ticker, ex_date, ends, split, dividend))
        split, dividend, ends = (
            split * split_factor,
            dividend * dividend_factor,
            ex_date - timedelta(days=1),
        )
    return [*found, (ticker, BEGIN, ends, split, dividend)][::-1]


def anything(dice: random.Random, tickers: list[str], days: list[date]) -> list[Span]:
    """Random actions of some tickers on some days."""
    return [
        span
        for ticker in sorted(tickers)
        for span in spans(
            ticker,
            [
                (day, dice.choice([1.0, 0.25, 1 / 7, 20.0]), 1 - dice.random() / 20)
                for day in dice.sample(days, dice.randint(1, 3))
            ],
        )
    ]


def as_arrow(found: list[Span]) -> pa.Table:
    """These spans as `silver.adjustment_factors`."""
    columns = list(zip(*found, strict=True)) or [()] * 5
    return pa.table(
        {
            "symbol": pa.array(columns[0], pa.string()),
            "from_date": pa.array(columns[1], pa.date32()),
            "to_date": pa.array(columns[2], pa.date32()),
            "split_factor": pa.array(columns[3], pa.float64()),
            "dividend_factor": pa.array(columns[4], pa.float64()),
            "cumulative_factor": pa.array([s[3] * s[4] for s in found], pa.float64()),
        }
    )


def tickers(types: dict[str, str]) -> pa.Table:
    """The columns of `silver.tickers` that gold reads; a small letter is a delisted bearer."""
    return pa.table(
        {
            "symbol": pa.array(types, pa.string()),
            "type": pa.array([kind.upper() for kind in types.values()], pa.string()),
            "active": pa.array([kind.isupper() for kind in types.values()], pa.bool_()),
            "delisted_date": pa.array(
                [None if kind.isupper() else date(2024, 7, 1) for kind in types.values()],
                pa.date32(),
            ),
        }
    )


def put(con: duckdb.DuckDBPyConnection, found: list[Span]) -> None:
    """Create or replace `silver.adjustment_factors`."""
    con.register("incoming", as_arrow(found))
    con.execute("create or replace table silver.adjustment_factors as from incoming")
    con.unregister("incoming")
