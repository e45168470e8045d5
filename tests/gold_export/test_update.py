"""Whatever happened to silver, an updated store equals a whole export of it, byte for byte."""

from __future__ import annotations

import random
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest

from gold_export import calendars, feed, store_files, versions
from gold_export.export import export
from gold_export.options import STORES, ExportOptions
from lake import archive
from lake.maintenance import expired
from tests.gold_export import actions, market
from tests.gold_export.case import Case
from tests.gold_export.conftest import contents
from tests.gold_export.market import bars

DAILY = "stocks_daily"
TICKERS = [f"T{number:02}" for number in range(20)]


@pytest.fixture
def case(tmp_path: Path) -> Case:
    made = Case(tmp_path, DAILY, ExportOptions(lists=(5,)))
    made.house.make(DAILY, bars(DAILY, TICKERS, market.SESSIONS[:8]))
    made.export()
    versions.prepare(made.layout, DAILY)
    return made


def test_a_new_session_is_appended(case):
    for day in market.SESSIONS[8:11]:
        case.house.insert(DAILY, bars(DAILY, TICKERS, [day]))
        report = case.update()
        assert report.incremental


def test_only_what_changed_is_written(case, monkeypatch):
    case.house.insert(DAILY, bars(DAILY, TICKERS, market.SESSIONS[8:9]))
    case.update()
    versions.prepare(case.layout, DAILY)
    case.house.replace(DAILY, bars(DAILY, ["T03"], market.SESSIONS[4:5], seed=9))
    written = []

    def write_file(path, content, flags, size=0, write=store_files.write_file):
        written.append(Path(path).parent.name)
        write(path, content, flags, size)

    monkeypatch.setattr(store_files, "write_file", write_file)
    assert case.export().incremental
    # The spare lacks the session that was appended before, and the restated instrument.
    assert written.count("t03") == written.count("t04") == 13
    assert len(written) == 13 * len(TICKERS)


def test_a_data_set_without_a_bar_does_not_hold_up_the_other(tmp_path):
    made = Case(tmp_path, "options", ExportOptions())
    contracts = [f"O:{ticker}240621C00010000" for ticker in TICKERS]
    made.house.make("options_daily", bars("options_daily", contracts, market.SESSIONS[:8]))
    made.house.make("options_minute", bars("options_minute", contracts, market.SESSIONS[:8]))
    made.house.run("delete from lake.silver.options_minute")
    made.update()
    made.house.insert("options_daily", bars("options_daily", contracts, market.SESSIONS[8:9]))
    assert made.update().incremental
    made.house.insert("options_minute", bars("options_minute", contracts, market.SESSIONS[8:9]))
    assert not made.update().incremental


def test_what_only_moves_to_the_archive_and_back_has_not_changed(tmp_path, monkeypatch):
    name, contracts = "options_daily", [f"O:{ticker}241220C00010000" for ticker in TICKERS]
    made = Case(tmp_path, "options", ExportOptions())
    made.tables = {name}
    made.house.make(name, bars(name, contracts, market.SESSIONS[:8]))
    made.update()
    versions.prepare(made.layout, "options")
    served = made.house.publish(name)[name]
    month = expired.archive(made.house.con, made.layout, name, served, date(2024, 12, 1))
    assert month.rows == 8 * len(contracts)
    with monkeypatch.context() as patch:
        patch.setattr(store_files, "write_file", None)
        assert made.export().incremental
    assert made.update().skipped

    [path] = archive.files(made.house.con, made.layout, name, made.house.publish(name)[name])
    made.house.run(
        f"insert into lake.silver.{name} from '{path}'",
        f"update {archive.LEDGER} set restored = now()",
    )
    made.house.replace(name, bars(name, contracts[:2], market.SESSIONS[4:5], seed=9))
    made.house.insert(name, bars(name, contracts[2:], market.SESSIONS[8:9]))
    assert made.update().incremental


