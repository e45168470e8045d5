"""One row an instrument and time, in order."""

from __future__ import annotations

import numpy as np
import polars as pl

from ingest.exact import Slice
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
    rows = rows.sort(*keys, LINE)
    # Sorted, twins are neighbours.
    same = pl.all_horizontal(pl.col(key) == pl.col(key).shift(1) for key in keys).fill_null(False)
    twin = rows.select(same | same.shift(-1, fill_value=False)).to_series()
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


def in_order(slice_: Slice, dataset: Dataset) -> bool:
    """Whether rows are sorted and no two of them share a key, so that `settle` has nothing to do.

    Cheaper than sorting: of the tickers, only where they change is looked at.
    """
    names = slice_.names
    if not (names[1:] > names[:-1]).all():
        return False
    if not dataset.minute:
        return len(names) == len(slice_.rows)
    rising = np.diff(slice_.rows["window_start"].to_numpy()) > 0
    return bool(np.all(rising | slice_.begins[1:]))
