"""The loader in its three modes, beside the seed's table of throughput."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from benchmarks.bronze_days import trading_days
from benchmarks.flat_days import write_flat_file
from benchmarks.measure import cost
from benchmarks.results import Section
from benchmarks.scale import load
from lake.datasets import DATASETS
from lake.profile import Mode

# Architecture-v3, "Processing Throughput by Mode": thousands of rows a second, by data set.
SEED: dict[Mode, tuple[int, int, int, int]] = {
    "streaming": (100, 50, 80, 30),
    "batch": (200, 150, 180, 100),
    "parallel": (500, 400, 450, 300),
}
# Bars an instrument and day; instruments.
DAY, MINUTE = (1, 50_000), (60, 10_000)


def sections(root: Path, quick: bool) -> list[Section]:
    """A row a mode, a column a data set."""
    section = Section(
        "The seed's throughput by mode",
        "Thousands of rows a second of the loader on this machine / as the seed promises them, "
        "which for `batch` and `parallel` means machines of 32 GB and of 64 GB or more.",
        ["", *DATASETS],
    )
    known, bucket = trading_days(2 if quick else 6), root / "bucket"
    rows = {}
    for name, dataset in DATASETS.items():
        bars, instruments = MINUTE if dataset.minute else DAY
        instruments //= 10 if quick else 1
        rows[name] = len(known) * instruments * bars
        for day in known:
            write_flat_file(bucket, dataset, day, instruments, bars)
    for mode, promised in SEED.items():
        found = [mode]
        for (name, dataset), seed in zip(DATASETS.items(), promised, strict=True):
            spent = cost(partial(load, bucket, dataset, mode=mode), root / f"{mode}-{name}")
            found.append(f"{rows[name] / spent.seconds / 1000:,.0f} / {seed}")
        section.rows.append(found)
    return [section]