def test_gaps_are_nan_and_a_stopped_instrument_can_return(case):
    for step, tickers in enumerate((TICKERS[:15], TICKERS[5:], TICKERS[:1], TICKERS)):
        day = market.SESSIONS[8 + step]
        case.house.insert(DAILY, bars(DAILY, tickers, [day], seed=step))
        assert case.update().incremental


def test_instruments_come_change_and_go(case):
    case.house.insert(DAILY, bars(DAILY, ["NEW", "NA"], market.SESSIONS[3:9], seed=3))
    assert case.update().incremental
    case.house.replace(DAILY, bars(DAILY, ["T01"], market.SESSIONS[2:4], seed=4))
    assert case.update().incremental
    case.house.replace(DAILY, [], bars(DAILY, ["T02", "NEW"], market.SESSIONS))
    assert case.update().incremental
    assert not (case.layout.gold(DAILY) / "features/new").exists()
    case.house.replace(DAILY, [], bars(DAILY, ["T04"], market.SESSIONS[-8:]))
    assert case.update().incremental


def test_bars_without_a_session_are_counted(case):
    case.house.insert(DAILY, bars(DAILY, [*TICKERS, "SAT"], [market.SATURDAY]))
    report = case.update()
    assert report.incremental
    assert report.left_out == len(TICKERS) + 1
    case.house.insert(DAILY, bars(DAILY, ["SAT"], market.SESSIONS[8:9]))
    assert case.update().incremental


def test_nothing_new_in_a_new_snapshot(case):
    case.house.run("create table lake.silver.other (a int)")
    report = case.update()
    assert report.incremental
    assert not report.skipped


def test_the_universe_by_dollar_volume_follows(tmp_path):
    made = Case(tmp_path, DAILY, ExportOptions(top=4, lists=(2, 9)))
    made.house.make(DAILY, bars(DAILY, TICKERS, market.SESSIONS[:6]))
    made.update()
    members = set()
    for step, day in enumerate(market.SESSIONS[6:11]):
        made.house.insert(DAILY, bars(DAILY, TICKERS, [day], seed=step))
        assert made.update().incremental
        members |= {path.name for path in (made.layout.gold(DAILY) / "features").iterdir()}
    assert len(members) > 4


def test_a_list_of_symbols(tmp_path):
    made = Case(tmp_path, DAILY, ExportOptions(symbols=("T01", "T02", "LATE")))
    made.house.make(DAILY, bars(DAILY, TICKERS, market.SESSIONS[:6]))
    made.update()
    made.house.insert(DAILY, bars(DAILY, TICKERS, market.SESSIONS[6:7]))
    assert made.update().incremental
    made.house.insert(DAILY, bars(DAILY, ["LATE", "OTHER"], market.SESSIONS[6:7]))
    made.options = ExportOptions(symbols=("T01", "T02", "LATE"))
    made.update()


def test_upkeep_of_the_lake_loses_no_change(case, monkeypatch):
    """A month of snapshots goes, files are rewritten and merged; only real changes are written."""
    case.house.insert(DAILY, bars(DAILY, TICKERS, market.SESSIONS[8:9]))
    for _ in range(3):
        case.update()
        case.house.run("create or replace table lake.silver.other as select 1 as one")
        case.upkeep()
    # One row is deleted and comes back as it was, another day of T03 is restated.
    case.house.replace(DAILY, bars(DAILY, TICKERS[:1], market.SESSIONS[:8])[5:6])
    case.house.replace(DAILY, bars(DAILY, ["T03"], market.SESSIONS[4:5], seed=9))
    case.upkeep()
    known = case.house.con.execute("select count(*) from ducklake_snapshots('lake')").fetchall()
    written = []

    def write_file(path, content, flags, size=0, write=store_files.write_file):
        written.append(Path(path).parent.name)
        write(path, content, flags, size)

    with monkeypatch.context() as patch:
        patch.setattr(store_files, "write_file", write_file)
        assert case.export().incremental
    assert set(written) == {"t03"}
    assert known[0][0] < 12
    assert case.update().skipped


def expire(case: Case) -> None:
    case.house.insert(DAILY, bars(DAILY, TICKERS, market.SESSIONS[8:9]))
    case.house.expire()


