"""One flat file becomes one bronze file, and its bad rows a quarantine file."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from ingest import bronze, duplicates, flatfile, parse, rules
from ingest.bronze import Provenance
from ingest.flatfile import LINE, RAGGED
from ingest.source import RemoteFile
from lake.datasets import Dataset
from lake.errors import BadData
from lake.files import replacing
from lake.layout import Layout

log = logging.getLogger(__name__)

SHOWN = 3
NEWLINE = ord("\n")


@dataclass(frozen=True)
class Limits:
    """What a conversion may do.

    Attributes:
        max_bad_share: a file with a larger share of quarantined rows fails whole, 0 to 1.
        row_group_rows: rows in a row group of the bronze file.
    """

    max_bad_share: float = 0.5
    row_group_rows: int = bronze.ROW_GROUP_ROWS


def convert(
    path: Path,
    layout: Layout,
    dataset: Dataset,
    remote: RemoteFile,
    etag: str,
    limits: Limits,
) -> Provenance:
    """Validate a landed file and write its bronze and quarantine files.

    Every data line ends in one of three ways: kept in bronze, quarantined with its line number
    and reason, or dropped as an exact repetition of a kept one.

    Raises:
        CorruptFile: it is not a whole gzip file.
        BadData: it lacks a column, or more rows are bad than the limit allows. Bronze and
            quarantine are as they were.
    """
    rows, bad = _checked(path, dataset, remote)
    rows, conflicting, dropped = duplicates.settle(rows, dataset)
    if len(conflicting):
        reason = pl.lit(duplicates.CONFLICT).alias(rules.REASON)
        bad = pl.concat([bad, conflicting.to_frame().with_columns(reason)]).sort(LINE)
    total = len(rows) + len(bad) + dropped
    if len(bad) > limits.max_bad_share * total:
        raise BadData(_verdict(remote.key, bad, total))
    provenance = Provenance(
        key=remote.key,
        etag=etag,
        bytes=remote.size,
        mtime_ns=remote.mtime_ns,
        rows_in=total,
        rows_kept=len(rows),
        rows_quarantined=len(bad),
        duplicates_dropped=dropped,
    )
    # Quarantine goes first: until bronze is renamed, the day counts as not done.
    _quarantine(layout.quarantine(dataset, remote.day), bad, path, remote.key)
    target = layout.bronze(dataset, remote.day)
    bronze.write(target, rows, dataset, remote.day, provenance, limits.row_group_rows)
    return provenance


def _checked(path: Path, dataset: Dataset, remote: RemoteFile) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The typed rows that follow the rules, and line numbers with reasons of the others."""
    good, bad = [], []
    for header, data, first in _numbered(path, remote.key):
        rows = parse.typed(data, header, first)
        broken = rules.rejected(rows, dataset, remote.day)
        if len(broken):
            rows = rows.filter(~pl.col(LINE).is_in(broken[LINE].implode()))
        good.append(rows)
        bad.append(broken)
    unknown = [column for column in header if column not in flatfile.COLUMNS]
    if unknown:
        log.warning("%s: columns left out: %s", remote.key, ", ".join(unknown))
    return parse.joined(good), pl.concat(bad)


def _numbered(path: Path, name: str) -> Iterator[tuple[list[str], bytes, int]]:
    """The header, lines below it, and the number of the first of them, slice by slice."""
    header: list[str] = []
    first = 2
    for data in flatfile.slices(path, name):
        lines = data
        if not header:
            header, lines = flatfile.split_header(data, name)
        yield header, lines, first
        # Several times faster than bytes.count, which stops at every match.
        first += int(np.count_nonzero(np.frombuffer(lines, np.uint8) == NEWLINE))
    if not header:
        raise BadData(f"{name}: no content, not even a header")


def _verdict(name: str, bad: pl.DataFrame, rows: int) -> str:
    first = "; ".join(f"line {line}: {reason}" for line, reason in bad.head(SHOWN).iter_rows())
    return f"{name}: {len(bad)} of {rows} rows are bad, more than max_bad_share allows ({first})"


def _quarantine(target: Path, bad: pl.DataFrame, path: Path, name: str) -> None:
    """Keep the text of the bad rows, or remove what an earlier version of the file left."""
    if not len(bad):
        target.unlink(missing_ok=True)
        return
    # Bad rows are few, so their text is looked up now instead of carried along.
    wanted = pl.col(LINE).is_in(bad[LINE].implode())
    texts = []
    for header, data, first in _numbered(path, name):
        if bad[LINE].is_between(first, first + data.count(b"\n")).any():
            texts.append(flatfile.rows_of_text(data, header, first).filter(wanted))
    with replacing(target) as temporary:
        pl.concat(texts).drop(RAGGED).join(bad, on=LINE).sort(LINE).write_parquet(temporary)
