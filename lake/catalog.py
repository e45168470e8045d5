"""The catalog: what is published, and a DuckDB that serves it as views."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from lake import archive, engine
from lake.attaching import attach
from lake.datasets import DATASETS
from lake.errors import CorruptFile, NotBuilt, OutOfMemory, QuantminiError, UsageError
from lake.files import read_json
from lake.layout import Layout
from lake.sql import quoted

# What SQLite says of a catalog that is whole, to a user who may not have it.
NO_ACCESS = ("unable to open database file", "readonly database")


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
    """Every published table of silver: the data sets, reference tables and aggregates.

    Raises:
        CorruptFile: the file that says so is damaged.
    """
    if layout.shared:
        return {name: Published(*entry) for name, entry in layout.shared.published().items()}
    try:
        return {
            name: Published(int(entry["snapshot"]), str(entry["run"]))
            for name, entry in read_json(layout.published).items()
        }
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise misleading(layout, f"{type(error).__name__}: {error}") from error


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
        CorruptFile: its catalog is damaged, or lacks what is published.
        UsageError: this user may not open it.
        OutOfMemory: the memory limit is too small for it.
    """
    served = tables(layout) if served is None else served
    if not set(served) & set(DATASETS):
        raise NotBuilt(
            f"nothing is published in {layout.root}; run `quantmini run` first, or name another "
            "lake by QUANTMINI_LAKE"
        )
    layout.temp.mkdir(parents=True, exist_ok=True)
    connection = engine.connect(memory_limit, threads, layout.temp, in_order=in_order)
    try:
        attach(connection, layout, read_only=True)
        _serve(connection, layout, served, archived=archived)
    except duckdb.Error as error:
        if layout.shared:
            raise
        raise _by_remedy(layout, error) from error
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


def _by_remedy(layout: Layout, error: duckdb.Error) -> QuantminiError:
    """What opening the catalog failed for."""
    why = str(error).partition("\n")[0]
    if "No snapshot found" in why:
        return misleading(layout, why)
    if isinstance(error, duckdb.OutOfMemoryException):
        return OutOfMemory(f"{why}; raise processing.max_memory_gb")
    if any(words in why for words in NO_ACCESS):
        return UsageError(
            f"{layout.catalog} cannot be opened ({why}): readers need to read it and to write in "
            f"its folder, where SQLite keeps the log that they share; give this user both"
        )
    return damaged(layout, why)


def misleading(layout: Layout, why: str) -> CorruptFile:
    """A list of what is published that is no use as it is, and what helps."""
    return CorruptFile(
        f"{layout.published} does not say what is published ({why}); delete it and "
        f"{layout.transformed}, then `quantmini transform`"
    )


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