def full_refresh(case: Case) -> None:
    case.house.make(DAILY, bars(DAILY, TICKERS, market.SESSIONS[:8], seed=5))


def new_column(case: Case) -> None:
    case.house.run("alter table lake.silver.stocks_daily add column extra double")


def other_options(case: Case) -> None:
    case.options = ExportOptions(fields={DAILY: ("close",)})


def all_restated(case: Case) -> None:
    case.house.replace(DAILY, bars(DAILY, TICKERS, market.SESSIONS[2:3], seed=5))


def earlier_session(case: Case) -> None:
    case.house.insert(DAILY, bars(DAILY, ["T00"], [date(2024, 6, 20)]))


def first_session_gone(case: Case) -> None:
    case.house.replace(DAILY, [], bars(DAILY, TICKERS, market.SESSIONS[:1]))


def file_lost(case: Case) -> None:
    case.house.insert(DAILY, bars(DAILY, TICKERS, market.SESSIONS[8:9]))
    for folder in versions.complete(case.layout, DAILY):
        (folder / "features/t05/close.day.bin").unlink()


def file_longer(case: Case) -> None:
    case.house.insert(DAILY, bars(DAILY, TICKERS, market.SESSIONS[8:9]))
    for folder in versions.complete(case.layout, DAILY):
        with (folder / "features/t05/close.day.bin").open("ab") as file:
            file.write(b"tail")


def calendar_torn(case: Case) -> None:
    case.house.insert(DAILY, bars(DAILY, TICKERS, market.SESSIONS[8:9]))
    for folder in versions.complete(case.layout, DAILY):
        (folder / "calendars/day.txt").write_bytes(b"")


def places_torn(case: Case) -> None:
    case.house.insert(DAILY, bars(DAILY, TICKERS, market.SESSIONS[8:9]))
    for folder in versions.complete(case.layout, DAILY):
        (folder / "places/stocks_daily.parquet").write_bytes(b"PAR1")


@pytest.mark.parametrize(
    "change",
    [
        expire, full_refresh, new_column, other_options, all_restated, earlier_session,
        first_session_gone, file_lost, file_longer, calendar_torn, places_torn,
    ],
)  # fmt: skip
def test_what_cannot_be_updated_is_exported_whole(case, change):
    change(case)
    assert not case.update().incremental
    assert len(list(case.layout.gold_versions(DAILY).iterdir())) == 2


def test_a_calendar_that_loses_a_session_means_a_whole_export(case, monkeypatch):
    schedule = calendars._schedule()
    kept = schedule.filter(pc.not_equal(schedule["date"], market.SESSIONS[3]))
    monkeypatch.setattr(calendars, "_schedule", lambda: kept)
    monkeypatch.setattr(calendars, "sessions", calendars.sessions.__wrapped__)
    case.house.replace(DAILY, bars(DAILY, ["T03"], market.SESSIONS[4:5], seed=9))
    assert not case.update().incremental


def test_series_that_were_not_appended_to_mean_a_whole_export(case, monkeypatch):
    monkeypatch.setattr(store_files, "extend", lambda *arguments: 0)
    case.house.insert(DAILY, bars(DAILY, TICKERS, market.SESSIONS[8:9]))
    assert not case.update().incremental


def test_a_feed_that_lacks_a_row_means_a_whole_export(case, monkeypatch):
    short = "delete from gold_feed where symbol = 'T03'"
    monkeypatch.setattr(feed, "_settle", lambda con: con.execute(short))
    case.house.insert(DAILY, bars(DAILY, TICKERS, market.SESSIONS[8:9]))
    assert not case.update().incremental


def test_silver_that_goes_back_means_a_whole_export(case):
    before = case.house.publish(DAILY)
    for seed in (8, 9):
        case.house.replace(DAILY, bars(DAILY, ["T03"], market.SESSIONS[4:5], seed))
        case.update()
    versions.prepare(case.layout, DAILY)
    case.house.run("create table lake.silver.other (a int)")
    rows = archive.every_row(case.house.con, case.layout, DAILY, before[DAILY])
    case.house.run(f"create or replace view memory.silver.{DAILY} as {rows}")
    assert not export(case.house.con, case.layout, DAILY, before, case.options).incremental


