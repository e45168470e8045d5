"""Answers to a person's SQL, in the format asked for."""

from __future__ import annotations

import contextlib
import io
import shutil
import sys
import tempfile
from pathlib import Path

import duckdb

from lake.errors import QueryFailed, UsageError
from lake.sql import quoted

COPY_OPTIONS = {
    "csv": "FORMAT csv, HEADER true",
    "json": "FORMAT json, ARRAY true",
    "parquet": "FORMAT parquet, COMPRESSION zstd",
}


def answer(connection: duckdb.DuckDBPyConnection, sql: str, form: str, out: Path | None) -> None:
    """Run one query and write its rows to `out`, or to stdout.

    Args:
        connection: the published lake.
        sql: one statement that gives rows.
        form: `table`, `csv`, `json` (an array of objects) or `parquet` (needs `out`).
        out: a file; replaced when the whole answer is there.

    Raises:
        UsageError: the format does not fit.
        QueryFailed: the SQL is wrong or gives no rows.
    """
    if form not in ("table", *COPY_OPTIONS):
        raise UsageError(f"unknown format {form}; known: table, {', '.join(COPY_OPTIONS)}")
    if form == "parquet" and out is None:
        raise UsageError("Parquet needs a file: add --out FILE")
    try:
        relation = connection.sql(sql)
        if relation is None:
            raise QueryFailed("the statement gives no rows; the lake is read-only here, use SELECT")
        if form == "table":
            _table(relation, out)
        else:
            relation.create_view("answer", replace=True)
            _copy(connection, COPY_OPTIONS[form], out)
    except duckdb.Error as error:
        raise QueryFailed(str(error)) from None


def _table(relation: duckdb.DuckDBPyRelation, out: Path | None) -> None:
    """A table of at most 1,000 rows, cut to a terminal's width, whole columns elsewhere."""
    width = shutil.get_terminal_size().columns if out is None and sys.stdout.isatty() else 10_000
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        relation.show(max_width=width, max_rows=1_000)
    if out is None:
        sys.stdout.write(text.getvalue())
    else:
        out.write_text(text.getvalue(), encoding="utf-8")


def _copy(connection: duckdb.DuckDBPyConnection, options: str, out: Path | None) -> None:
    """COPY to a file, or through a temporary file to stdout."""
    with tempfile.TemporaryDirectory(dir=out.parent if out else None) as folder:
        part = Path(folder) / "answer"
        connection.execute(f"COPY (FROM answer) TO {quoted(part)} ({options})")
        if out is not None:
            part.replace(out)
        else:
            sys.stdout.write(part.read_text(encoding="utf-8"))
