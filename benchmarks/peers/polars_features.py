"""Polars' own way to the same columns: lazy window expressions into one Parquet file."""

from __future__ import annotations

from pathlib import Path

import polars as pl


def daily(files: list[Path], target: Path) -> None:
    """The five features of day bars."""
    close, volume = pl.col("close").cast(pl.Float64), pl.col("volume").cast(pl.Float64)
    high, low, opening = (pl.col(name).cast(pl.Float64) for name in ("high", "low", "open"))
    pl.scan_parquet(files).sort("symbol", "date").with_columns(
        alpha_daily=-(close / close.shift(1).over("symbol")).log(),
        price_range=high - low,
        daily_return=close / opening - 1,
        vwap=pl.when(volume > 0).then((high + low) / 2),
        relative_volume=volume / volume.rolling_mean(20, min_samples=1).over("symbol"),
    ).sink_parquet(target)


def minutes(files: list[Path], target: Path) -> None:
    """The three features of minute bars, within a symbol and date."""
    close, opening = pl.col("close").cast(pl.Float64), pl.col("open").cast(pl.Float64)
    previous = close.shift(1).over("symbol", "date")
    passed = (pl.col("ts") - pl.col("ts").shift(1).over("symbol", "date")).dt.total_seconds() / 60
    pl.scan_parquet(files).sort("symbol", "ts").with_columns(
        alpha_minute=-(close / previous).log(),
        price_velocity=(close - previous) / passed,
        minute_return=close / opening - 1,
    ).sink_parquet(target)
