"""Plain pyarrow: its streaming CSV reader into its Parquet writer."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet


def convert(source: Path, target: Path) -> None:
    """One flat file to one Parquet file, block by block."""
    options = pa.csv.ReadOptions(block_size=8 << 20)
    with (
        pa.input_stream(source, compression="gzip") as content,
        pa.csv.open_csv(content, options) as blocks,
        pa.parquet.ParquetWriter(target, blocks.schema, compression="zstd") as writer,
    ):
        for block in blocks:
            writer.write_batch(block)
