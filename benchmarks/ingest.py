"""Ingest against its peers.

Ours does everything: every rule, order, exact decimals, provenance, sync and rename. The peers
check nothing, keep doubles and do not sync.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import polars as pl
from isal import igzip

from benchmarks.market import bars, publish, shifted
from benchmarks.measure import Case, cost, rounds
from benchmarks.peers import duckdb_copy, pandas_loop, polars_scan, pyarrow_csv
from benchmarks.results import Section, compared
from ingest import flatfile
from ingest.convert import ConvertOptions, convert
from ingest.loader import ingest
from ingest.sample_bars import Session, day_bars
from ingest.source import DirectorySource, RemoteFile
from lake.datasets import DATASETS, Dataset
from lake.layout import Layout
from lake.profile import Mode, limits_for

MINUTE, DAILY = DATASETS["stocks_minute"], DATASETS["stocks_daily"]
FIRST = date(2024, 6, 10)
MODES: tuple[Mode, ...] = ("streaming", "batch", "parallel")


def sections(root: Path, quick: bool) -> list[Section]:
    """One minute day, ten of them, many small day files, and bytes."""
    symbols, count, small = (600, 2, 12) if quick else (13_000, 10, 250)
    again = 1 if quick else 5
    bucket = root / "bucket"
    # Made in another process, so that this one starts no threads before it forks.
    cost(lambda _: write_bucket(bucket, symbols, count, small), root / "write")
    minutes, days = files(bucket, MINUTE), files(bucket, DAILY)
    rows = {name: lines(first_of(part)) for name, part in (("minute", minutes), ("day", days))}
    first = dict(list(minutes.items())[:1])
    floors: dict[str, Case] = {
        "floor: inflate": each(first, inflate),
        "floor: inflate and parse": each(first, parse),
    }
    text = "{:,} rows{}, medians of {}; `convert` alone where ours is not the whole stage."
    return [
        compared(
            "Ingest, a minute day",
            text.format(rows["minute"], "", again),
            rounds(minute_cases(first) | floors, again, root / "day"),
            rows["minute"],
        ),
        compared(
            f"Ingest, {count} minute days",
            text.format(rows["minute"], f" a day, {count} days", max(1, again // 2)),
            rounds(
                {"ours": whole_stage(MINUTE, bucket)} | minute_cases(minutes, alone=False),
                max(1, again // 2),
                root / "days",
            ),
            rows["minute"] * count,
        ),
        compared(
            f"Ingest, {small} small day files",
            text.format(rows["day"], f" a file, {small} files", again),
            rounds(
                {
                    "ours": whole_stage(DAILY, bucket),
                    "polars scan and sink": each(days, polars_scan.convert),
                },
                again,
                root / "small",
            ),
            rows["day"] * small,
        ),
        sizes(first, root),
    ]


def write_bucket(bucket: Path, symbols: int, count: int, small: int) -> None:
    """Minute days of a market's size, and day files of a thousand symbols."""
    minute, few = bars(symbols, FIRST), day_bars(bars(1_000, FIRST), Session(FIRST, 720))
    for dataset, rows, number in ((MINUTE, minute, count), (DAILY, few, small)):
        for ahead in range(number):
            day = FIRST + timedelta(days=ahead)
            publish(bucket, dataset, day, shifted(rows, day, FIRST))


def files(bucket: Path, dataset: Dataset) -> dict[date, Path]:
    """The flat files of a data set by day."""
    return {file.day: bucket / file.key for file in DirectorySource(bucket).list(dataset)}


def first_of(some: dict[date, Path]) -> Path:
    """The file of the first day."""
    return next(iter(some.values()))


def lines(path: Path) -> int:
    """Data lines of a flat file."""
    with igzip.open(path) as content:
        return sum(1 for _ in content) - 1


def minute_cases(some: dict[date, Path], *, alone: bool = True) -> dict[str, Case]:
    """Ours, `convert` alone, and the peers, file by file."""
    peers = {
        "polars scan and sink": polars_scan.convert,
        "DuckDB COPY": duckdb_copy.convert,
        "pyarrow": pyarrow_csv.convert,
        "the seed's pandas loop": pandas_loop.convert,
    }
    cases: dict[str, Case] = {"ours": partial(ours, MINUTE, some)} if alone else {}
    return cases | {name: each(some, peer) for name, peer in peers.items()}


def ours(dataset: Dataset, some: dict[date, Path], out: Path) -> None:
    """`convert`, file by file, with the limits of streaming mode."""
    for day, path in some.items():
        convert(path, Layout(out), dataset, remote(dataset, day, path), "etag", bounds("streaming"))


def bounds(mode: Mode) -> ConvertOptions:
    """What a conversion may do in a mode."""
    chosen = limits_for(mode, 24, 2)
    return ConvertOptions(
        row_group_rows=chosen.parquet_row_group_size,
        slice_bytes=chosen.slice_bytes,
    )


def remote(dataset: Dataset, day: date, path: Path) -> RemoteFile:
    """What a source lists of this file."""
    facts = path.stat()
    return RemoteFile(dataset.object_key(day), day, facts.st_size, None, facts.st_mtime_ns)


def whole_stage(dataset: Dataset, source: Path) -> Case:
    """The stage itself: listing, copying to landing with its MD5, convert, watermarks."""

    def case(out: Path) -> None:
        report = ingest(
            Layout(out), DirectorySource(source), [dataset], options=bounds("streaming")
        )
        if report.failed:
            raise SystemExit(report.failed[0].error)

    return case


def each(some: dict[date, Path], peer: Callable[[Path, Path], None]) -> Case:
    """A peer, file by file."""

    def case(out: Path) -> None:
        for day, path in some.items():
            peer(path, out / f"{day}.parquet")

    return case


def inflate(source: Path, _: Path) -> None:
    """Floor: decompress and forget."""
    with igzip.open(source) as content:
        while content.read(flatfile.SLICE_BYTES):
            pass


def parse(source: Path, _: Path) -> None:
    """Floor: decompress and parse as doubles, without any check and without writing."""
    with igzip.open(source) as content:
        pl.read_csv(content.read())


def sizes(some: dict[date, Path], root: Path) -> Section:
    """How large bronze is beside its csv.gz, in the row groups of the modes."""
    section = Section(
        "Ingest, bytes",
        "Bronze of the minute day as a share of its csv.gz (zlib 6); the goal is 0.85.",
        ["mode", "row groups of", "share"],
    )
    [(day, path)] = some.items()
    for mode in MODES:
        layout, chosen = Layout(root / f"size-{mode}"), bounds(mode)
        arguments = (path, layout, MINUTE, remote(MINUTE, day, path), "etag", chosen)
        cost(lambda _, arguments=arguments: convert(*arguments), root / f"sizing-{mode}")
        share = layout.bronze(MINUTE, day).stat().st_size / path.stat().st_size
        section.rows.append([mode, f"{chosen.row_group_rows:,}", f"{share:.3f}"])
    return section
