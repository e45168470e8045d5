"""One published moment of the lake, opened: what every answer is computed from."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa

from lake import catalog, records
from lake.errors import Outdated, QueryFailed
from lake.layout import Layout
from lake.query_cache import LEAST, QueryCache
from lake.sources import Sources
from lake.sql import literal
from lake.statement import Statement

# What DuckDB says, and what helps; decompression with a capital or without.
HINTS = {
    "Overflow in multiplication of DECIMAL": " Prices are exact: write close::double * volume.",
    "ecompression": "; a file is damaged: `quantmini maintain verify` names it",
    "Corrupted file": "; a file is damaged: `quantmini maintain verify` names it",
}
# Seconds. Quicker ones that the cache has no part in are not noted: a loop asks for many bars.
SLOW = 0.1

Parameters = list[Any] | tuple[Any, ...] | Mapping[str, Any] | None


class Reading:
    """The tables that were published at one moment, the cache of answers, and the record of them.

    Attributes:
        layout: the lake.
        served: each published table with its snapshot.
        sources: what bars and chains are read from.
    """

    def __init__(self, layout: Layout, memory_limit: str, threads: int, cache_bytes: int) -> None:
        self.layout = layout
        self.served = catalog.tables(layout)
        self.connection = catalog.connect(
            layout, memory_limit, threads, served=self.served, archived=False
        )
        self.sources = Sources(layout, self.connection, self.served, self.fault)
        self._cache = QueryCache(layout.query_cache, cache_bytes)

    def close(self) -> None:
        """Close the connection; answers that are being read have their own."""
        self.connection.close()

    def cursor(self, variables: Mapping[str, Any] | None = None) -> duckdb.DuckDBPyConnection:
        """A connection of its own to the same moment, with these variables."""
        try:
            cursor = self.connection.cursor()
            for name, value in (variables or {}).items():
                cursor.execute(f"SET VARIABLE {name} = {literal(value)}")
        except duckdb.Error as error:
            raise self.fault(error) from None
        return cursor

    def fault(self, error: Exception, *, listed: bool = False) -> Exception:
        """The error as a person should see it: of the query, or that what it reads has gone.

        Args:
            error: as it came.
            listed: whether the answer reads files by a list (`Sources.of`).
        """
        if self._has_gone(error):
            return Outdated(
                f"{self.layout.root} has moved on and dropped the snapshot that this connection "
                "reads; call lake.connect() again"
            )
        if listed and _is_missing_file(error):
            what = str(error).partition("\n")[0]
            return Outdated(
                f"{what}; it was merged into another since, or it is lost: give the command again "
                "or call lake.bars or lake.chain again, then `quantmini maintain verify`"
            )
        hint = next((hint for words, hint in HINTS.items() if words in str(error)), "")
        return QueryFailed(f"{error}{hint}")

    def _has_gone(self, error: Exception) -> bool:
        served = {table.snapshot for table in self.served.values()}
        try:
            sql = "SELECT snapshot_id FROM ducklake_snapshots('lake')"
            there = {number for (number,) in self.connection.cursor().execute(sql).fetchall()}
        except duckdb.ConnectionException:
            return False
        except duckdb.Error:
            there = set()
        # A catalog that was rebuilt leaves us with the old one, whose files are no more.
        lost = isinstance(error, (duckdb.IOException, OSError))
        return not served <= there or (lost and catalog.tables(self.layout) != self.served)

    def kept(self, key: str | None) -> pa.Table | None:
        """The answer from the cache."""
        return None if key is None else self._cache.get(key)

    def keep(self, key: str, table: pa.Table, seconds: float) -> None:
        """Put an answer into the cache."""
        self._cache.put(key, table, seconds)

    def record(self, sql: str, seconds: float, rows: int, cache: str, error: str = "") -> None:
        """Note a query, unless it was quick and the cache has no part in it."""
        if cache == "miss" and seconds < LEAST:
            cache = "none"
        if cache == "none" and seconds < SLOW and not error:
            return
        facts = {"sql": sql, "seconds": round(seconds, 4), "rows": rows, "cache": cache}
        records.append(self.layout, "queries", facts | ({"error": error} if error else {}))

    def key(self, statement: Statement, parameters: Parameters) -> str | None:
        """What decides an answer, hashed; None where something else does, too."""
        values = sorted(parameters.items()) if isinstance(parameters, Mapping) else parameters
        if statement.tables is None or not _plain(values):
            return None
        marts = {path.stem: path for path in self.layout.marts()}
        facts: list[Any] = [duckdb.__version__, statement.normal, repr(values)]
        for name in sorted(statement.tables):
            schema, table = name.split(".")
            with contextlib.suppress(KeyError, FileNotFoundError):
                if schema in ("silver", "archive"):
                    facts.append([name, self.served[table].snapshot, self.served[table].run])
                else:
                    stat = marts[table].stat()
                    facts.append([name, stat.st_mtime_ns, stat.st_size, stat.st_ino])
                continue
            return None
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _is_missing_file(error: Exception) -> bool:
    """Whether a file that was named is not there, on a disk or in a bucket."""
    if isinstance(error, duckdb.HTTPException):
        return error.status_code == 404
    return isinstance(error, duckdb.IOException) and "No files found" in str(error)


def _plain(value: Any) -> bool:
    """Whether a value's repr tells it from every other."""
    if isinstance(value, (list, tuple)):
        return all(map(_plain, value))
    return value is None or type(value) in (str, int, float, bool, date, datetime, Decimal)
