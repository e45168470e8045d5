"""Bars read the few files that can hold them, and never other rows than the table has."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lake
from lake import sources
from lake.attaching import attach_sql, install_extensions
from lake.errors import Outdated, UsageError
from lake.layout import Layout
from lake.market import FEW
from tests.dbt_project.bronze import attached
from tests.lake.market import publish

MINUTES = "lake.silver.stocks_minute"
# Anew, since DuckLake 1.5.5 looks for a name in no file from before the buckets.
BUCKETS = f"""
    CREATE OR REPLACE TABLE {MINUTES}_copy AS FROM {MINUTES};
    CREATE OR REPLACE TABLE {MINUTES} AS FROM {MINUTES}_copy LIMIT 0;
    ALTER TABLE {MINUTES} SET PARTITIONED BY (year(date), month(date), bucket(4, symbol));
    INSERT INTO {MINUTES} FROM {MINUTES}_copy
"""
JULY = f"INSERT INTO {MINUTES} SELECT * REPLACE (date + 30 AS date) FROM {MINUTES} ORDER BY symbol"
AGAIN = f"""
    CREATE OR REPLACE TABLE {MINUTES}_copy AS FROM {MINUTES};
    DELETE FROM {MINUTES} WHERE date >= '2024-06-24';
    INSERT INTO {MINUTES} SELECT * REPLACE (open + 1 AS open) FROM {MINUTES}_copy
        WHERE date >= '2024-06-24'
"""
DELETED = f"DELETE FROM {MINUTES} WHERE symbol IN ('NA', 'AAPLx') AND date > '2024-06-10'"
CHANGED = f"UPDATE {MINUTES} SET close = close + 1 WHERE symbol = 'TRUE'"
COLUMN = f"ALTER TABLE {MINUTES} ADD COLUMN IF NOT EXISTS extra INTEGER DEFAULT 7"
NAMED = "'lake', 'stocks_minute', schema => 'silver'"
MERGED = f"CALL ducklake_merge_adjacent_files({NAMED})"
REWRITTEN = f"CALL ducklake_rewrite_data_files({NAMED}, delete_threshold => 0)"
REPLACED = f"CREATE OR REPLACE TABLE {MINUTES} AS FROM {MINUTES} WHERE symbol < 'NULL'"
RENAMED = f"""
    ALTER TABLE {MINUTES} RENAME TO moved; ALTER TABLE lake.silver.moved RENAME TO stocks_minute
