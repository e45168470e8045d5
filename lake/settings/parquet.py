"""How bronze's Parquet files are written."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from lake.settings.base import Section

LEVELS = {"zstd": range(1, 23), "gzip": range(1, 10)}


class Parquet(Section):
    """How bronze's Parquet files are written. Days that exist stay as they are.

    The defaults are what measured best (docs/decisions/003).
    """

    compression: Literal["zstd", "gzip", "snappy", "lz4", "none"] = "zstd"
    """`zstd` makes the smallest files in the least time, `snappy` is read by the oldest tools."""
    compression_level: int | None = None
    """1 to 22 of zstd or 1 to 9 of gzip, for all columns; by default 6 for prices of minutes, 7
    for names and times and 1 for the rest. 1 is the fastest: files are a twentieth larger."""
    use_dictionary: bool = True
    """Keep times, and names of minute bars, as dictionaries."""
    write_statistics: bool = True
    """Keep the least and largest value of each column and row group, by which queries skip."""
    row_group_rows: int | None = Field(default=None, ge=1024)
    """Rows of a row group; by default 65,536, 131,072 or 262,144 in streaming, batch or parallel
    mode. A group is held in memory while it is written."""

    @model_validator(mode="after")
    def _level_exists(self) -> Parquet:
        if self.compression_level is not None:
            levels = LEVELS.get(self.compression)
            if levels is None:
                raise ValueError(f"{self.compression} has no compression_level")
            if self.compression_level not in levels:
                last = levels.stop - 1
                raise ValueError(f"compression_level of {self.compression} is 1 to {last}")
        return self
