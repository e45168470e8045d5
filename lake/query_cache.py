"""Answers to queries, kept as Parquet files in the lake: `cache/queries/<key>.parquet`.

The key holds everything that decides an answer, so a file is right for as long as it lies there.
Many processes use the folder at once without a lock: a file appears by a rename, its time is when
it was last used, and whoever has written one removes those that were used longest ago. One that
is gone when it is wanted is computed again.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lake.files import replacing

# Bytes in memory. A larger answer is handed on as it comes, without waiting for its end.
LARGEST = 64 << 20
# Seconds. What is quicker is not worth the writing.
LEAST = 0.05
# Seconds after which a file that a killed process left half-written is removed.
ABANDONED = 3600


class _NotWorthIt(Exception):
    """Reading the file takes as long as computing it, or gives another table."""


@dataclass(frozen=True)
class QueryCache:
    """The folder, and the bytes that it may hold; none at all with 0."""

    folder: Path
    max_bytes: int

    def get(self, key: str) -> pa.Table | None:
        """The answer of this key, if it is here."""
        path = self._path(key)
        if not self.max_bytes:
            return None
        try:
            table = pq.ParquetFile(path).read()
        except FileNotFoundError:
            return None
        except (OSError, pa.ArrowException):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            return None
        # Somebody else's file may be read only.
        with contextlib.suppress(OSError):
            os.utime(path)
        return table

    def put(self, key: str, table: pa.Table, seconds: float) -> None:
        """Keep an answer that took so many seconds, if it is quicker to read and fits.

        Nothing happens where it cannot be written: not everyone who reads a lake may write there.
        """
        if not self.max_bytes or seconds < LEAST or table.nbytes > LARGEST:
            return
        failed = (_NotWorthIt, OSError, pa.ArrowException)
        with contextlib.suppress(*failed), replacing(self._path(key)) as temporary:
            pq.write_table(table, temporary, compression="zstd")
            began = time.perf_counter()
            same = pq.ParquetFile(temporary).read().schema.equals(table.schema)
            if not same or time.perf_counter() - began >= seconds:
                raise _NotWorthIt
        with contextlib.suppress(OSError):
            self._evict()

    def _evict(self) -> None:
        """Remove what was used longest ago until the rest fits."""
        found = []
        for entry in os.scandir(self.folder):
            with contextlib.suppress(FileNotFoundError):
                facts = entry.stat()
                found.append((facts.st_mtime, facts.st_size, Path(entry.path)))
        total = sum(size for _, size, _ in found)
        for used, size, path in sorted(found):
            half_written = path.suffix == ".tmp"
            if total <= self.max_bytes and not half_written:
                continue
            if half_written and time.time() - used < ABANDONED:
                continue
            path.unlink(missing_ok=True)
            total -= size

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.parquet"
