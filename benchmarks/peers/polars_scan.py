"""The peer that checks nothing: polars reads a csv.gz and writes Parquet, both as it sees fit."""

from __future__ import annotations

from pathlib import Path

import polars as pl


def convert(source: Path, target: Path) -> None:
    """One flat file to one Parquet file, in one streaming query."""
    pl.scan_csv(source).sink_parquet(target)
