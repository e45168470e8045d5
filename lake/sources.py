"""What an answer is read from: the few files that can hold it, or a published table as a whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import date

import duckdb

from lake import archive, market
from lake.catalog import Published
from lake.layout import Layout
from lake.manifest import Manifest, hashed, manifest

# Seconds that a list of files is good for: what `maintain` replaces stays for a day.
FRESH = 3600.0


class Sources:
    """Published tables, each with its files as the catalog listed them. Threads may share it."""

    def __init__(
        self,
        layout: Layout,
        connection: duckdb.DuckDBPyConnection,
        served: Mapping[str, Published],
        fault: Callable[[Exception], Exception],
    ) -> None:
        self._layout = layout
        self._connection = connection
        self._served = served
        self._fault = fault
        self._manifests: dict[tuple[str, str], tuple[float, Manifest | None]] = {}
        self._hashes: dict[str, int] = {}

    def of(
        self, table: str, key: str, names: list[str] | None, first: date | None, last: date | None
    ) -> tuple[str, dict[str, list[str]]]:
        """SQL to read a table by, for some instruments and dates.

        Args:
            table: its name.
            key: its column of instruments.
            names: of instruments, None for all.
            first: the first date, None for all there is.
            last: the last one.

        Returns:
            The SQL, and the variables that it reads by itself.

        Raises:
            Outdated: the snapshot has gone.
            QueryFailed: the catalog cannot be read.
        """
        try:
            found = self._manifest(table, key)
            paths = found.paths(self._hashed(found, names), first, last) if found else None
        except duckdb.Error as error:
            raise self._fault(error) from None
        # `read_parquet` needs one file at least.
        return (found.source, {"files": paths}) if found and paths else (market.view(table), {})

    def _manifest(self, table: str, key: str) -> Manifest | None:
        now = time.time()  # not the monotonic clock, which stands still while a laptop sleeps
        # Bounds are those of the key: a chain's is the underlying, its bars' the contract.
        listed, found = self._manifests.get((table, key), (0.0, None))
        if not 0 <= now - listed < FRESH:
            cursor, snapshot = self._connection.cursor(), self._served[table].snapshot
            archived = archive.files(cursor, self._layout, table, snapshot)
            found = None if archived else manifest(cursor, table, key, snapshot)
            self._manifests[table, key] = now, found
        return found

    def _hashed(self, found: Manifest, names: list[str] | None) -> dict[str, int] | None:
        if names is None:
            return None
        if not found.in_buckets:
            return dict.fromkeys(names, 0)
        if new := [name for name in names if name not in self._hashes]:
            self._hashes |= hashed(self._connection.cursor(), new)
        return {name: self._hashes[name] for name in names}
