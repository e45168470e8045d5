"""The seed's streaming ingestor (architecture-v3, `StreamingIngestor`), steps and sizes kept.

Its memory monitor, which the seed leaves undefined, is left out.
"""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

# `chunk_size` of the seed's streaming mode, and how many chunks it lets pass between collections.
CHUNK_ROWS, COLLECT_EVERY = 10_000, 5
UNSIGNED = {256: "uint8", 65_536: "uint16", 4_294_967_296: "uint32"}


def convert(source: Path, target: Path) -> None:
    """One flat file to one Parquet file, chunk by chunk."""
    writer: Any = None
    schema: Any = None
    year, month, _ = target.stem.split("-")
    for number, raw in enumerate(pd.read_csv(source, chunksize=CHUNK_ROWS), start=1):
        chunk = _processed(raw, year, month)
        if writer is None:
            schema = pa.Table.from_pandas(chunk).schema
            writer = pq.ParquetWriter(target, schema, compression="snappy")
        # A chunk whose integers happen to be smaller has other types, which the seed trips over.
        writer.write_table(pa.Table.from_pandas(chunk).cast(schema, safe=False))
        if number % COLLECT_EVERY == 0:
            gc.collect()
    if writer is not None:
        writer.close()


def _processed(chunk: pd.DataFrame, year: str, month: str) -> pd.DataFrame:
    chunk = chunk.rename(columns={"ticker": "symbol"})
    chunk["timestamp"] = pd.to_datetime(chunk["window_start"], unit="ns", utc=True)
    chunk["date"] = chunk["timestamp"].dt.date
    chunk["year"] = int(year)
    chunk["month"] = int(month)
    for column in chunk.select_dtypes(include=["float64"]).columns:
        chunk[column] = chunk[column].astype("float32")
    for column in chunk.select_dtypes(include=["int64"]).columns:
        largest = chunk[column].max()
        fitting = next((name for bound, name in UNSIGNED.items() if largest < bound), None)
        if chunk[column].min() >= 0 and fitting:
            chunk[column] = chunk[column].astype(fitting)
    return chunk
