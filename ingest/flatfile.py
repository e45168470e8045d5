"""A flat file's bytes become slices of whole lines, and lines become rows of text."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import polars as pl
from isal import igzip, isal_zlib

from ingest.sequential import read_once
from lake.errors import BadData, CorruptFile

PRICES = ("open", "close", "high", "low")
COLUMNS = ("ticker", "volume", *PRICES, "window_start", "transactions")
LINE = "line_number"
# What a file that is refused whole leaves, and the one thing to do.
UNTOUCHED = "bronze is as it was: look at the file, the vendor has to mend it"
RAGGED = "ragged"
BOM = b"\xef\xbb\xbf"
# Small enough to stay near the processor and that a day never lies in memory as text; larger
# slices were parsed no faster.
SLICE_BYTES = 4 << 20
# A hundred bytes are usual; without an end a few packed megabytes would fill the memory.
LONGEST_LINE = 1 << 20


def slices(path: Path, name: str, size: int = SLICE_BYTES) -> Iterator[bytes]:
    """The content of a csv.gz in slices that end with a line.

    Args:
        path: the file on disk; a gzip of several members is one content.
        name: what errors call it.
        size: bytes of a slice, roughly.

    Raises:
        CorruptFile: it is empty, cut short, damaged, followed by something else, or not gzip.
        BadData: a line has no end within reason.
    """
    problem = "it is empty"
    if path.stat().st_size:
        try:
            with path.open("rb") as packed:
                read_once(packed)
                yield from _lines(packed, name, size)
            return
        except (EOFError, gzip.BadGzipFile, isal_zlib.error) as error:  # type: ignore[misc]
            problem = str(error)
    raise CorruptFile(f"{name}: not a whole gzip file ({problem}); fetch it again")


def _lines(packed: IO[bytes], name: str, size: int) -> Iterator[bytes]:
    with igzip.open(packed) as content:  # type: ignore[no-untyped-call]
        rest = b""
        while block := content.read(size):
            end = block.rfind(b"\n") + 1
            if end:
                yield rest + block[:end]
                rest = block[end:]
            else:
                rest += block
                if len(rest) > LONGEST_LINE:
                    raise BadData(f"{name}: a line is longer than {LONGEST_LINE:,} bytes")
        if rest:
            yield rest


def split_header(data: bytes, name: str) -> tuple[list[str], bytes]:
    """The column names of a file's first slice, and the lines below.

    Raises:
        BadData: a column is missing or there twice.
    """
    line, _, lines = data.partition(b"\n")
    text = line.removeprefix(BOM).removesuffix(b"\r").decode("utf-8", "replace")
    header = [_unwrap(field) for field in text.split(",")]
    missing = [column for column in COLUMNS if column not in header]
    twice = [column for column in COLUMNS if header.count(column) > 1]
    if missing or twice:
        why = f"{', '.join(missing)} missing" if missing else f"{', '.join(twice)} twice"
        raise BadData(f"{name}: column {why} in the header {text[:200]!r}; {UNTOUCHED}")
    return header, lines


def _unwrap(field: str) -> str:
    return field[1:-1] if len(field) > 1 and field[0] == field[-1] == '"' else field


def positions(header: list[str]) -> list[str]:
    """Names for a reader, by place; columns that are not ours may share a name, so get a number."""
    return [
        column if column in COLUMNS else f"unknown {place}" for place, column in enumerate(header)
    ]


def rows_of_text(data: bytes, header: list[str], first: int) -> pl.DataFrame:
    """Split lines of any shape; slow, for slices that the quick reader does not take.

    Args:
        data: lines below the header.
        header: the file's column names.
        first: number of the first of these lines; the header is line 1.

    Returns:
        A row for each line that is not blank: `line_number` (UInt32), `ragged` (Boolean, it has
        not as many fields as the header) and the vendor's eight columns as String without
        wrapping quotes, null where a field is missing. Surplus fields stay in the last one.
    """
    names = positions(header)
    line = pl.col("line")
    return (
        pl.LazyFrame({"line": data.decode("utf-8", "replace").split("\n")})
        .with_row_index(LINE, offset=first)
        .with_columns(line.str.strip_suffix("\r"))
        .filter(line != "")
        .with_columns((line.str.count_matches(",", literal=True) != len(names) - 1).alias(RAGGED))
        .with_columns(line.str.splitn(",", len(names)).struct.rename_fields(names))
        .unnest("line")
        .select(LINE, RAGGED, *(_unquoted(column) for column in COLUMNS))
        .collect()
    )


def _unquoted(column: str) -> pl.Expr:
    text = pl.col(column)
    wrapped = (text.str.len_bytes() > 1) & text.str.starts_with('"') & text.str.ends_with('"')
    return pl.when(wrapped).then(text.str.slice(1, text.str.len_chars() - 2)).otherwise(text)
