"""One flat file becomes one bronze file, and its bad rows a quarantine file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ingest import bronze, duplicates, flatfile, rules
from ingest.bronze import Provenance
from ingest.checked import checked, numbered
from ingest.draft import Draft, Writer
from ingest.exact import Slice
from ingest.flatfile import LINE, RAGGED, UNTOUCHED
from ingest.join import joined
from ingest.source import RemoteFile
from lake.datasets import Dataset
from lake.errors import BadData
from lake.files import replacing
from lake.layout import Layout

SHOWN = 3


@dataclass(frozen=True)
class ConvertOptions:
    """What a conversion may do.

    Attributes:
        max_bad_share: a file with a larger share of quarantined rows fails whole, 0 to 1.
        row_group_rows: rows in a row group of the bronze file.
        slice_bytes: how much text is parsed at once.
        encoding: of the bronze file.
    """

    max_bad_share: float = 0.5
    row_group_rows: int = bronze.ROW_GROUP_ROWS
    slice_bytes: int = flatfile.SLICE_BYTES
    encoding: bronze.Encoding = bronze.MEASURED


def convert(
    path: Path,
    layout: Layout,
    dataset: Dataset,
    remote: RemoteFile,
    etag: str,
    options: ConvertOptions,
) -> Provenance:
    """Validate a landed file and write its bronze and quarantine files.

    Every data line ends in one of three ways: kept in bronze, quarantined with its line number
    and reason, or dropped as an exact repetition of a kept one.

    Raises:
        CorruptFile: it is not a whole gzip file.
        BadData: it lacks a column, or more rows are bad than the limit allows. Bronze and
            quarantine are as they were.
    """
    target = layout.bronze(dataset, remote.day)
    form = (options.row_group_rows, options.encoding)
    with replacing(target) as temporary:
        with Writer(temporary, dataset, remote.day, *form) as writer:
            draft = Draft(writer)
            good, broken = [], []
            for slice_, judged in checked(
                path, remote.key, dataset, remote.day, options.slice_bytes
            ):
                draft.add(slice_)
                good.append(slice_)
                broken.append(judged)
            bad = pl.concat(broken)
            if draft.holds:
                kept = sum(len(slice_.rows) for slice_ in good)
                provenance = _balance(kept, bad, 0, remote, etag, options)
                writer.finish(provenance)
        if not draft.holds:
            day = joined(good)
            good.clear()
            day, bad, dropped = _settled(day, bad, dataset)
            provenance = _balance(len(day.rows), bad, dropped, remote, etag, options)
            with Writer(temporary, dataset, remote.day, *form) as writer:
                writer.add(day)
                writer.finish(provenance)
        os.utime(temporary, ns=(remote.mtime_ns, remote.mtime_ns))
        # Until bronze is renamed, the day counts as not done.
        _quarantine(layout.quarantine(dataset, remote.day), bad, path, remote.key, options)
    return provenance


def _settled(day: Slice, bad: pl.DataFrame, dataset: Dataset) -> tuple[Slice, pl.DataFrame, int]:
    """The day in order without duplicates, the bad rows with the conflicting ones, the dropped."""
    rows, conflicting, dropped = duplicates.settle(day.rows, dataset)
    reason = pl.lit(duplicates.CONFLICT).alias(rules.REASON)
    if len(conflicting):
        bad = pl.concat([bad, conflicting.to_frame().with_columns(reason)]).sort(LINE)
    return Slice(rows, day.scales), bad, dropped


def _balance(
    kept: int,
    bad: pl.DataFrame,
    dropped: int,
    remote: RemoteFile,
    etag: str,
    options: ConvertOptions,
) -> Provenance:
    """What became of every line, or BadData where too many are bad."""
    total = kept + len(bad) + dropped
    if len(bad) > options.max_bad_share * total:
        raise BadData(_verdict(remote.key, bad, total))
    return Provenance(
        key=remote.key,
        etag=etag,
        bytes=remote.size,
        mtime_ns=remote.mtime_ns,
        rows_in=total,
        rows_kept=kept,
        rows_quarantined=len(bad),
        duplicates_dropped=dropped,
    )


def _verdict(name: str, bad: pl.DataFrame, rows: int) -> str:
    first = "; ".join(f"line {line}: {reason}" for line, reason in bad.head(SHOWN).iter_rows())
    return (
        f"{name}: {len(bad)} of {rows} rows are bad, more than processing.max_bad_share allows "
        f"({first}); {UNTOUCHED}"
    )


def _quarantine(
    target: Path, bad: pl.DataFrame, path: Path, name: str, options: ConvertOptions
) -> None:
    """Keep the text of the bad rows, or remove what an earlier version of the file left."""
    if not len(bad):
        target.unlink(missing_ok=True)
        return
    # Bad rows are few, so their text is looked up now instead of carried along.
    wanted = pl.col(LINE).is_in(bad[LINE].implode())
    texts = []
    for header, data, first in numbered(path, name, options.slice_bytes):
        if bad[LINE].is_between(first, first + data.count(b"\n")).any():
            texts.append(flatfile.rows_of_text(data, header, first).filter(wanted))
    with replacing(target) as temporary:
        pl.concat(texts).drop(RAGGED).join(bad, on=LINE).sort(LINE).write_parquet(temporary)
