"""The lines of a flat file, parsed and judged slice by slice."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from ingest import flatfile, parse, rules
from ingest.ahead import mapped
from ingest.exact import Slice
from ingest.flatfile import LINE, UNTOUCHED
from lake.datasets import Dataset
from lake.errors import BadData

log = logging.getLogger(__name__)

NEWLINE = ord("\n")

# The header, lines below it, and the number of the first of them.
Lines = tuple[list[str], bytes, int]


def checked(
    path: Path, name: str, dataset: Dataset, day: date, size: int
) -> Iterator[tuple[Slice, pl.DataFrame]]:
    """The rows that follow the rules, and `line_number` and `reason` of those that do not.

    Args:
        path: a csv.gz.
        name: what errors call it.
        dataset: says which rules there are.
        day: the trading date from the object key.
        size: bytes of text in a slice.

    Raises:
        CorruptFile: it is not a whole gzip file.
        BadData: it lacks a column, or has no content at all.
    """

    def judged(lines: Lines) -> tuple[Slice, pl.DataFrame]:
        header, data, first = lines
        slice_ = parse.typed(data, header, first)
        broken = rules.rejected(slice_, dataset, day)
        return (slice_.without(broken[LINE]) if len(broken) else slice_), broken

    return mapped(judged, numbered(path, name, size))


def numbered(path: Path, name: str, size: int) -> Iterator[Lines]:
    """The lines of a file, slice by slice. Columns that are not ours are warned of once."""
    header: list[str] = []
    first = 2
    for data in flatfile.slices(path, name, size):
        lines = data
        if not header:
            header, lines = flatfile.split_header(data, name)
            unknown = [column for column in header if column not in flatfile.COLUMNS]
            if unknown:
                log.warning("%s: columns left out: %s", name, ", ".join(map(repr, unknown)))
        yield header, lines, first
        # Several times faster than bytes.count, which stops at every match.
        first += int(np.count_nonzero(np.frombuffer(lines, np.uint8) == NEWLINE))
    if not header:
        raise BadData(f"{name}: no content, not even a header; {UNTOUCHED}")
