"""How the stages behave as days, symbols and contracts grow."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from benchmarks.bronze_days import trading_days
from benchmarks.flat_days import write_flat_file
from benchmarks.measure import Cost, cost
from benchmarks.results import Section
from flows.transform import transform
from ingest.convert import ConvertOptions
from ingest.loader import ingest
from ingest.source import DirectorySource
from lake.datasets import DATASETS, Dataset, pick
from lake.layout import Layout
from lake.profile import Limits, Mode, limits

MINUTE, DAY, CONTRACTS = (
    DATASETS[name] for name in ("stocks_minute", "stocks_daily", "options_daily")
)
COLUMNS = ["", "rows", "seconds", "M rows/s", "M rows/processor s", "peak MB"]


def load(bucket: Path, dataset: Dataset, out: Path, mode: Mode = "streaming") -> None:
    """The loader with the limits of a mode on this machine."""
    bounds = limits(mode)
    files = ConvertOptions(
        row_group_rows=bounds.parquet_row_group_size, slice_bytes=bounds.slice_bytes
    )
    report = ingest(
        Layout(out), DirectorySource(bucket), [dataset], workers=bounds.max_workers, options=files
    )
    if report.failed:
        raise SystemExit(report.failed[0].error)


def build(layout: Layout, dataset: Dataset, bounds: Limits, _: Path) -> None:
    """Silver of one data set, with its gate, longer bars and marts."""
    gate = transform(layout, bounds, pick([dataset.name]), {})
    if not gate.passed:
        raise SystemExit(str(gate.failures))


def cells(name: str, rows: int, spent: Cost) -> list[str]:
    """One row of a table."""
    return [
        name,
        f"{rows:,}",
        f"{spent.seconds:.1f}",
        f"{rows / spent.seconds / 1e6:.2f}",
        f"{rows / spent.processor / 1e6:.2f}",
        f"{spent.peak_rss / 1e6:.0f}",
    ]


def sections(root: Path, quick: bool) -> list[Section]:
    """Days, symbols, contracts."""
    return [days(root, quick), symbols(root, quick), contracts(root, quick)]


def days(root: Path, quick: bool) -> Section:
    """The loader on ever more days of one size."""
    section = Section(
        "Scale: days", "The loader, minute bars of stocks, a day after the other.", COLUMNS
    )
    instruments, minutes = (200, 100) if quick else (2_000, 100)
    bucket = root / "days"
    known = trading_days(60)
    for day in known[: 5 if quick else 60]:
        write_flat_file(bucket / "all", MINUTE, day, instruments, minutes)
    for count in (1, 5) if quick else (1, 5, 20, 60):
        part = bucket / str(count)
        for day in known[:count]:
            key = MINUTE.object_key(day)
            (part / key).parent.mkdir(parents=True, exist_ok=True)
            (part / key).hardlink_to(bucket / "all" / key)
        spent = cost(partial(load, part, MINUTE), root / f"days-lake-{count}")
        section.rows.append(cells(f"{count} days", count * instruments * minutes, spent))
    return section


def symbols(root: Path, quick: bool) -> Section:
    """The loader on one day of as many rows, spread over ever more symbols."""
    rows = 50_000 if quick else 960_000
    section = Section("Scale: symbols", f"The loader, one day of {rows:,} minute bars.", COLUMNS)
    [day] = trading_days(1)
    for count in (1_000, 10_000) if quick else (1_000, 10_000, 100_000):
        bucket = root / f"symbols-{count}"
        minutes = max(1, rows // count)
        write_flat_file(bucket, MINUTE, day, count, minutes)
        spent = cost(partial(load, bucket, MINUTE), root / f"symbols-lake-{count}")
        section.rows.append(cells(f"{count:,} symbols", count * minutes, spent))
    return section


def contracts(root: Path, quick: bool) -> Section:
    """A month of day bars in which a million contracts trade, each in about six sessions."""
    distinct, a_day = (10_000, 3_000) if quick else (1_000_000, 300_000)
    section = Section(
        "Scale: contracts",
        f"A month of {a_day:,} day bars of options a session, {distinct:,} contracts in all.",
        COLUMNS,
    )
    month = trading_days(22)
    bucket, lake = root / "contracts", root / "contracts-lake"
    for number, day in enumerate(month):
        offset = number * (distinct - a_day) // (len(month) - 1)
        write_flat_file(bucket, CONTRACTS, day, a_day, offset=offset)
    rows = a_day * len(month)
    section.rows.append(cells("loader", rows, cost(partial(load, bucket, CONTRACTS), lake)))
    silver = partial(build, Layout(lake), CONTRACTS, limits("streaming"))
    spent = cost(silver, root / "contracts-silver")
    section.rows.append(cells("silver with gate and marts", rows, spent))
    return section
