"""The seed's features of day bars in memory (architecture-v3, `_enrich_with_pandas`)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

FLOATS = ["open", "high", "low", "close", "volume"]


def build(files: list[Path], target: Path) -> None:
    """All day bars in one frame, sorted, five features, one Parquet file."""
    frame = pd.concat([pq.read_table(path).to_pandas() for path in files], ignore_index=True)
    # The seed's bronze holds floats; ours holds exact decimals, which pandas gives as objects.
    frame[FLOATS] = frame[FLOATS].astype("float64")
    frame = frame.sort_values(["symbol", "date"])
    by_symbol = frame.groupby("symbol")
    frame["alpha_daily"] = by_symbol["close"].transform(
        lambda close: -np.log(close / close.shift(1))
    )
    frame["price_range"] = frame["high"] - frame["low"]
    frame["daily_return"] = frame["close"] / frame["open"] - 1
    frame["vwap"] = frame["volume"] * (frame["high"] + frame["low"]) / 2 / frame["volume"]
    frame["relative_volume"] = by_symbol["volume"].transform(
        lambda volume: volume / volume.rolling(window=20, min_periods=1).mean()
    )
    pq.write_table(pa.Table.from_pandas(frame), target, compression="zstd")
