"""Bytes of each layer beside raw CSV, on the generated market that went through the whole chain."""

from __future__ import annotations

import struct
from functools import partial
from pathlib import Path

from benchmarks.measure import cost
from benchmarks.results import Section
from flows.chain import run_chain
from flows.request import Request
from ingest.sample_market import write_sample_market
from lake.datasets import DATASETS, pick
from lake.layout import Layout
from lake.settings import Lake, Settings

# The seed's table (architecture-v3, "Storage Efficiency"): what Parquet saves of raw CSV.
SEED = {"stocks_daily": "70-80 %", "stocks_minute": "73 %"}


def sections(root: Path, quick: bool) -> list[Section]:
    """Landing, bronze and silver a data set, gold a store, each as a share of raw CSV."""
    lake, market = Layout(root / "storage"), root / "storage-market"
    cost(partial(prepare, lake, market, quick), root / "storage-run")
    section = Section(
        "Storage",
        "Bytes as a share of raw CSV, on the generated market.",
        ["", "rows' CSV, MB", "csv.gz", "bronze", "silver", "bronze saves", "the seed's claim"],
    )
    for name, dataset in DATASETS.items():
        files = sorted((market / dataset.prefix).rglob("*.csv.gz"))
        raw = sum(map(inflated, files))
        packed = sum(path.stat().st_size for path in files)
        bronze, silver = size(lake.bronze_folder(dataset)), size(lake.root / "silver" / name)
        shares = [f"{part / raw:.3f}" for part in (packed, bronze, silver)]
        saved = f"{100 * (1 - bronze / raw):.0f} %"
        section.rows.append([name, f"{raw / 1e6:.1f}", *shares, saved, SEED.get(name, "70-80 %")])
    for store in ("stocks_daily", "stocks_minute", "options"):
        used = size(lake.gold(store).resolve())
        section.rows.append([f"gold/{store}, MB", f"{used / 1e6:.1f}", "", "", "", "", ""])
    return [section]


def prepare(lake: Layout, market: Path, quick: bool, _: Path) -> None:
    """A generated market through the whole chain."""
    sessions, symbols = (6, 20) if quick else (40, 300)
    write_sample_market(market, sessions=sessions, symbols=symbols, strikes=3 if quick else 5)
    settings = Settings(lake=Lake(root=lake.root))
    run_chain(Request(settings, pick(None), str(market)))


def inflated(path: Path) -> int:
    """Bytes before compression, from the last four of a gzip file below 4 GiB (RFC 1952)."""
    with path.open("rb") as file:
        file.seek(-4, 2)
        return int(struct.unpack("<I", file.read(4))[0])


def size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
