"""The demo: the main job on a generated sample market, and a look at what came of it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from shlex import quote
from typing import Any

from flows import summary
from flows.request import Request
from ingest.sample_market import write_sample_market
from lake.catalog import connect
from lake.datasets import DATASETS, pick
from lake.errors import UsageError
from lake.layout import Layout
from lake.profile import Limits
from lake.settings import PROJECT, Settings

LAYERS = ("landing/polygon-s3", "bronze", "silver", "gold")
QUERY = """SELECT symbol, date, close, round(daily_return, 4) AS daily_return,
       round(relative_volume, 2) AS relative_volume
FROM silver.stocks_daily ORDER BY relative_volume DESC, symbol LIMIT 5"""


def prepare(settings: Settings) -> Request:
    """Write the sample market and ask for the chain on it.

    The demo takes the lake that QUANTMINI_LAKE names, else one of its own beside the default.

    Raises:
        UsageError: the lake holds other data, which made-up prices must not be mixed with.
    """
    if not os.environ.get("QUANTMINI_LAKE"):
        root = PROJECT / "quantmini-demo"
        settings = settings.model_copy(
            update={"lake": settings.lake.model_copy(update={"root": root})}
        )
    layout = settings.lake.layout()
    market = layout.root / "landing/external/sample-market"
    if not market.exists() and any(layout.bronze_files(dataset) for dataset in pick(None)):
        raise UsageError(f"{layout.root} holds other data; set QUANTMINI_LAKE to an empty folder")
    if not market.exists():
        # Under another name until it is whole, so that a killed demo does not leave half a market.
        unfinished = market.with_name("unfinished-market")
        shutil.rmtree(unfinished, ignore_errors=True)
        write_sample_market(unfinished)
        unfinished.rename(market)
    return Request(settings, pick(None), str(market), command="demo")


def words(document: dict[str, Any], layout: Layout, bounds: Limits) -> str:
    """Rows by layer, the verdict, sizes, one query, and how to open the result in Qlib."""
    lines = [summary.of_run(document), "", f"{'rows':<16}{'bronze':>10}{'silver':>10}"]
    with connect(layout, bounds.duckdb_memory, bounds.max_workers) as lake:
        for name, dataset in DATASETS.items():
            files = [str(path) for path in layout.bronze_files(dataset).values()]
            bronze = lake.execute("SELECT sum(num_rows) FROM parquet_file_metadata(?)", [files])
            silver = lake.sql(f"SELECT count(*) FROM silver.{name}")
            rows = [found.fetchall()[0][0] for found in (bronze, silver)]
            lines.append(f"{name:<16}{rows[0]:>10,}{rows[1]:>10,}")
        sizes = [f"{layer} {size(layout.root / layer) / 1e6:.1f} MB" for layer in LAYERS]
        answer = str(lake.sql(QUERY))
    lines += ["", "sizes: " + ", ".join(sizes), "", QUERY, answer]
    lines += ["Name its lake, then ask it: `quantmini bars QUAD`, `quantmini report`:", ""]
    lines += [f"export QUANTMINI_LAKE={quote(str(layout.root))}", "", "Open it in Qlib:", ""]
    return "\n".join([*lines, *recipe(layout)])


def size(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def recipe(layout: Layout) -> list[str]:
    """Three lines of Python that read the exported store."""
    return [
        "import qlib; from qlib.data import D",
        f'qlib.init(provider_uri="{layout.gold("stocks_daily")}", region="us")',
        'print(D.features(["QUAD"], ["$close", "$factor", "Mean($volume, 5)"]).tail())',
    ]
