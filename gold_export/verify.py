"""A store as pyqlib reads it, against silver."""

from __future__ import annotations

import csv
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from gold_export import places, versions
from gold_export.compare import VerifyReport, compare
from gold_export.selection import largest
from lake.disk import is_full
from lake.errors import CorruptFile, NotBuilt, QuantminiError
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
        CorruptFile: pyqlib cannot read the store.
    """
    folder = versions.current(layout, store)
    state = versions.read_state(folder)
    if folder is None or not state:
        raise NotBuilt(f"there is no store {store}; run `quantmini export`")
    data = open_store(layout.gold(store))
    try:
        found = _compared(con, data, folder, state, sample, seed)
    except (duckdb.Error, QuantminiError):
        raise
    except Exception as error:
        # Whatever pyqlib stumbles over: it checks nothing of what it reads.
        if is_full(error):
            raise
        what = f"the store {store} cannot be read ({type(error).__name__}: {error})"
        raise CorruptFile(f"{what}; {_remedy(layout, store)}") from error
    worst = max(found, key=lambda report: (report.missing, report.largest_difference))
    return VerifyReport(
        store=store,
        instruments=sum(report.instruments for report in found),
        values=sum(report.values for report in found),
        missing=sum(report.missing for report in found),
        largest_difference=max(report.largest_difference for report in found),
        worst=worst.worst,
    )


def difference(layout: Layout, report: VerifyReport) -> str:
    """What to say of a store that is not equal to silver."""
    what = f"the store is not equal to silver, first at {report.worst}"
    return f"{what}; {_remedy(layout, report.store)}"


def _remedy(layout: Layout, store: str) -> str:
    return f"remove {versions.current(layout, store)} and run `quantmini export`"


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


def _compared(
    con: duckdb.DuckDBPyConnection,
    data: Any,
    folder: Path,
    state: Mapping[str, Any],
    count: int,
    seed: int,
) -> list[VerifyReport]:
    """A report for each data set of a version."""
    made_from = state["made_from"]
    published = "adjustment_factors" in made_from["snapshots"]
    adjustment = made_from["adjustment"] if published else "none"
    reports = []
    for name, fields in state["fields"].items():
        chosen = _sample(folder, name, made_from["top"], count, seed)
        reports.append(compare(con, data, chosen, name, list(fields), adjustment))
    return reports


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
