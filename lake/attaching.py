"""Attaching the catalog to a DuckDB, with all that this needs."""

from __future__ import annotations

import fcntl
from pathlib import Path

import duckdb
import duckdb_extensions

from lake import shared
from lake.layout import Layout
from lake.sql import quoted

EXTENSIONS = ("ducklake", "sqlite_scanner")


def install_extensions(
    connection: duckdb.DuckDBPyConnection, names: tuple[str, ...] = EXTENSIONS
) -> None:
    """Install the extensions from their wheels, so that LOAD needs no network.

    DuckDB skips an extension that is installed already. Processes that start at once on a fresh
    machine would collide on the same file, hence the lock.
    """
    folder = Path("~/.duckdb").expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "quantmini.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in names:
            duckdb_extensions.import_extension(name, con=connection)


def attach_sql(layout: Layout, *, read_only: bool) -> str:
    """The ATTACH of the lake.

    The data path is given each time, so a moved lake still opens. Writers switch SQLite to a
    write-ahead log, which stays on: with it readers and the writer do not wait for each other;
    without it a query can meet "database is locked".
    """
    if layout.shared:
        catalog, data = "ducklake:postgres:", layout.shared.bucket.path
        options, writing = ["META_SECRET quantmini_catalog"], []
    else:
        catalog, data = f"ducklake:sqlite:{layout.catalog}", f"{layout.root}/"
        options, writing = ["META_BUSY_TIMEOUT 10000"], ["META_JOURNAL_MODE 'WAL'"]
    options += [f"DATA_PATH {quoted(data)}", "OVERRIDE_DATA_PATH true"]
    options += ["READ_ONLY"] if read_only else [*writing, "DATA_INLINING_ROW_LIMIT 0"]
    return f"ATTACH {quoted(catalog)} AS lake ({', '.join(options)})"


def attach(connection: duckdb.DuckDBPyConnection, layout: Layout, *, read_only: bool) -> None:
    """Attach the lake to a connection, with all that this needs; a shared catalog is made first.

    Raises:
        SourceUnavailable: a shared catalog cannot be reached.
    """
    install_extensions(connection)
    if layout.shared:
        install_extensions(connection, shared.EXTENSIONS)
        for secret in layout.shared.secrets():
            connection.execute(secret)
        if not read_only:
            _make(connection, layout, layout.shared)
    connection.execute(attach_sql(layout, read_only=read_only))


def _make(connection: duckdb.DuckDBPyConnection, layout: Layout, place: shared.Shared) -> None:
    """Make what a shared catalog lacks: machines that begin at once would refuse each other."""
    with place.making() as fresh:
        if fresh:
            connection.execute(attach_sql(layout, read_only=False))
            for schema in ("silver", "metadata"):
                connection.execute(f"CREATE SCHEMA lake.{schema}")
            connection.execute("DETACH lake")
