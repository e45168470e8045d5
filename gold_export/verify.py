"""A store as pyqlib reads it, against silver."""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import Any

import duckdb

from gold_export import places, versions
from gold_export.compare import VerifyReport, compare
from gold_export.selection import largest
from lake.errors import NotBuilt
from lake.layout import Layout


def verify(
    con: duckdb.DuckDBPyConnection, layout: Layout, store: str, sample: int = 50, seed: int = 0
) -> VerifyReport:
    """Read every field of some instruments with pyqlib and compare each value with silver.

    pyqlib is global to a process: a caller that uses another store has to call `qlib.init` again.

    Args:
        con: has `silver.<table>` at the snapshots that the store was made from.
        layout: the lake.
        store: `stocks_daily`, `stocks_minute` or `options`.
        sample: instruments for each data set of the store.
        seed: chooses them.

    Raises:
        NotBuilt: there is no store, or pyqlib is not installed.
    """
    folder = versions.current(layout, store)
    state = versions.read_state(folder)
    if folder is None or not state:
        raise NotBuilt(f"there is no store {store}; run `quantmini export`")
    data = open_store(layout.gold(store))
    published = "adjustment_factors" in state["made_from"]["snapshots"]
    adjustment = state["made_from"]["adjustment"] if published else "none"
    top = state["made_from"]["top"]
    found = [
        compare(con, data, _sample(folder, name, top, sample, seed), name, list(fields), adjustment)
        for name, fields in state["fields"].items()
    ]
    worst = max(found, key=lambda report: (report.missing, report.largest_difference))
    return VerifyReport(
        store=store,
        instruments=sum(report.instruments for report in found),
        values=sum(report.values for report in found),
        missing=sum(report.missing for report in found),
        largest_difference=max(report.largest_difference for report in found),
        worst=worst.worst,
    )


def open_store(path: Path) -> Any:
    """pyqlib's data interface `D`, on one store.

    Raises:
        NotBuilt: pyqlib is not installed.
    """
    try:
        import qlib
        from qlib.data import D
    except ImportError as error:
        raise NotBuilt(
            f"pyqlib cannot be imported ({error}); install it with `uv sync --group qlib`"
        ) from None
    qlib.init(provider_uri=str(path), region="us", kernels=1, logging_level=50)
    return D


def _sample(folder: Path, dataset: str, top: int, count: int, seed: int) -> dict[str, str]:
    """Some of the tickers that a data set brought to the store, and their instruments.

    Each data set has its own `top` largest: `symbols.csv` names those of all of them.
    """
    with (folder / "symbols.csv").open(encoding="utf-8", newline="") as file:
        names = dict(list(csv.reader(file))[1:])
    found = largest(places.kept(folder, dataset), top)
    placed = found.filter(found["first"].is_valid())["ticker"].to_pylist()
    tickers = random.Random(seed).sample(placed, min(count, len(placed)))  # noqa: S311
    return {ticker: names[ticker] for ticker in sorted(tickers)}
