"""Five years of the full market, projected from measured slopes: time, disk and memory.

A slope is the difference of two runs, many days less few, so that what a run costs once does not
count. Bytes a row come from the generated market, whose prices move as real ones do.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pyarrow import parquet

from benchmarks.bronze_days import trading_days
from benchmarks.flat_days import write_flat_file
from benchmarks.measure import Cost, cost
from benchmarks.results import Section
from benchmarks.scale import build, load
from benchmarks.storage import generated, size
from lake.datasets import DATASETS, Dataset
from lake.layout import Layout
from lake.profile import limits

SESSIONS = 5 * 252


@dataclass(frozen=True)
class Assumed:
    """A session of the full market, and the days that are measured for it.

    Attributes:
        rows: bars a session.
        why: where that number is from.
        instruments: of a measured day; with `minutes` bars each.
        days: how many days the shorter and the longer run have.
    """

    rows: int
    why: str
    instruments: int
    minutes: int
    days: tuple[int, int]


FULL = {
    "stocks_daily": Assumed(11_000, "listed symbols", 11_000, 1, (20, 80)),
    "stocks_minute": Assumed(1_700_000, "real days have 1.6 to 2.2 M", 4_000, 200, (2, 8)),
    "options_daily": Assumed(250_000, "contracts that trade, of 1.5 M listed", 200_000, 1, (2, 8)),
    "options_minute": Assumed(6_000_000, "24 bars a traded contract", 40_000, 20, (2, 8)),
}


def sections(root: Path, quick: bool) -> list[Section]:
    """A row a data set, and their sum."""
    lake, market = generated(root.parent, quick)
    section = Section(
        "Five years of the full market, projected",
        f"{SESSIONS:,} sessions of all four data sets in streaming mode on this machine. Hours are "
        "the slopes of the loader and of silver with gate, longer bars and marts; bytes a row are "
        "the generated market's; memory is the larger of the measured runs and does not grow with "
        "their number. Assumed rows a session: "
        + "; ".join(f"{name} {full.rows:,} ({full.why})" for name, full in FULL.items())
        + ".",
        ["", "rows", "csv.gz, GB", "bronze, GB", "silver, GB", "loader, h", "silver, h", "peak MB"],
    )
    # The one from which the least is made.
    names = ["options_minute"] if quick else list(FULL)
    figures = [projected(root, DATASETS[name], FULL[name], lake, market, quick) for name in names]
    total = [sum(part) for part in zip(*figures, strict=True)]
    total[-1] = max(figure[-1] for figure in figures)
    for name, numbers in zip([*names, "all"], [*figures, total], strict=True):
        section.rows.append([name, f"{numbers[0]:,.0f}", *(f"{n:,.1f}" for n in numbers[1:-1])])
        section.rows[-1].append(f"{numbers[-1]:,.0f}")
    return [section]


def projected(
    root: Path, dataset: Dataset, full: Assumed, sizes: Layout, market: Path, quick: bool
) -> list[float]:
    """Rows; gigabytes of csv.gz, bronze and silver; hours of loader and silver; peak megabytes."""
    rows = full.rows * SESSIONS
    measured = rows_of(sizes, dataset)
    packed = sum(p.stat().st_size for p in (market / dataset.prefix).rglob("*.csv.gz"))
    silver = size(sizes.root / "silver" / dataset.name)
    parts = (packed, size(sizes.bronze_folder(dataset)), silver)
    gigabytes = [part / measured * rows / 1e9 for part in parts]
    few, many = (1, 2) if quick else full.days
    instruments = full.instruments // 20 if quick else full.instruments
    spent = [
        runs(root / f"{dataset.name}-{days}", dataset, instruments, full.minutes, days)
        for days in (few, many)
    ]
    more = (many - few) * instruments * full.minutes
    hours = [
        max(0.0, long.seconds - short.seconds) / more * rows / 3600
        for short, long in zip(*spent, strict=True)
    ]
    return [rows, *gigabytes, *hours, max(c.peak_rss for c in spent[1]) / 1e6]


def rows_of(layout: Layout, dataset: Dataset) -> int:
    """How many rows bronze holds."""
    files = layout.bronze_files(dataset).values()
    return sum(parquet.read_metadata(path).num_rows for path in files)


def runs(root: Path, dataset: Dataset, instruments: int, minutes: int, days: int) -> list[Cost]:
    """The loader, then silver, on so many days."""
    bucket, lake = root / "bucket", root / "lake"
    for day in trading_days(days):
        write_flat_file(bucket, dataset, day, instruments, minutes)
    loaded = cost(partial(load, bucket, dataset), lake)
    silver = partial(build, Layout(lake), dataset, limits("streaming"))
    return [loaded, cost(silver, root / "silver")]
