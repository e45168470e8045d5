"""Bronze against landing: what the vendor's file gives when it is converted once more."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from hashlib import file_digest
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from ingest.bronze import Provenance, read_provenance
from ingest.convert import ConvertOptions, convert
from ingest.source import RemoteFile
from lake.datasets import Dataset
from lake.disk import is_full
from lake.errors import QuantminiError
from lake.layout import Layout
from lake.maintenance.verify import Difference, checksum

# An ETag that is the content's MD5; that of an upload in parts is none.
MD5 = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Checked:
    """Days of a data set that were converted again, and those whose landing is not kept."""

    days: int
    not_kept: int
    differences: list[Difference]


def bronze_against_landing(
    connection: duckdb.DuckDBPyConnection,
    layout: Layout,
    dataset: Dataset,
    options: ConvertOptions,
    on_day: Callable[[object, int, int], None] | None = None,
) -> Checked:
    """Check each bronze file's own accounts, and its rows against its landing file.

    Args:
        connection: any; it reads Parquet files.
        layout: the lake.
        dataset: what to check.
        options: of the conversion; its share of bad rows does not count.
        on_day: called after each day with the day, the days done and their total.
    """
    files = layout.bronze_files(dataset)
    found: list[Difference] = []
    options = replace(options, max_bad_share=1)
    missing = 0
    for number, (day, path) in enumerate(files.items(), start=1):
        landed = layout.landed(dataset, day)
        missing += landed is None
        complaint = _accounts(layout, dataset, day, path)
        if complaint is None and landed is not None:
            complaint = _rows(connection, layout, dataset, path, landed, options)
        if complaint:
            found.append(Difference(dataset.name, day, complaint))
        if on_day:
            on_day(day, number, len(files))
    return Checked(len(files) - missing, missing, found)


def _accounts(layout: Layout, dataset: Dataset, day: date, path: Path) -> str | None:
    """What is wrong with a bronze file by itself; None where all is well."""
    known = read_provenance(path)
    if known is None:
        return f"{path} cannot be read or does not say what it was made from{_remedy(path)}"
    quarantine = layout.quarantine(dataset, day)
    try:
        rejected = pq.read_metadata(quarantine).num_rows if quarantine.exists() else 0
    except (pa.ArrowException, OSError) as error:
        return f"{quarantine} cannot be read: {error}{_remedy(path)}"
    found, told = (
        (pq.read_metadata(path).num_rows, rejected),
        (known.rows_kept, known.rows_quarantined),
    )
    if found == told:
        return None
    return (
        f"bronze has {found[0]:,} rows and quarantine {found[1]:,}, the footer says {told[0]:,} "
        f"and {told[1]:,}{_remedy(path)}"
    )


def _rows(
    connection: duckdb.DuckDBPyConnection,
    layout: Layout,
    dataset: Dataset,
    path: Path,
    landed: Path,
    options: ConvertOptions,
) -> str | None:
    """How a bronze file differs from its landed file; None where it does not."""
    known = read_provenance(path)
    if known is None or not _is_source(landed, known):
        return (
            f"{landed} is not the file that bronze was made from; `quantmini run` takes it in, or "
            "says what is wrong with it and bronze keeps the version before; if it is damaged, "
            "remove it"
        )
    try:
        equal = _same_again(connection, layout, dataset, path, landed, known, options)
    except (QuantminiError, duckdb.Error, OSError) as error:
        if is_full(error):
            raise
        return f"{error}{_remedy(path)}"
    return None if equal else f"{landed} gives other rows than bronze has{_remedy(path)}"


def _remedy(path: Path) -> str:
    return f"; move {path} away and run `quantmini run`, which makes it again"


def _is_source(landed: Path, known: Provenance) -> bool:
    """Whether a landed file has the size and, where the provenance has one, the checksum."""
    if landed.stat().st_size != known.bytes:
        return False
    if not MD5.fullmatch(known.etag):
        return True
    with landed.open("rb") as file:
        return file_digest(file, "md5").hexdigest() == known.etag


def _same_again(
    connection: duckdb.DuckDBPyConnection,
    layout: Layout,
    dataset: Dataset,
    path: Path,
    landed: Path,
    known: Provenance,
    options: ConvertOptions,
) -> bool:
    """Whether the landed file becomes the same rows once more."""
    day = date.fromisoformat(path.stem)
    layout.temp.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=layout.temp) as folder:
        scratch = Layout(Path(folder))
        remote = RemoteFile(known.key, day, known.bytes, known.etag, known.mtime_ns)
        convert(landed, scratch, dataset, remote, known.etag, options)
        sql = f"SELECT {checksum(dataset)} FROM read_parquet(?, hive_partitioning = false)"
        files = (path, scratch.bronze(dataset, day))
        sums = [connection.execute(sql, [str(file)]).fetchall() for file in files]
    return sums[0] == sums[1]
