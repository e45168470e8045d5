"""One row an instrument and time, in order."""

from __future__ import annotations

import polars as pl

from ingest.flatfile import LINE, PRICES
from lake.datasets import Dataset

CONFLICT = "differs from another row of the same instrument and time"
VALUES = (*PRICES, "volume", "transactions")


def settle(rows: pl.DataFrame, dataset: Dataset) -> tuple[pl.DataFrame, pl.Series, int]:
    """Sort by ticker (byte order) and time, drop repeated rows, take out contradicting ones.

    A minute bar is the only one of its instrument and `window_start`, a day bar the only one of
    its instrument. Rows that agree in every value are one row; where some differ, none is kept.

    Returns:
        The rows kept, the line numbers of those that contradict, the number dropped.
    """
    keys = ["ticker", "window_start"] if dataset.minute else ["ticker"]
    nothing = pl.Series(LINE, dtype=pl.UInt32)
    if rows.select(_strictly_increasing(keys)).item():
        return rows, nothing, 0
    rows = rows.sort(*keys, LINE)
    twin = rows.select(pl.struct(keys).is_duplicated()).to_series()
    if not twin.any():
        return rows, nothing, 0
    values = pl.struct("window_start", *VALUES)
    twins = rows.filter(twin).with_columns(
        (values.n_unique().over(keys) > 1).alias("conflicting"),
        (pl.col(LINE) == pl.col(LINE).min().over(keys)).alias("first"),
    )
    conflicting = twins.filter("conflicting")[LINE]
    repeated = twins.filter(~pl.col("conflicting") & ~pl.col("first"))[LINE]
    gone = pl.concat([conflicting, repeated]).implode()
    return rows.filter(~pl.col(LINE).is_in(gone)), conflicting, len(repeated)


def _strictly_increasing(keys: list[str]) -> pl.Expr:
    """Proves both the order and that no key repeats; cheaper than sorting."""
    ticker, before = pl.col("ticker"), pl.col("ticker").shift(1)
    rising = ticker > before
    if len(keys) > 1:
        rising |= (ticker == before) & (pl.col("window_start") > pl.col("window_start").shift(1))
    return rising.all(ignore_nulls=True)
