"""Bronze: one Parquet file a trading day, carrying its own provenance."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from ingest.exact import Slice, decimal_array
from lake.datasets import Dataset

# Raise it when a file's columns or meaning change: the next run then writes every day anew.
SCHEMA_VERSION = 1
FOOTER_KEY = "quantmini"
OHLC = ("open", "high", "low", "close")
ROW_GROUP_ROWS = 131_072


@dataclass(frozen=True)
class Encoding:
    """How the columns of a bronze file are written.

    Attributes:
        compression: `zstd`, `gzip`, `snappy`, `lz4` or `none`.
        level: of all columns; None is what measured best with zstd, and others' own default.
        dictionary: keep dates, times, and names of minute bars, as dictionaries.
        statistics: keep the bounds of each column and row group.
    """

    compression: str = "zstd"
    level: int | None = None
    dictionary: bool = True
    statistics: bool = True

    def options(self, columns: list[str], dataset: Dataset) -> dict[str, Any]:
        """The same for pyarrow's ParquetWriter, for these columns of a data set."""
        # In a day file a name stands once.
        repeating = [*([dataset.instrument] if dataset.minute else []), "date", "ts"]
        levels: int | dict[str, int] | None = self.level
        if levels is None and self.compression == "zstd":
            levels = dict.fromkeys(columns, 1) | dict.fromkeys(repeating, 7)
            levels |= dict.fromkeys(OHLC if dataset.minute else (), 6)
        return {
            "compression": self.compression,
            "compression_level": levels,
            "use_dictionary": repeating if self.dictionary else False,
            "write_statistics": self.statistics,
        }


MEASURED = Encoding()


@dataclass(frozen=True)
class Provenance:
    """Where a bronze file came from and what became of its rows.

    Attributes:
        key: the source's object key.
        etag: the source's ETag, or the MD5 of the content where the source has none.
        bytes: size of the source file.
        mtime_ns: when the source file was last modified, ns since the epoch. The bronze file has
            the same time, which moves with a source file that is only touched.
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


def table(slice_: Slice, dataset: Dataset, day: date) -> pa.Table:
    """Valid rows as bronze stores them.

    Args:
        slice_: prices and volume as counts or as Decimals.
        dataset: says what the instrument column is called.
        day: the trading date from the object key.

    Returns:
        `symbol` or `ticker`, `date`, `ts` (timestamp in us, UTC), open, high, low, close, volume
        and transactions, none of them nullable.
    """
    rows = slice_.rows
    # Equal neighbours share a dictionary entry, which spares hashing every name.
    codes = np.cumsum(slice_.begins, dtype=np.int32) - np.int32(1)
    names = pa.array(slice_.names.to_list(), pa.string())
    dates = pa.DictionaryArray.from_arrays(np.zeros(len(rows), np.int32), pa.array([day]))
    # DuckDB reads nanoseconds with a time zone as microseconds, so those are what is stored.
    stamps = pa.array(rows["window_start"].to_numpy() // 1000).view(pa.timestamp("us", "UTC"))
    columns = {
        dataset.instrument: pa.DictionaryArray.from_arrays(codes, names),
        "date": dates,
        "ts": stamps,
        **{name: _decimals(slice_, name) for name in (*OHLC, "volume")},
        "transactions": rows["transactions"].to_arrow(),
    }
    fields = [pa.field(name, column.type, nullable=False) for name, column in columns.items()]
    return pa.table(list(columns.values()), schema=pa.schema(fields))


def _decimals(slice_: Slice, name: str) -> pa.Array:
    if slice_.scales is None:
        return slice_.rows[name].to_arrow()
    return decimal_array(slice_.rows[name].to_numpy(), slice_.scales[name == "volume"])


def read_provenance(path: Path) -> Provenance | None:
    """What the footer says; None where it says nothing that this version understands."""
    try:
        footer = pl.read_parquet_metadata(path)
        known = json.loads(footer[FOOTER_KEY]) | {"mtime_ns": path.stat().st_mtime_ns}
        return Provenance(**known)
    except (pl.exceptions.ComputeError, KeyError, TypeError, ValueError):
        return None
