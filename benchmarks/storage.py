"""Bytes of each layer beside raw CSV, on the generated market that went through the whole chain."""

from __future__ import annotations

import struct
from functools import partial
from pathlib import Path

from benchmarks.measure import cost
from benchmarks.results import Section
from flows.chain import run_chain
from flows.request import Request
from gold_export.options import STORES
from ingest.sample_market import write_sample_market
from lake.datasets import DATASETS, pick
from lake.layout import Layout
from lake.settings import Lake, Settings

# The seed's table (architecture-v3, "Storage Efficiency"): what Parquet saves of raw CSV.
SEED = {"stocks_daily": "70-80 %", "stocks_minute": "73 %"}


def sections(root: Path, quick: bool) -> list[Section]:
    """Landing, bronze and silver a data set, then gold a store, each as a share of raw CSV."""
    lake, market = generated(root.parent, quick)
    layers = Section(
        "Storage",
        "Bytes as a share of raw CSV, on the generated market.",
        ["", "rows' CSV, MB", "csv.gz", "bronze", "silver", "bronze saves", "the seed's claim"],
    )
    raw: dict[str, int] = {}
    for name, dataset in DATASETS.items():
        files = sorted((market / dataset.prefix).rglob("*.csv.gz"))
        raw[name] = sum(map(inflated, files))
        packed = sum(path.stat().st_size for path in files)
        bronze, silver = size(lake.bronze_folder(dataset)), size(lake.root / "silver" / name)
        shares = [f"{part / raw[name]:.3f}" for part in (packed, bronze, silver)]
        saved = f"{100 * (1 - bronze / raw[name]):.0f} %"
        claim = SEED.get(name, "70-80 %")
        layers.rows.append([name, f"{raw[name] / 1e6:.1f}", *shares, saved, claim])
    stores = Section(
        "Storage: gold",
        "Qlib's binaries, not compressed: a float a field, instrument and session, features too; "
        "beside the raw CSV of the data sets that they come from.",
        ["", "rows' CSV, MB", "gold, MB", "gold"],
    )
    for store, names in STORES.items():
        read, used = sum(raw[name] for name in names), size(lake.gold(store).resolve())
        share = f"{used / read:.3f}"
        stores.rows.append([store, f"{read / 1e6:.1f}", f"{used / 1e6:.1f}", share])
    return [layers, stores]


def generated(base: Path, quick: bool) -> tuple[Layout, Path]:
    """A lake and the generated market that went through the whole chain, once for all parts."""
    lake, market = Layout(base / "generated-lake"), base / "generated-market"
    if not lake.root.exists():
        cost(partial(prepare, lake, market, quick), base / "generated-run")
    return lake, market


def prepare(lake: Layout, market: Path, quick: bool, _: Path) -> None:
    """The whole chain on a market of its own making."""
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
