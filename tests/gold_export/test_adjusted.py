"""Prices on today's basis: what pyqlib reads, and what a new action costs."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from gold_export import store_files, versions
from gold_export.export import export, is_current
from gold_export.options import ExportOptions
from lake.layout import Layout
from tests.gold_export import actions, market
from tests.gold_export.case import Case
from tests.gold_export.conftest import symbols
from tests.gold_export.market import bars

DAILY = "stocks_daily"
TICKERS = [f"T{number:02}" for number in range(20)]
DAYS = market.SESSIONS
TYPES = {"T00": "CS", "T01": "ETF", "T02": "etv", "T03": "ETN", "T04": "cs", "GONE": "CS"}
SPLIT = actions.spans("T03", [(DAYS[4], 0.25, 1.0)])
# Four ex-dates: the second is a holiday, the third has both kinds, the last is after every bar.
HISTORY = [
    (DAYS[2], 1 / 7, 1.0),
    (date(2024, 7, 4), 1.0, 0.975),
    (DAYS[9], 20.0, 0.99),
    (DAYS[-1], 1.0, 0.9),
]


@pytest.mark.parametrize("adjustment", ["none", "splits", "splits_and_dividends"])
def test_pyqlib_reads_adjusted_prices(con, layout, read, adjustment):
    tickers = ["AAA", "NA", "bbb", "DDD"]
    rows = bars(DAILY, tickers, DAYS[:-1])
    market.put(con, DAILY, rows)
    actions.put(con, actions.spans("AAA", HISTORY) + actions.spans("NA", HISTORY[:1]))
    tables = [DAILY] if adjustment == "none" else [DAILY, "adjustment_factors"]
    options = ExportOptions(adjustment=adjustment)
    report = export(con, layout, DAILY, dict.fromkeys(tables, 1), options)
    assert report.adjusted == (adjustment != "none")
    seen = read(str(layout.gold(DAILY)), "day").features
    names = symbols(layout.gold(DAILY))
    histories = {"AAA": HISTORY, "NA": HISTORY[:1]}
    for ticker in tickers:
        mine = [row for row in rows if row["symbol"] == ticker]
        later = [
            [action for action in histories.get(ticker, []) if action[0] > row["date"]]
            for row in mine
        ]
        kinds = {"none": [], "splits": [1], "splits_and_dividends": [1, 2]}[adjustment]
        factor = np.array([np.prod([a[k] for a in some for k in kinds]) for some in later])
        split = np.array([np.prod([a[k] for a in some for k in kinds[:1]]) for some in later])
        got = seen.loc[names[ticker]]

        def raw(name: str, mine: list[market.Row] = mine) -> np.ndarray:
            return np.array([np.nan if r[name] is None else float(r[name]) for r in mine])

        for name in ("open", "high", "low", "close", "vwap"):
            np.testing.assert_allclose(got[name], raw(name) * factor, rtol=2e-7)
        np.testing.assert_allclose(got["volume"], raw("volume") / split, rtol=2e-7)
        np.testing.assert_allclose(got["factor"], factor, rtol=1e-7)
        np.testing.assert_allclose(got["close"] / got["factor"], raw("close"), rtol=3e-7)
        closes = raw("close") * factor
        np.testing.assert_allclose(got["change"][1:], closes[1:] / closes[:-1] - 1, rtol=1e-6)
        for name in ("transactions", "relative_volume", "alpha_daily", "price_range"):
            np.testing.assert_array_equal(got[name], raw(name).astype("f4"))


@pytest.fixture
def case(tmp_path: Path) -> Case:
    made = Case(tmp_path, DAILY, ExportOptions(lists=(5,)))
    made.house.make(DAILY, bars(DAILY, TICKERS, DAYS[:8]))
    made.refer([], TYPES)
    assert not made.export().adjusted
    versions.prepare(made.layout, DAILY)
    return made


@pytest.fixture
def written(monkeypatch) -> list[str]:
    names: list[str] = []

    def write_file(path, content, flags, size=0, write=store_files.write_file):
        names.append(Path(path).parent.name)
        write(path, content, flags, size)

    monkeypatch.setattr(store_files, "write_file", write_file)
    return names


def test_a_late_action_rewrites_its_symbol_alone(case, written):
    case.refer(SPLIT, TYPES)
    report = case.export()
    assert (report.incremental, report.adjusted) == (True, True)
    assert set(written) == {"t03"}
    assert case.update().skipped


def test_an_ex_date_rewrites_its_symbol_and_appends_the_others(case):
    before = contents_of(case.layout, "t03")
    case.house.insert(DAILY, bars(DAILY, TICKERS, DAYS[8:9]))
    case.refer(actions.spans("T03", [(DAYS[8], 0.25, 0.99)]), TYPES)
    assert case.update().incremental
    after = contents_of(case.layout, "t03")
    np.testing.assert_allclose(after[1:-1], before[1:] * 0.25 * 0.99, rtol=2e-7)


def contents_of(layout: Layout, name: str) -> np.ndarray:
    return np.fromfile(layout.gold(DAILY) / f"features/{name}/close.day.bin", "<f4")


def test_a_corrected_and_a_withdrawn_action(case):
    for factors in (SPLIT, actions.spans("T03", [(DAYS[5], 0.5, 1.0)]), []):
        case.refer(factors, TYPES)
        assert case.update().incremental
    assert not case.export().adjusted


def test_tables_made_again_with_the_same_rows_write_no_series(case, written):
    case.refer(SPLIT, TYPES)
    case.export()
    case.refer(SPLIT, TYPES)
    case.export()
    written.clear()
    case.refer(SPLIT, TYPES)
    assert case.export().incremental
    assert written == []


def test_an_action_of_a_symbol_without_bars_writes_nothing(case, written):
    case.refer(actions.spans("UNKNOWN", HISTORY), TYPES)
    assert case.export().incremental
    assert written == []


def test_factors_that_are_no_longer_published(case):
    case.refer(SPLIT, TYPES)
    assert case.update().adjusted
    case.tables.remove("adjustment_factors")
    report = case.update()
    assert (report.incremental, report.adjusted) == (True, False)


def members(layout: Layout) -> dict[str, set[str]]:
    return {
        path.stem: {line.split("\t")[0] for line in path.read_text().splitlines()}
        for path in (layout.gold(DAILY) / "instruments").iterdir()
    }


def test_lists_follow_the_reference_data(case):
    found = members(case.layout)
    assert set(found) == {"all", "active", "top5", "cs", "etf"}
    assert found["cs"] == {"T00", "T04"}
    assert found["etf"] == {"T01", "T02"}
    case.refer([], TYPES | {"T03": "CS"})
    assert case.update().incremental
    assert members(case.layout)["cs"] == {"T00", "T03", "T04"}
    case.options = replace(case.options, types={"notes": ("ETN",)})
    case.refer([], TYPES)
    assert not case.update().incremental
    assert members(case.layout)["notes"] == {"T03"}
    case.refer([], {"GONE": "ETN"})
    assert case.update().incremental
    assert set(members(case.layout)) == {"all", "active", "top5"}
    case.refer([], TYPES)
    case.update()
    case.tables.remove("tickers")
    assert case.update().incremental
    assert set(members(case.layout)) == {"all", "active", "top5"}


def test_a_reused_ticker_is_in_the_list_of_its_latest_bearer(case):
    case.house.run("insert into lake.silver.tickers values ('T00', 'ETF', false, '2020-01-02')")
    case.house.run("insert into lake.silver.tickers values ('T01', 'CS', false, '2020-01-02')")
    case.update()
    assert members(case.layout)["cs"] == {"T00", "T04"}
    assert members(case.layout)["etf"] == {"T01", "T02"}


def test_a_rebuilt_catalog_with_the_same_numbers_is_seen(layout, con):
    market.put(con, DAILY, bars(DAILY, ["AAA"], DAYS[:3]))
    first = ({DAILY: 1}, ExportOptions(), {DAILY: "a"})
    export(con, layout, DAILY, *first)
    assert is_current(layout, DAILY, *first)
    other = (*first[:2], {DAILY: "b"})
    assert not is_current(layout, DAILY, *other)
    market.put(con, DAILY, bars(DAILY, ["BBB"], DAYS[:3]))
    assert not export(con, layout, DAILY, *other).skipped
    assert [path.name for path in (layout.gold(DAILY) / "features").iterdir()] == ["bbb"]


def test_a_new_run_of_the_same_catalog_is_incremental(case):
    case.house.insert(DAILY, bars(DAILY, TICKERS, DAYS[8:9]))
    snapshots = case.house.publish(DAILY, "adjustment_factors", "tickers")
    runs = dict.fromkeys(snapshots, "another")
    report = export(case.house.con, case.layout, DAILY, snapshots, case.options, runs)
    assert report.incremental
