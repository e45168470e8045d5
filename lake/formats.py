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


def check(form: str, out: Path | None) -> None:
    """Refuse what cannot be written.

    Raises:
        UsageError: an unknown format, Parquet without a file, or a file in no folder.
    """
    if form not in ("table", *COPY_OPTIONS):
        raise UsageError(f"unknown format {form}; known: table, {', '.join(COPY_OPTIONS)}")
    if form == "parquet" and out is None:
        raise UsageError("Parquet needs a file: add --out FILE")
    if out is not None and not out.absolute().parent.is_dir():
        raise UsageError(f"{out.absolute().parent} is no folder")


def write(answer: Answer, form: str, out: Path | None) -> None:
    """Write an answer's rows to `out`, or to stdout.

    Args:
        answer: of any size; only a table is cut, at 1,000 rows.
        form: `table`, `csv`, `json` (an array of objects) or `parquet` (needs `out`).
        out: a file; replaced when the whole answer is there.

    Raises:
        UsageError: the format does not fit, or the answer's own.
        QueryFailed: the SQL is wrong.
    """
    check(form, out)
    reader = answer.reader()
    # A connection of its own: that of the lake writes nothing.
    temp = Path(tempfile.gettempdir())
    with engine.connect(MEMORY, 1, temp, in_order=True) as connection, _as_ours():
        if form == "table":
            _table(connection, reader, out)
        else:
            connection.from_arrow(reader).create_view("answer")
            _copy(connection, COPY_OPTIONS[form], out)


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
