"""Answers as files and as text: a table for a person, CSV, JSON or Parquet for a program."""

from __future__ import annotations

import contextlib
import io
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
from duckdb.sqltypes import DuckDBPyType

from lake import engine
from lake.answer import Answer
from lake.errors import QueryFailed, UsageError
from lake.sql import quoted

COPY_OPTIONS = {
    "csv": "FORMAT csv, HEADER true",
    "json": "FORMAT json, ARRAY true",
    "parquet": "FORMAT parquet, COMPRESSION zstd",
}
# A table is for reading; what is longer is for a program.
TABLE_ROWS = 1_000
# Rows only pass through.
MEMORY = "1GiB"


def chosen(form: str | None, out: Path | None) -> str:
    """The format: as it is named, else as the file's name ends, else a table.

    Raises:
        UsageError: it is unknown or cannot be written: Parquet without a file, a file in no folder.
    """
    if form is None:
        ending = out.suffix.lower().removeprefix(".") if out else ""
        form = ending if ending in COPY_OPTIONS else "table"
    if form not in ("table", *COPY_OPTIONS):
        raise UsageError(f"unknown format {form}; known: table, {', '.join(COPY_OPTIONS)}")
    if form == "parquet" and out is None:
        raise UsageError("Parquet needs a file: add --out FILE")
    if out is not None and not out.absolute().parent.is_dir():
        raise UsageError(f"{out.absolute().parent} is no folder")
    if out is not None and out.is_dir():
        raise UsageError(f"{out} is a folder; --out names the file to write")
    return form


def write(answer: Answer, form: str | None, out: Path | None) -> None:
    """Write an answer's rows to `out`, or to stdout.

    Args:
        answer: of any size; only a table is cut, at 1,000 rows.
        form: `table`, `csv`, `json` (an array of objects; what is not finite is null) or `parquet`
            (needs `out`); None as `out` ends, else a table.
        out: a file; replaced when the whole answer is there.

    Raises:
        UsageError: the format does not fit, or the answer's own.
        QueryFailed: the SQL is wrong.
    """
    form = chosen(form, out)
    reader = _told_apart(answer.reader())
    # A connection of its own: that of the lake writes nothing.
    temp = Path(tempfile.gettempdir())
    with engine.connect(MEMORY, 1, temp, in_order=True) as connection, _as_ours():
        if form == "table":
            _table(connection, reader, out)
        else:
            rows = connection.from_arrow(reader)
            if form == "json":
                rows = rows.project(", ".join(map(_finite, rows.columns, rows.types)))
            rows.create_view("answer")
            _copy(connection, COPY_OPTIONS[form], out)


def _told_apart(reader: pa.RecordBatchReader) -> pa.RecordBatchReader:
    """The same rows with each column's name once: a join may have two, which nobody can select."""
    names: list[str] = []
    for name in reader.schema.names:
        number, fit = 0, name
        while fit in names:
            number += 1
            fit = f"{name}_{number}"
        names.append(fit)
    fields = [field.with_name(name) for field, name in zip(reader.schema, names, strict=True)]
    schema = pa.schema(fields)
    batches = (pa.RecordBatch.from_arrays(batch.columns, schema=schema) for batch in reader)
    return pa.RecordBatchReader.from_batches(schema, batches)


@contextlib.contextmanager
def _as_ours() -> Iterator[None]:
    """What fails while the rows come is the query's affair."""
    try:
        yield
    except duckdb.Error as error:
        raise QueryFailed(str(error)) from None


def _table(
    connection: duckdb.DuckDBPyConnection, reader: pa.RecordBatchReader, out: Path | None
) -> None:
    """The first rows, cut to a terminal's width; whole columns elsewhere."""
    found = connection.from_arrow(reader).limit(TABLE_ROWS + 1).to_arrow_table()
    width = shutil.get_terminal_size().columns if out is None and sys.stdout.isatty() else 10_000
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        shown = connection.from_arrow(found.slice(0, TABLE_ROWS))
        shown.show(max_width=width, max_rows=TABLE_ROWS)
    if out is None:
        sys.stdout.write(text.getvalue())
    else:
        out.write_text(text.getvalue(), encoding="utf-8")
    if found.num_rows > TABLE_ROWS:
        sys.stderr.write(f"the first {TABLE_ROWS:,} rows; --format csv writes all\n")


def _finite(column: str, kind: DuckDBPyType) -> str:
    """SQL of a column as JSON can have it, which knows neither infinity nor NaN."""
    name = '"' + column.replace('"', '""') + '"'
    if str(kind) not in ("DOUBLE", "FLOAT"):
        return name
    return f"CASE WHEN isfinite({name}) THEN {name} END AS {name}"


def _copy(connection: duckdb.DuckDBPyConnection, options: str, out: Path | None) -> None:
    """COPY to a file, or through a temporary file to stdout."""
    with tempfile.TemporaryDirectory(dir=out.parent if out else None) as folder:
        part = Path(folder) / "answer"
        connection.execute(f"COPY (FROM answer) TO {quoted(part)} ({options})")
        if out is not None:
            part.replace(out)
            return
        with part.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
