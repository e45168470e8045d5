"""Bytes of each data set in each form: the vendor's CSV, as it came, bronze, silver."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

from flows.report.coverage import Day
from lake.datasets import Dataset
from lake.layout import Layout

# Enough of a file to tell how far it compresses.
SAMPLE = 1 << 20


@dataclass(frozen=True)
class Forms:
    """One data set's bytes by form; all of the same rows, so they compare.

    Attributes:
        csv: about what the flat files unpack to, by a sample of the newest one; None where the lake
            keeps none.
        gz: the flat files as the vendor has them.
        silver: of the current snapshot with its features, None where there is no catalog.
    """

    rows: int
    csv: int | None
    gz: int
    bronze: int
    silver: int | None


def forms(layout: Layout, dataset: Dataset, days: list[Day], silver: int | None) -> Forms:
    """The bytes of one data set, from its days; those of silver are given."""
    have = [day for day in days if day.rows]
    gz = sum(day.source_bytes for day in have)
    landed = (layout.landing(dataset, day.date) for day in reversed(have))
    ratio = next((unpacked(path) for path in landed if path.exists()), None)
    return Forms(
        rows=sum(day.rows for day in have),
        csv=round(gz * ratio) if ratio else None,
        gz=gz,
        bronze=sum(day.bytes for day in have),
        silver=silver,
    )


def unpacked(path: Path) -> float:
    """Bytes that a byte of a gzip file unpacks to, by its beginning."""
    with path.open("rb") as file:
        head = file.read(SAMPLE)
    text = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(head)
    return len(text) / len(head)