"""
STEPS = [RENAMED, BUCKETS, JULY, AGAIN, DELETED, CHANGED, COLUMN, MERGED, REWRITTEN, REPLACED]


def change(layout: Layout, steps: list[str], unpublished: Sequence[str] = ()) -> None:
    """Write to silver and publish it; then write more."""
    with attached(layout.root, read_only=False) as connection:
        for step in steps:
            connection.execute(step)
        publish(layout, connection, "changed")
        for step in unpublished:
            connection.execute(step)


def ordered(rows: pa.Table) -> pa.Table:
    """Rows by all of their columns: changes may have left some that are alike by name and time."""
    return rows.sort_by([(column, "ascending") for column in rows.column_names])


def bars(db, *asked) -> pa.Table | None:
    """Minutes; None where there are none at all."""
    try:
        return ordered(db.bars(*asked, freq="1min").arrow())
    except UsageError:
        return None


def of_the_table(db, names, first, last) -> pa.Table | None:
    """The same from the table of DuckLake."""
    sql = """
        FROM silver.stocks_minute
        WHERE ($all OR list_contains($names, symbol)) AND date BETWEEN $first AND $last
    """
    asked = {"all": names is None, "names": names or [], "first": first, "last": last}
    rows = db.sql(sql, asked).arrow()
    return ordered(rows) if rows.num_rows else None


@pytest.mark.slow
@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    steps=st.lists(st.sampled_from(STEPS), min_size=1, max_size=5),
    unpublished=st.lists(st.sampled_from(STEPS), max_size=3),
)
def test_bars_are_the_rows_of_the_table_whatever_happened_to_it(market, steps, unpublished):
    with tempfile.TemporaryDirectory() as folder:
        layout = Layout(Path(shutil.copytree(market.root, f"{folder}/lake")))
        change(layout, steps, unpublished)
        with lake.connect(layout.root) as db:
            for names in (None, ["NA"], ["aapl"], ["AAPL", "AAPLx"]):
                for span in (("2024-06-05", "2024-06-25"), ("2024-06-28", "2024-07-03")):
                    assert bars(db, names, *span) == of_the_table(db, names, *span)


@pytest.mark.parametrize(
    ("steps", "unpublished", "files"),
    [
        ([], [], (1, 1)),
        ([JULY], [], (1, 2)),
        ([BUCKETS, JULY], [], (1, 2)),
        ([BUCKETS, AGAIN, REWRITTEN], [], (2, 2)),
        ([JULY, DELETED, REWRITTEN], [], (1, 1)),
        ([JULY], [DELETED, CHANGED, COLUMN], (1, 2)),
        # What files alone do not tell is read by DuckLake.
        ([JULY, DELETED], [], (0, 0)),
        ([DELETED, JULY], [], (0, 0)),
        ([COLUMN], [], (0, 0)),
        ([RENAMED, JULY], [], (1, 2)),
        ([COLUMN, RENAMED, JULY], [], (0, 0)),
        ([JULY], [JULY, MERGED], (0, 0)),
    ],
)
def test_few_files_are_read(own, steps, unpublished, files):
    change(own, steps, unpublished)
    with lake.connect(own.root) as db:
        june, every = (db.bars("TRUE", end=end, freq="1min") for end in ("2024-06-30", None))
    found = [answer.variables.get("files", ()) for answer in (june, every)]
    assert (len(found[0]), len(found[1])) == files


def test_files_are_looked_up_again_before_maintenance_may_delete_them(own, monkeypatch):
    change(own, [JULY])
    with lake.connect(own.root) as db:
        late, want = db.bars("TRUE", freq="1min"), bars(db, "TRUE")
        with attached(own.root, read_only=False) as connection:
            connection.execute(MERGED)
            connection.execute("CALL ducklake_cleanup_old_files('lake', cleanup_all => true)")
        with pytest.raises(Outdated, match="call lake"):
            late.arrow()
        monkeypatch.setattr(sources, "FRESH", 0.0)
        assert bars(db, "TRUE") == want


def test_rows_that_another_s_writer_deleted_within_the_catalog_stay_deleted(own):
    inlining = attach_sql(own, read_only=False).replace("ROW_LIMIT 0", "ROW_LIMIT 10")
    with duckdb.connect() as connection:
        install_extensions(connection)
        connection.execute(inlining)
        connection.execute(
            f"DELETE FROM {MINUTES} WHERE symbol = 'NA' AND ts < '2024-06-03 13:22:00+00'"
        )
        publish(own, connection, "another")
    assert not list((own.root / "silver").rglob("*delete*"))
    with lake.connect(own.root) as db:
        assert bars(db, ["NA"]) == of_the_table(db, ["NA"], "2024-06-01", "2024-06-30")
        assert len(db.bars("NA", freq="1min").arrow()) == 18 * 30 - 2


@pytest.mark.parametrize("first", ["bars", "chain"])
def test_contracts_and_their_chain_have_bounds_of_their_own(own, first):
    """Most underlyings come before `O:`, so bounds of the wrong column leave files out."""
    table = "lake.silver.options_daily"
    spy = "replace(ticker, 'AAPL', 'SPY') AS ticker, 'SPY' AS underlying"
    more = f"INSERT INTO {table} SELECT * REPLACE ({spy}, date + 30 AS date) FROM {table}"
    with attached(own.root, read_only=False) as connection:
        connection.execute(more)
        publish(own, connection, "more")
    ticker, day = "O:AAPL240621C00010000", "2024-06-20"
    asked = {
        "bars": (lambda db: db.bars(ticker), f"ticker = '{ticker}'"),
        "chain": (lambda db: db.chain("AAPL", day), f"underlying = 'AAPL' AND date = '{day}'"),
    }
    with lake.connect(own.root) as db:
        for name in sorted(asked, key=lambda name: name != first):
            ask, where = asked[name]
            found = ask(db)
            assert len(found.variables["files"]) == 1
            want = db.sql(f"FROM silver.options_daily WHERE {where}").arrow()
            assert ordered(found.arrow().select(want.column_names)) == ordered(want)


def test_many_names_are_not_listed_one_by_one(own):
    names = [f"X{number}" for number in range(FEW)] + ["NA"]
    with lake.connect(own.root) as db:
        answer = dataclasses.replace(db.bars(names, freq="1min"), expected=None)
        assert len(answer.sql) < 1000
        assert answer.arrow().equals(db.bars("NA", freq="1min").arrow())
