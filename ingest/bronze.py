"""Bronze: one Parquet file a trading day, carrying its own provenance."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import polars as pl
import pyarrow as pa

from lake.datasets import Dataset
from lake.files import replacing

# Raise it when a file's columns or meaning change: the next run then writes every day anew.
SCHEMA_VERSION = 1
FOOTER_KEY = "quantmini"
ROW_GROUP_ROWS = 131_072


@dataclass(frozen=True)
class Provenance:
    """Where a bronze file came from and what became of its rows.

    Attributes:
        key: the source's object key.
        etag: the source's ETag, or the MD5 of the content where the source has none.
        bytes: size of the source file.
        mtime_ns: when the source file was last modified, ns since the epoch.
        rows_in: data lines; always kept + quarantined + dropped.
        schema_version: version of the bronze format.
    """

    key: str
    etag: str
    bytes: int
    mtime_ns: int
    rows_in: int
    rows_kept: int
    rows_quarantined: int
    duplicates_dropped: int
    schema_version: int = SCHEMA_VERSION


def write(
    path: Path,
    rows: pl.DataFrame,
    dataset: Dataset,
    day: date,
    provenance: Provenance,
    row_group_rows: int = ROW_GROUP_ROWS,
) -> None:
    """Write a day's rows, replacing the file in one step.

    Args:
        path: where.
        rows: valid, sorted rows as `duplicates.settle` gives them.
        dataset: says what the instrument column is called.
        day: the trading date from the object key.
        provenance: goes into the footer.
        row_group_rows: rows in a row group.

    The file holds `symbol` or `ticker`, `date`, `ts` (timestamp in us, UTC), open, high, low,
    close, volume and transactions, none of them nullable.
    """
    # DuckDB reads nanoseconds with a time zone as microseconds, so those are what is stored.
    frame = rows.lazy().select(
        pl.col("ticker").alias(dataset.instrument),
        pl.lit(day).alias("date"),
        (pl.col("window_start") // 1000).cast(pl.Datetime("us", "UTC")).alias("ts"),
        "open",
        "high",
        "low",
        "close",
        "volume",
        "transactions",
    )
    with replacing(path) as temporary:
        frame.sink_parquet(
            temporary,
            compression="zstd",
            compression_level=1,
            row_group_size=row_group_rows,
            metadata={FOOTER_KEY: json.dumps(asdict(provenance))},
            arrow_schema=_without_nulls(frame),
        )


def _without_nulls(frame: pl.LazyFrame) -> pa.Schema:
    empty = pl.DataFrame(schema=frame.collect_schema())
    schema = empty.to_arrow(compat_level=pl.CompatLevel.newest()).schema
    return pa.schema([field.with_nullable(False) for field in schema])


def read_provenance(path: Path) -> Provenance | None:
    """What the footer says; None where it says nothing that this version understands."""
    try:
        footer = pl.read_parquet_metadata(path)
        return Provenance(**json.loads(footer[FOOTER_KEY]))
    except (pl.exceptions.ComputeError, KeyError, TypeError, ValueError):
        return None
