"""Opening the catalog: DuckDB with the lake attached, and the published snapshots as views."""

from __future__ import annotations

import fcntl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import duckdb_extensions

from lake import archive, engine, shared
from lake.datasets import DATASETS
from lake.errors import CorruptFile, NotBuilt
from lake.files import read_json
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
    """The ATTACH of the lake, as profiles.yml has it for dbt.

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


def exists(layout: Layout) -> bool:
    """Whether the lake has a catalog."""
    return layout.shared.exists() if layout.shared else layout.catalog.exists()


def name(layout: Layout) -> str:
    """The catalog, as messages call it."""
    return str(layout.shared or layout.catalog)


@dataclass(frozen=True)
class Published:
    """One table of silver as it is served: its snapshot, and the dbt run that published it.

    A catalog that was rebuilt counts its snapshots from the start; the run tells it apart.
    """

    snapshot: int
    run: str


def tables(layout: Layout) -> dict[str, Published]:
    """Every published table of silver: the data sets, reference tables and aggregates."""
    if layout.shared:
        return {name: Published(*entry) for name, entry in layout.shared.published().items()}
    return {
        name: Published(int(entry["snapshot"]), str(entry["run"]))
        for name, entry in read_json(layout.published).items()
    }


def published(layout: Layout) -> dict[str, int]:
    """The published snapshot of each data set that has one."""
    found = tables(layout)
    return {name: found[name].snapshot for name in DATASETS if name in found}


def connect(
    layout: Layout,
    memory_limit: str,
    threads: int,
    *,
    in_order: bool = True,
    served: Mapping[str, Published] | None = None,
    archived: bool = True,
) -> duckdb.DuckDBPyConnection:
    """A connection whose `silver.<table>` are the published snapshots, read-only.

    `archive.<data set>`, of options, has the rows that left silver for the archive too.
    `metadata.<table>` are the marts that dbt leaves as Parquet files. Files outside the lake are
    out of reach. Stages use it; people use `lake.connect`, which also keeps a COPY from writing
    into the lake.

    Args:
        layout: the lake.
        memory_limit: as of `lake.engine`, like the next.
        threads: at the same time.
        in_order: whether rows come in the order of their files (`lake.engine`).
        served: what to serve; what is published now by default.
        archived: whether `silver.<data set>` is all of `archive.<data set>`, as stages want it.

    Raises:
        NotBuilt: the lake holds no published data set yet.
        CorruptFile: its catalog cannot be read, or lacks what is published.
    """
    served = tables(layout) if served is None else served
    if not set(served) & set(DATASETS):
        raise NotBuilt(f"nothing is published in {layout.root}; run `quantmini run` first")
    layout.temp.mkdir(parents=True, exist_ok=True)
    connection = engine.connect(memory_limit, threads, layout.temp, in_order=in_order)
    try:
        attach(connection, layout, read_only=True)
        _serve(connection, layout, served, archived=archived)
    except duckdb.Error as error:
        if layout.shared:
            raise
        raise damaged(layout, str(error).partition("\n")[0]) from error
    connection.execute("CREATE SCHEMA metadata")
    for path in layout.marts():
        connection.execute(f"CREATE VIEW metadata.{path.stem} AS FROM read_parquet({quoted(path)})")
    confine(connection, layout)
    return connection


def _serve(
    connection: duckdb.DuckDBPyConnection,
    layout: Layout,
    served: Mapping[str, Published],
    *,
    archived: bool,
) -> None:
    """Make `silver.<table>` and `archive.<data set>` of the published snapshots."""
    connection.execute("CREATE SCHEMA silver")
    connection.execute("CREATE SCHEMA archive")
    for name, table in served.items():
        rows = f"SELECT * FROM lake.silver.{name} AT (VERSION => {table.snapshot})"
        if name in archive.NAMES:
            every = archive.every_row(connection, layout, name, table.snapshot)
            connection.execute(f"CREATE VIEW archive.{name} AS {every}")
            rows = every if archived else rows
        connection.execute(f"CREATE VIEW silver.{name} AS {rows}")


def damaged(layout: Layout, why: str) -> CorruptFile:
    """A catalog that is no use as it is, and what helps."""
    return CorruptFile(
        f"{layout.catalog} is damaged ({why}); put a backup of {layout.backups} in its place "
        "(docs/maintenance.md), or make silver anew with `quantmini maintain rebuild`"
    )


def confine(connection: duckdb.DuckDBPyConnection, layout: Layout) -> None:
    """Keep a connection to the files of its lake, for good, and let it remember their footers."""
    places = [f"{layout.root}/", *([layout.shared.bucket.path] if layout.shared else [])]
    for setting in (
        "parquet_metadata_cache = true",
        f"allowed_directories = [{', '.join(map(quoted, places))}]",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        connection.execute(f"SET GLOBAL {setting}")
