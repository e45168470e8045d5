"""`lake.connect`, `lake.bars` and `lake.chain`: what they give, and what they say instead."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime

import polars as pl
import pyarrow as pa
import pytest

import lake
from lake import formats, query_cache
from lake.errors import NotBuilt, Outdated, QueryFailed, UsageError
from lake.market import bars_of
from tests.dbt_project.bronze import attached
from tests.lake.market import FIRST, LAST, MISSING, SPLIT, SYMBOLS, publish

JUNE = ("2024-06-03", "2024-06-28")


def test_the_package_imports_nothing_heavy():
    code = "import sys, lake; print(*sorted(set(sys.modules) & {'duckdb', 'pyarrow', 'pydantic'}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_every_name_is_a_name_and_keeps_its_case(db, symbol):
    found = db.bars(symbol, *JUNE).polars()
    assert found["symbol"].unique().to_list() == [symbol]
    assert found["date"].is_sorted()
    assert len(found) == 18


def test_several_symbols_are_ordered_by_symbol_and_time(db):
    rows = db.bars(["TRUE", "NA", "NA"], freq="1min").polars()
    assert rows.select("symbol", "ts").rows() == sorted(rows.select("symbol", "ts").rows())
    assert len(rows) == 2 * 18 * 30


def test_dates_are_included_and_may_be_text_dates_or_moments(db):
    wanted = [date(2024, 6, 4), date(2024, 6, 5)]
    for start, end in [
        ("2024-06-04", "2024-06-05"),
        tuple(wanted),
        (datetime(2024, 6, 4, 15, tzinfo=UTC), datetime(2024, 6, 5, tzinfo=UTC)),
    ]:
        assert db.bars("NA", start, end).polars()["date"].to_list() == wanted


def test_all_symbols(db):
    assert db.bars(None, "2024-06-04", "2024-06-04").polars()["symbol"].to_list() == SYMBOLS


@pytest.mark.parametrize(
    ("asked", "table"),
    [
        ({}, "stocks_daily"),
        ({"freq": "1min"}, "stocks_minute"),
        ({"dataset": "stocks_minute"}, "stocks_minute"),
        ({"freq": "5min"}, "stocks_5min"),
        ({"freq": "week"}, "stocks_weekly"),
        ({"dataset": "stocks_daily", "freq": "week"}, "stocks_weekly"),
    ],
)
def test_the_table_follows_from_data_set_and_frequency(db, asked, table):
    order = "ts" if "ts" in db.bars("NA", **asked).arrow().column_names else "date"
    want = db.sql(f"SELECT * FROM silver.{table} WHERE symbol = 'NA' ORDER BY {order}").arrow()
    assert db.bars("NA", **asked).arrow().equals(want)


def test_contracts_are_known_by_their_prefix(db):
    ticker = "O:AAPL240621C00010000"
    assert db.bars(ticker).polars()["ticker"].unique().to_list() == [ticker]


def test_a_week_counts_when_any_day_of_it_does(db):
    weeks = db.bars("NA", "2024-06-05", "2024-06-10", freq="week").polars()
    assert weeks["date"].to_list() == [date(2024, 6, 3), date(2024, 6, 10)]


def test_a_month_counts_to_its_last_day():
    months = bars_of(["AAA"], None, "month")
    assert months.whole(date(2024, 2, 10), date(2024, 2, 10)) == (
        date(2024, 2, 1),
        date(2024, 2, 29),
    )


def test_every_form_holds_the_same_rows(db):
    answer = db.bars("AAPL", *JUNE)
    table = answer.arrow()
    frame = answer.polars()
    assert isinstance(table, pa.Table)
    assert frame.equals(pl.DataFrame(answer))
    assert answer.reader().read_all().equals(table)
    assert answer.lazy().collect().equals(frame)
    assert answer.fetchall() == frame.rows()
    assert answer.pandas()["close"].tolist() == [float(value) for value in frame["close"]]
    assert "AAPL" in repr(answer)


def test_a_lazy_frame_reads_no_more_than_it_needs_and_outlives_its_answer(db):
    frame = db.bars(None, *JUNE, freq="1min").lazy().filter(symbol="NA").select("close")
    gc.collect()
    plan = frame.explain()
    assert "PROJECT 2/10" in plan and "SELECTION" in plan
    assert len(frame.collect()) == 18 * 30


@pytest.mark.parametrize("parameters", [["NA", 20], {"name": "NA", "least": 20}])
def test_parameters_of_sql_are_bound(db, parameters):
    marks = ("?", "?") if isinstance(parameters, list) else ("$name", "$least")
    sql = "SELECT high FROM silver.stocks_daily WHERE symbol = {} AND high > {}".format(*marks)
    answer = db.sql(sql, parameters)
    assert len(answer.fetchall()) == len(answer.lazy().collect()) > 5


def test_adjusted_bars_are_on_the_basis_of_the_newest_day(db):
    raw, adjusted = (db.bars("AAPL", adjusted=flag).polars() for flag in (False, True))
    before = raw["date"] < date.fromisoformat(SPLIT)
    assert adjusted["factor"].to_list() == [0.225 if early else 1.0 for early in before]
    for name in ("open", "high", "low", "close", "vwap"):
        want = raw[name].cast(pl.Float64) * adjusted["factor"]
        assert adjusted[name].to_list() == pytest.approx(want.to_list()), name
    shares = [4.0 if early else 1.0 for early in before]
    want = (raw["volume"].cast(pl.Float64) * pl.Series(shares)).to_list()
    assert adjusted["volume"].to_list() == pytest.approx(want)
    assert adjusted["transactions"].equals(raw["transactions"])
    assert db.bars("NA", adjusted=True).polars()["factor"].unique().to_list() == [1.0]
    minutes = db.bars("AAPL", freq="1min", adjusted=True).polars()
    assert minutes["factor"].sum() == pytest.approx(30 * adjusted["factor"].sum())


def test_adjusted_weeks_are_made_of_adjusted_days(db):
    days = db.bars("AAPL", adjusted=True).polars()
    weeks = db.bars("AAPL", freq="week", adjusted=True).polars()
    want = days.group_by_dynamic("date", every="1w").agg(
        pl.first("open"), pl.max("high"), pl.min("low"), pl.last("close"), pl.sum("volume")
    )
    assert weeks.select(want.columns).equals(want)
    plain = db.bars("AAPL", freq="week").polars()
    assert weeks["transactions"].to_list() == plain["transactions"].to_list()


def test_a_chain_is_ordered_by_expiry_and_strike(db):
    chain = db.chain("AAPL", "2024-06-20").polars()
    assert chain.columns[:3] == ["expiration_date", "strike_price", "contract_type"]
    assert chain.select(chain.columns[:3]).rows() == sorted(chain.select(chain.columns[:3]).rows())
    assert len(chain) == 8
    assert db.chain("AAPL").polars()["date"].unique().to_list() == [date(2024, 6, 21)]


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda db: db.bars("AAPl"), "capitals count, there is AAPL or aapl"),
        (lambda db: db.bars(["NA", "APPL"]), "'APPL', did you mean AAPL"),
        (lambda db: db.bars("NA", "2030-01-01"), f"to {LAST}, nothing from 2030-01-01 on"),
        (lambda db: db.bars("NA", end="2001-01-01"), "nothing up to 2001-01-01"),
        (lambda db: db.bars(None, "2030-01-01", "2030-01-01"), "nothing on 2030-01-01"),
        (lambda db: db.bars("NA", "2024-06-19", "2024-06-19"), "2024-06-18 and 2024-06-20"),
        (lambda db: db.bars("NA", "2024-06-08", "2024-06-09"), "2024-06-07 and 2024-06-10"),
        (lambda db: db.bars("NA", "2024-06-05", "2024-06-04"), "is after"),
        (lambda db: db.bars("NA", "yesterday"), "write it as 2024-06-03"),
        (lambda db: db.bars("NA", ""), "is no date"),
        (lambda db: db.bars([]), "at least one"),
        (lambda db: db.bars([1]), "symbols are text"),
        (lambda db: db.bars(["NA", "O:X"]), "ask for each"),
        (lambda db: db.bars("NA", freq="day", dataset="stocks_minute"), "it has those of 1min"),
        (lambda db: db.bars("NA", dataset="stocks"), "unknown data set"),
        (lambda db: db.bars("O:X", adjusted=True), "no adjusted bars"),
        (lambda db: db.chain("AAPK"), "did you mean AAPL"),
        (lambda db: db.chain("AAPL", MISSING), "the nearest are 2024-06-11 and 2024-06-13"),
        (lambda db: db.chain("AAPL", "2024-06-28"), "to 2024-06-21, nothing on 2024-06-28"),
        (lambda db: db.chain(None), "is text"),
        (lambda db: db.bars(["NA", "A\0"]), "symbols are text"),
        (lambda db: db.bars("\ud800"), "symbols are text"),
        (lambda db: db.chain("A\0"), "is text"),
    ],
)
def test_what_cannot_be_answered_is_explained(db, ask, words):
    with pytest.raises(UsageError, match=words):
        ask(db).arrow()


def test_a_lazy_frame_of_an_unknown_symbol_is_explained_at_once(db):
    with pytest.raises(UsageError, match="did you mean AAPL"):
        db.bars("APPL").lazy()


def test_a_missing_day_of_a_known_symbol_is_no_error(db):
    assert db.bars("NA", MISSING, MISSING).arrow().num_rows == 0


def test_a_large_answer_comes_as_a_stream_and_is_checked_too(db, monkeypatch):
    whole = db.bars(["AAPL", "NA"], freq="1min").arrow()
    monkeypatch.setattr(query_cache, "LARGEST", 1)
    assert db.bars(["AAPL", "NA"], freq="1min").arrow().equals(whole)
    with pytest.raises(UsageError, match="did you mean AAPL"):
        db.bars(["APPL", "NA"], freq="1min").arrow()


def test_json_has_no_number_that_is_none(db, tmp_path):
    sql = """SELECT 'NaN'::double AS x, 1.0 / 0 AS x, -1.5::float AS "a""b", 'inf' AS t"""
    asked = db.sql(sql)
    formats.write(asked, None, tmp_path / "answer.json")
    [row] = json.loads((tmp_path / "answer.json").read_text(), parse_constant=pytest.fail)
    # Columns of one name are told apart.
    assert row == {"x": None, "x_1": None, 'a"b': -1.5, "t": "inf"}


def test_an_answer_that_is_half_read_is_left_alone(db, monkeypatch):
    whole = db.bars(None, freq="1min").arrow()
    monkeypatch.setattr(query_cache, "LARGEST", 0)
    stream = db.bars(None, freq="1min").reader()
    assert db.bars("NA").arrow().num_rows
    assert pa.Table.from_batches(list(stream), stream.schema).equals(whole)


def test_threads_do_not_share_a_question(db):
    def rows(symbol: str) -> set[str]:
        return set(db.bars(symbol, freq="1min").arrow()["symbol"].to_pylist())

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(rows, SYMBOLS * 5)) == [{symbol} for symbol in SYMBOLS * 5]


def test_what_is_not_published_names_the_command(db, tmp_path):
    with pytest.raises(NotBuilt, match="stocks_monthly is not published"):
        db.bars("NA", freq="month")
    with pytest.raises(NotBuilt, match="quantmini run"):
        lake.bars("NA", root=tmp_path)


def test_without_splits_nothing_passes_for_adjusted(own):
    (own.reference("splits") / "0.parquet").unlink()
    with lake.connect(own.root) as db:
        # As a machine that only reads a shared lake: what is published is enough.
        assert 1.0 not in db.bars("AAPL", end=FIRST, adjusted=True).polars()["factor"].to_list()
    with attached(own.root, read_only=False) as connection:
        connection.execute("DELETE FROM lake.silver.adjustment_factors")
        publish(own, connection, "second")
    with (
        lake.connect(own.root) as db,
        pytest.raises(NotBuilt, match="quantmini reference sync"),
    ):
        db.bars("NA", adjusted=True)


def test_a_connection_stays_where_it_was_and_functions_follow(own, monkeypatch):
    monkeypatch.setenv("QUANTMINI_LAKE", str(own.root))
    count = "SELECT count(*) FROM silver.stocks_daily"
    with lake.connect() as db:
        before = db.sql(count).fetchall()
        assert len(lake.bars("NA").arrow()) == 18
        with attached(own.root, read_only=False) as connection:
            connection.execute("DELETE FROM lake.silver.stocks_daily WHERE date > '2024-06-10'")
            assert len(lake.bars("NA").arrow()) == 18
            publish(own, connection, "second")
        assert len(lake.bars("NA").arrow()) == 6
        assert len(lake.chain("AAPL").arrow()) == 8
        assert db.sql(count).fetchall() == before


def test_a_dropped_snapshot_is_told_from_a_wrong_query(own):
    with lake.connect(own.root) as db:
        with attached(own.root, read_only=False) as connection:
            connection.execute("DELETE FROM lake.silver.stocks_daily WHERE symbol = 'NA'")
            publish(own, connection, "second")
            connection.execute("CALL ducklake_expire_snapshots('lake', older_than => now())")
            connection.execute("CALL ducklake_cleanup_old_files('lake', cleanup_all => true)")
        with pytest.raises(Outdated, match=r"call lake.connect\(\) again"):
            db.bars("AAPL").arrow()
        with pytest.raises(Outdated):
            db.sql("SELECT * FROM silver.stocks_daily").fetchall()
    with lake.connect(own.root) as db, pytest.raises(QueryFailed, match="nothing"):
        db.sql("SELECT nothing FROM silver.stocks_daily").arrow()