def test_without_a_spare_the_current_version_is_copied(case):
    for path in versions.complete(case.layout, DAILY)[:-1]:
        versions.discard(path)
    opened = contents(case.layout.gold(DAILY).resolve())
    before = case.layout.gold(DAILY).resolve()
    case.house.insert(DAILY, bars(DAILY, TICKERS, market.SESSIONS[8:9]))
    assert case.update().incremental
    assert contents(before) == opened


def test_prepare_copies_once(case):
    names = {path.name for path in case.layout.gold_versions(DAILY).iterdir()}
    versions.prepare(case.layout, DAILY)
    assert {path.name for path in case.layout.gold_versions(DAILY).iterdir()} == names
    assert len(names) == 2


@pytest.mark.slow
@pytest.mark.parametrize("store", ["stocks_minute", "options"])
def test_minutes_and_both_frequencies_of_options(tmp_path, store):
    made = Case(tmp_path, store, ExportOptions(lists=(3,)))
    tickers = [f"O:{ticker}" if store == "options" else ticker for ticker in TICKERS[:6]]
    for dataset in STORES[store]:
        made.house.make(dataset, bars(dataset, tickers, market.SESSIONS[:6]))
    made.update()
    steps: list[Any] = [
        (tickers, market.SESSIONS[6:7]),
        (tickers[:4], [market.HALF_DAY, market.SATURDAY]),
        ([*tickers, "NEW"], market.SESSIONS[8:9]),
    ]
    for seed, (some, days) in enumerate(steps):
        for dataset in STORES[store][: 1 + seed % 2]:
            made.house.replace(dataset, bars(dataset, some, days, seed))
        assert made.update().incremental
    for dataset in STORES[store][-1:]:
        made.house.replace(dataset, [], bars(dataset, tickers[:2], market.SESSIONS))
    assert made.update().incremental


KINDS = ["next", "next", "next", "restate", "restate one", "remove", "upkeep", "act", "act"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_any_sequence(tmp_path, seed):
    dice = random.Random(seed)
    adjustment = dice.choice(["splits", "splits_and_dividends"])
    options = ExportOptions(top=dice.choice([0, 12]), lists=(3,), adjustment=adjustment)
    made = Case(tmp_path, DAILY, options)
    made.house.make(DAILY, bars(DAILY, TICKERS[:15], market.SESSIONS[:5], seed))
    made.update()
    known: dict[str, list[actions.Span]] = {}
    for step in range(12):
        tickers = dice.sample(TICKERS, dice.randint(1, len(TICKERS)))
        days = dice.sample(market.SESSIONS, dice.choice([1, 1, 1, 2]))
        chosen = bars(DAILY, tickers, days, 100 * seed + step)
        end = min(5 + step, len(market.SESSIONS) - 1)
        kind = dice.choice(KINDS)
        if kind == "next":
            made.house.replace(DAILY, bars(DAILY, tickers, market.SESSIONS[end : end + 1], step))
        elif kind == "restate":
            made.house.replace(DAILY, chosen)
        elif kind == "restate one":
            made.house.replace(DAILY, chosen[: dice.randint(1, 3)])
        elif kind == "remove":
            made.house.replace(DAILY, [], chosen)
        elif kind == "upkeep":
            made.upkeep()
        if kind == "act" or dice.random() < 0.3:
            # New actions, corrections of old ones, and a ticker that loses all of its own.
            known |= {
                t: actions.anything(dice, [t], market.SESSIONS[: end + 1]) for t in tickers[:4]
            }
            known.pop(dice.choice(TICKERS), None)
            types = {ticker: dice.choice(["CS", "ETF", "cs"]) for ticker in TICKERS}
            made.refer([span for ticker in sorted(known) for span in known[ticker]], types)
        if dice.random() < 0.7:
            made.update()
    made.update()
