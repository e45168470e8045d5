"""Small day files of stocks, many in one parse: what a file costs by itself would be most of it."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest import bronze, flatfile, parse, rules
from ingest.bronze import Provenance
from ingest.convert import ConvertOptions
from ingest.draft import Writer
from ingest.exact import PRICE_SCALE, VOLUME_SCALE, Slice
from ingest.source import RemoteFile
from lake.datasets import Dataset
from lake.errors import QuantminiError
from lake.files import replacing
from lake.layout import Layout

# A packed file up to this size is small, and so many of them are one parse.
SMALL_BYTES = 64 << 10
FILES = 16


@dataclass(frozen=True)
class Landed:
    """A fetched file, the version of its content, and how long it took to come."""

    remote: RemoteFile
    path: Path
    etag: str
    seconds: float


def suits(dataset: Dataset, remote: RemoteFile) -> bool:
    """Whether a file may be converted together with others."""
    return dataset.asset == "stocks" and not dataset.minute and remote.size <= SMALL_BYTES


def convert_together(
    files: list[Landed], layout: Layout, dataset: Dataset, options: ConvertOptions
) -> dict[date, Provenance]:
    """Write the bronze files of those days in which nothing at all is to be mended.

    Days that are left out go the ordinary way, which also says what is wrong with them.
    """
    texts = [(file, text) for file in files if (text := _regular(file))]
    if not texts:
        return {}
    counts = [text.count(b"\n") for _, text in texts]
    slice_ = parse.quick(b"".join(text for _, text in texts), [*flatfile.COLUMNS], 2)
    if slice_ is None or slice_.scales != (PRICE_SCALE, VOLUME_SCALE):
        return {}
    ends = np.cumsum(counts)
    if len(slice_.rows) != sum(counts):
        return {}
    fit = _fit(slice_, [file.remote for file, _ in texts], counts)
    rows = bronze.table(slice_, dataset, files[0].remote.day)
    # A slice of the names' dictionary would be written whole.
    names = slice_.rows["ticker"].to_arrow().cast(pa.string())
    rows = rows.set_column(0, rows.schema.field(0).with_type(pa.string()), names)
    made = {}
    # All are written before the first is synced, since one sync then does most of the others'.
    with ExitStack() as renamed_at_the_end:
        for (file, _), end, count in zip(texts, ends, counts, strict=True):
            if fit[end - count : end].all():
                day = file.remote.day
                # Until bronze is renamed, the day counts as not done.
                layout.quarantine(dataset, day).unlink(missing_ok=True)
                target = replacing(layout.bronze(dataset, day))
                temporary = renamed_at_the_end.enter_context(target)
                made[day] = _write(
                    rows.slice(end - count, count), file, temporary, dataset, options
                )
    return made


def _regular(file: Landed) -> bytes | None:
    """The lines below the header; None where the file is damaged, large, or its header unusual."""
    try:
        slices = list(flatfile.slices(file.path, file.remote.key))
        header, lines = flatfile.split_header(slices[0], file.remote.key)
    except (QuantminiError, IndexError):
        return None
    usual = len(slices) == 1 and header == [*flatfile.COLUMNS] and lines.endswith(b"\n")
    return lines if usual else None


def _fit(slice_: Slice, remotes: list[RemoteFile], counts: list[int]) -> npt.NDArray[np.bool_]:
    """Whether each row follows every rule and, in its file, the row before it."""
    bounds = [rules.bounds(remote.day) for remote in remotes]
    begin, end = (np.repeat(each, counts) for each in zip(*bounds, strict=True))
    tickers = slice_.rows["ticker"]
    if not rules.plain(tickers.to_list()):
        return np.zeros(len(tickers), np.bool_)
    follows = np.concatenate([[True], (tickers[1:] > tickers[:-1]).to_numpy()])
    follows[np.cumsum([0, *counts[:-1]])] = True
    conditions = rules.conditions(slice_, begin, end)
    fit: npt.NDArray[np.bool_] = np.all([follows, *conditions], axis=0)
    return fit


def _write(
    rows: pa.Table, file: Landed, path: Path, dataset: Dataset, options: ConvertOptions
) -> Provenance:
    remote, count = file.remote, len(rows)
    known = Provenance(remote.key, file.etag, remote.size, remote.mtime_ns, count, count, 0, 0)
    dates = pa.DictionaryArray.from_arrays(np.zeros(count, np.int32), pa.array([remote.day]))
    with Writer(path, dataset, remote.day, options.row_group_rows, options.encoding) as writer:
        writer.write(rows.set_column(1, rows.schema.field("date"), dates))
        writer.close(known)
    os.utime(path, ns=(remote.mtime_ns, remote.mtime_ns))
    return known
