"""What pyqlib reads of one data set, value by value against silver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from gold_export import calendars, queries
from gold_export.selection import frequency, numbered, registered


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


def compare(
    con: duckdb.DuckDBPyConnection,
    data: Any,
    chosen: Mapping[str, str],
    dataset: str,
    fields: list[str],
    adjustment: str,
) -> VerifyReport:
    """One data set: some tickers and their instruments, over the whole calendar.

    Factors and changes are worked out here, from silver's raw bars and not as the export does.
    """
    freq = frequency(dataset)
    moments = np.array(data.calendar(freq=freq), "datetime64[s]")
    first, last = (moments[end].astype("datetime64[D]").item() for end in (0, -1))
    sessions = calendars.as_table(calendars.sessions(first, last), freq)
    tickers, names = list(chosen), list(chosen.values())
    columns = [f"${field}" for field in fields]
    seen = data.features(names, columns, freq=freq)
    universe = numbered(tickers, np.arange(len(tickers)))
    with registered(con, gold_sessions=sessions, gold_universe=universe):
        sql = queries.bars(dataset, fields, 0, adjusted=False, kind="double")
        rows = con.execute(sql).fetchnumpy()
    if adjustment != "none":
        _adjust(con, rows, tickers, moments.astype("datetime64[D]"), adjustment)
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


def _fill_change(rows: dict[str, Any]) -> None:
    """Turn the closes in column `change` into changes, independently of `series.changes`."""
    if "change" in rows:
        closes = _floats(rows["change"], "f8")
        rows["change"] = np.full(closes.size, np.nan)
        follows = np.flatnonzero(rows["number"][1:] == rows["number"][:-1]) + 1
        before = np.where(closes[follows - 1] == 0, np.nan, closes[follows - 1])
        rows["change"][follows] = closes[follows] / before - 1


def _adjust(
    con: duckdb.DuckDBPyConnection,
    rows: dict[str, Any],
    tickers: list[str],
    days: npt.NDArray[np.datetime64],
    adjustment: str,
) -> None:
    """Put the raw values of day bars on today's basis, ticker by ticker."""
    sql = """
        select split_factor, split_factor * dividend_factor, from_date::varchar
        from silver.adjustment_factors where symbol = ? order by from_date
    """
    price, shares = np.ones((2, rows["number"].size))
    for number, ticker in enumerate(tickers):
        spans = con.execute(sql, [ticker]).fetchall()
        if not spans:
            continue
        split, both = np.array([span[:2] for span in spans]).T
        begins = np.array([span[2] for span in spans], "datetime64[D]")
        mine = rows["number"] == number
        place = np.searchsorted(begins, days[rows["position"][mine]], side="right") - 1
        price[mine] = (both if adjustment == "splits_and_dividends" else split)[place]
        shares[mine] = split[place]
    for name in {"open", "high", "low", "close", "vwap", "factor", "change"} & rows.keys():
        rows[name] = _floats(rows[name], "f8") * price
    if "volume" in rows:
        rows["volume"] = _floats(rows["volume"], "f8") / shares


def _floats(column: Any, kind: str = "f4") -> npt.NDArray[Any]:
    return np.ma.filled(column, np.nan).astype(kind)
