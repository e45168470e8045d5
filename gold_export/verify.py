"""A store as pyqlib reads it, against silver."""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from gold_export import calendars, queries, versions
from gold_export.build import places_file
from gold_export.selection import frequency, numbered, registered
from lake.errors import NotBuilt
from lake.layout import Layout


@dataclass(frozen=True)
class VerifyReport:
    """What was compared, and how far apart it was.

    Attributes:
        store: its name.
        instruments: sampled instruments, one for each data set that holds it.
        values: compared places of the calendar, those without a bar included.
        missing: of these, how many have a value on one side only.
        largest_difference: between Qlib's float32 and silver's value as float32.
        worst: instrument, field and moment of the first place that is missing, else of the
            largest difference; empty where all is equal.
    """

    store: str
    instruments: int
    values: int
    missing: int
    largest_difference: float
    worst: str

    @property
    def equal(self) -> bool:
        """Whether every value is silver's."""
        return not self.missing and not self.largest_difference


def verify(
    con: duckdb.DuckDBPyConnection, layout: Layout, store: str, sample: int = 50, seed: int = 0
) -> VerifyReport:
    """Read every field of some instruments with pyqlib and compare each value with silver.

    pyqlib is global to a process: a caller that uses another store has to call `qlib.init` again.

    Args:
        con: has `silver.<dataset>` at the snapshots that the store was made from.
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
    adjustment = state["made_from"]["adjustment"]
    found = [
        _compare(con, data, folder, dataset, list(fields), adjustment, sample, seed)
        for dataset, fields in state["fields"].items()
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


def _compare(
    con: duckdb.DuckDBPyConnection,
    data: Any,
    folder: Path,
    dataset: str,
    fields: list[str],
    adjustment: str,
    sample: int,
    seed: int,
) -> VerifyReport:
    """One data set: its sampled instruments over the whole calendar."""
    freq = frequency(dataset)
    chosen = _sample(folder, dataset, sample, seed)
    moments = np.array(data.calendar(freq=freq), "datetime64[s]")
    first, last = (moments[end].astype("datetime64[D]").item() for end in (0, -1))
    sessions = calendars.as_table(calendars.sessions(first, last), freq)
    tickers, names = list(chosen), list(chosen.values())
    columns = [f"${field}" for field in fields]
    seen = data.features(names, columns, freq=freq)
    universe = numbered(tickers, np.arange(len(tickers)))
    with registered(con, gold_sessions=sessions, gold_universe=universe):
        rows = con.execute(queries.bars(dataset, fields, adjustment, 0)).fetchnumpy()
    _fill_change(rows)
    report = VerifyReport(dataset, len(names), 0, 0, 0.0, "")
    for number, name in enumerate(names):
        got = np.full((len(fields), moments.size), np.nan, "f4")
        if name in seen.index.get_level_values(0):
            frame = seen.loc[name]
            got[:, np.searchsorted(moments, frame.index.values)] = frame.to_numpy("f4").T
        mine = rows["number"] == number
        want = np.full_like(got, np.nan)
        want[:, rows["position"][mine]] = [_floats(rows[field])[mine] for field in fields]
        report = _add(report, name, got, want, fields, moments)
    return report


def _add(
    report: VerifyReport,
    name: str,
    got: npt.NDArray[np.float32],
    want: npt.NDArray[np.float32],
    fields: list[str],
    moments: npt.NDArray[np.datetime64],
) -> VerifyReport:
    """The report with one more instrument, (fields, moments) of each side."""
    one_side = np.isnan(got) != np.isnan(want)
    far = np.nan_to_num(np.abs(got.astype("f8") - want.astype("f8")))
    worst = report.worst
    if one_side.any() or far.max() > report.largest_difference:
        places = one_side if one_side.any() else far
        field, place = np.unravel_index(places.argmax(), places.shape)
        worst = f"{name} ${fields[field]} {moments[place]}"
    return replace(
        report,
        values=report.values + got.size,
        missing=report.missing + int(one_side.sum()),
        largest_difference=max(report.largest_difference, float(far.max())),
        worst=worst,
    )


def _sample(folder: Path, dataset: str, count: int, seed: int) -> dict[str, str]:
    """Some tickers of a data set and their instruments."""
    with (folder / "symbols.csv").open(encoding="utf-8", newline="") as file:
        names = dict(list(csv.reader(file))[1:])
    places = pq.read_table(places_file(folder, dataset))
    placed = places.filter(places["first"].is_valid())["ticker"].to_pylist()
    known = [ticker for ticker in placed if ticker in names]
    tickers = random.Random(seed).sample(known, min(count, len(known)))  # noqa: S311
    return {ticker: names[ticker] for ticker in sorted(tickers)}


def _fill_change(rows: dict[str, Any]) -> None:
    """Turn the closes in column `change` into changes, independently of `series.changes`."""
    if "change" in rows:
        closes = _floats(rows["change"], "f8")
        rows["change"] = np.full(closes.size, np.nan)
        follows = np.flatnonzero(rows["number"][1:] == rows["number"][:-1]) + 1
        before = np.where(closes[follows - 1] == 0, np.nan, closes[follows - 1])
        rows["change"][follows] = closes[follows] / before - 1


def _floats(column: Any, kind: str = "f4") -> npt.NDArray[Any]:
    return np.ma.filled(column, np.nan).astype(kind)
