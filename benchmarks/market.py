"""Flat files whose bytes are as hard to pack as real ones: for sizes and the loader's speed."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from ingest import flatfile
from ingest.sample_bars import OPENING, SLOTS, Lines, Session, sample_bars
from lake.datasets import Dataset

UNIT = 10_000
LETTERS = str.maketrans("0123456789", "ABCDEFGHIJ")


def bars(symbols: int, day: date) -> pl.DataFrame:
    """A day of minute bars whose liquidity is as uneven as a market's; about 125 a symbol."""
    rng = np.random.default_rng(day.toordinal())
    steps = rng.standard_normal((symbols, SLOTS + 1)) * 0.0013
    level = rng.lognormal(3.3, 1.2, symbols)
    trading = rng.beta(0.5, 1.2, symbols)[:, None]
    chance = np.repeat(0.1 * trading**2, SLOTS, axis=1)
    chance[:, OPENING : OPENING + 390] = trading
    lines = Lines(
        tickers=[f"{number:05d}".translate(LETTERS) for number in range(symbols)],
        price=level[:, None] * np.exp(steps.cumsum(axis=1)),
        chance=chance,
        wobble=np.full(symbols, 0.0008),
        size=rng.lognormal(6, 1.5, symbols),
        tick=np.where(level > 1, UNIT // 100, 1),
        lot=np.full(symbols, UNIT),
    )
    return livened(sample_bars(rng, lines, Session(day, 720)), rng)


def livened(rows: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Volumes, trades and prices as uneven as real ones, which compress worse than the sample's.

    Real minutes of three large stocks: the logarithm of volume spreads by 1.1 to 2.8, a fifth of
    the volumes are whole hundreds, a fifth of the bars open and close alike; 13 bytes a row packed.
    """
    count = len(rows)
    shares = rows["volume"].to_numpy() / UNIT * rng.lognormal(0, 1.6, count)
    shares = np.where(rng.random(count) < 0.2, np.rint(shares / 100) * 100, np.rint(shares))
    trades = np.rint(shares / rng.lognormal(4, 0.8, count))
    below_a_cent = np.where(rng.random(count) < 0.05, rng.integers(-49, 50, count), 0)
    close = np.maximum(rows["close"].to_numpy() + below_a_cent, 1)
    return rows.with_columns(
        pl.Series("volume", np.maximum(shares, 1).astype(np.int64) * UNIT),
        pl.Series("transactions", np.maximum(trades, 1).astype(np.int64)),
        pl.Series("close", close),
        pl.Series("high", np.maximum(rows["high"].to_numpy(), close)),
        pl.Series("low", np.minimum(rows["low"].to_numpy(), close)),
    )


def publish(folder: Path, dataset: Dataset, day: date, rows: pl.DataFrame) -> Path:
    """Write a flat file as the vendor does: exact decimals, zlib 6."""
    prices = [pl.col(name) / UNIT for name in flatfile.PRICES]
    frame = rows.select(flatfile.COLUMNS).with_columns(
        *(price.round(4) for price in prices), pl.col("volume") // UNIT
    )
    path = folder / dataset.object_key(day)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(frame.write_csv().encode(), 6, mtime=0))
    return path


def shifted(rows: pl.DataFrame, day: date, first: date) -> pl.DataFrame:
    """The bars of `first` on another day, at the same time in New York."""
    began, begins = (Session(each, 720).starts(hour=0) for each in (first, day))
    return rows.with_columns(pl.col("window_start") + begins - began)
