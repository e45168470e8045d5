"""DuckDB as this project opens it, whichever stage does: within the limits of the run."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb

from lake.hardware import existing

MIB = 1024**2
# Of the disk's free space: the rest is left to what is being written.
SPILL_SHARE = 0.8

Config = dict[str, str | bool | int | float | list[str]]


def config(memory_limit: str, threads: int, temp: Path, *, in_order: bool = False) -> Config:
    """DuckDB's settings for some work.

    Args:
        memory_limit: of the buffer manager, such as `4096MiB`.
        threads: at the same time.
        temp: where it puts what does not fit into memory.
        in_order: keep rows in the order of their files where no ORDER BY says another; costs
            memory and is for answers that a person reads.
    """
    free = shutil.disk_usage(existing(temp)).free
    return {
        "memory_limit": memory_limit,
        "threads": threads,
        "temp_directory": str(temp),
        "max_temp_directory_size": f"{max(1, int(free * SPILL_SHARE / MIB))}MiB",
        "preserve_insertion_order": in_order,
    }


def connect(
    memory_limit: str, threads: int, temp: Path, *, in_order: bool = False
) -> duckdb.DuckDBPyConnection:
    """An empty database in memory with these settings, its clock in UTC."""
    connection = duckdb.connect(config=config(memory_limit, threads, temp, in_order=in_order))
    connection.execute("SET GLOBAL TimeZone = 'UTC'")  # GLOBAL: for its cursors too
    return connection
