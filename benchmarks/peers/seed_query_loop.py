"""The architecture document's `QlibBinaryWriter`: one query over all of silver for each symbol."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb


def convert(silver: Path, store: Path, symbols: Sequence[str], fields: Sequence[str]) -> None:
    """Write the fields of some symbols, with the document's header (which Qlib cannot read)."""
    for symbol in symbols:
        with duckdb.connect(":memory:") as con:
            frame = con.execute(
                f"select * from read_parquet('{silver}/**/*.parquet') "
                f"where symbol = '{symbol}' order by date"
            ).fetch_df()
        folder = store / "features" / symbol.lower()
        folder.mkdir(parents=True, exist_ok=True)
        for field in fields:
            if field in frame.columns:
                values = frame[field].values.astype("float32")
                with (folder / f"{field}.day.bin").open("wb") as file:
                    file.write(len(values).to_bytes(4, byteorder="little"))
                    values.tofile(file)
