"""Only what reads is run, and only what gives the same rows each time is kept."""

from __future__ import annotations

import pyarrow as pa
import pytest

from lake.errors import QueryFailed
from lake.statement import parse

DAY = "silver.stocks_daily"


@pytest.fixture(scope="module")
def con(db):
    return db.sql("SELECT 1").reading.cursor()


@pytest.mark.parametrize(
    "sql",
    [
        f"INSERT INTO lake.{DAY} FROM lake.{DAY}",
        f"DELETE FROM lake.{DAY}",
        f"UPDATE lake.{DAY} SET volume = 0",
        f"DROP TABLE lake.{DAY}",
        f"DROP VIEW {DAY}",
        f"CREATE TABLE lake.silver.mine AS FROM {DAY}",
        f"CREATE OR REPLACE VIEW {DAY} AS SELECT 1",
        "CREATE TEMP TABLE mine (n INTEGER)",
        "CREATE MACRO mine() AS 1",
        "COPY (SELECT 1) TO '{lake}/silver/file.parquet'",
        "COPY (SELECT 1) TO '/tmp/file.csv'",
        "EXPORT DATABASE '{lake}/export'",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{lake}/file.csv'",
        "EXPLAIN (ANALYZE, FORMAT json) COPY (SELECT 1) TO '{lake}/file.csv'",
        "ATTACH '{lake}/metadata/catalog.sqlite' AS mine (TYPE sqlite)",
        "ATTACH '{lake}/mine.db'",
        "DETACH lake",
        "USE lake",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET threads = 1",
        "SET VARIABLE symbols = 1",
        "RESET threads",
        "PRAGMA enable_profiling",
        "CHECKPOINT",
        "BEGIN",
        "PREPARE mine AS SELECT 1",
        "CALL ducklake_expire_snapshots('lake', older_than => now())",
        "FROM ducklake_expire_snapshots('lake', older_than => now())",
        "FROM ducklake_cleanup_old_files('lake', cleanup_all => true)",
        "SELECT (SELECT count(*) FROM ducklake_delete_orphaned_files('lake', cleanup_all => true))",
        "WITH a AS (FROM system.main.ducklake_merge_adjacent_files('lake')) FROM a",
        "FROM enable_logging(storage => 'file', storage_path => '{lake}/log')",
        "FROM sqlite_query('{lake}/metadata/catalog.sqlite', 'DELETE FROM ducklake_snapshot')",
        "FROM query('FROM ducklake_cleanup_old_files(''lake'')')",
        "FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
        "SELECT 1; DROP TABLE lake.silver.stocks_daily",
        "SELECT 1; SELECT 2",
        "",
        "-- nothing",
        "SELEC 1",
        "SELECT 'unfinished",
    ],
)
def test_what_does_more_than_read_is_refused(db, market, sql):
    before = files(market)
    with pytest.raises(QueryFailed):
        db.sql(sql.replace("{lake}", str(market.root).replace("'", "''")))
    assert files(market) == before


def files(layout):
    return {path: path.stat().st_size for path in layout.root.rglob("*.parquet")}


def test_a_write_says_that_the_lake_is_read_only(db):
    with pytest.raises(QueryFailed, match="read-only"):
        db.sql(f"DELETE FROM {DAY}")
    with pytest.raises(QueryFailed, match=r"PIVOT needs its values here"):
        db.sql(f"PIVOT {DAY} ON symbol USING sum(close)")


def test_files_outside_the_lake_are_out_of_reach(db, market, tmp_path):
    (tmp_path / "mine.csv").write_text("a\n1\n")
    (market.root.parent / "beside.csv").write_text("a\n1\n")
    for path in (tmp_path / "mine.csv", f"{market.root}/../beside.csv"):
        with pytest.raises(QueryFailed, match="Permission"):
            db.sql(f"FROM '{str(path).replace(chr(39), chr(39) * 2)}'").arrow()


def test_files_of_the_lake_can_be_read(db, market):
    path = str(market.reference("splits") / "0.parquet").replace("'", "''")
    assert db.sql(f"FROM '{path}'").fetchall() == [(1,)]


def test_python_variables_are_no_tables(db):
    mine = pa.table({"a": [1]})
    with pytest.raises(QueryFailed, match="does not exist"):
        db.sql("FROM mine").arrow()
    assert mine.num_rows == 1


def test_explain_works(db):
    assert "SCAN" in db.sql(f"EXPLAIN SELECT close FROM {DAY}").fetchall()[0][1]
    assert "SCAN" in db.sql(f"explain analyze SELECT close FROM {DAY}").fetchall()[0][1]


@pytest.mark.parametrize(
    "begin",
    ["EXPLAIN/**/", "-- why\nexplain ", "/* why */explain --\n", "explain(format json)"],
)
def test_explain_may_have_comments_around_it(con, begin):
    assert parse(con, f"{begin}SELECT close FROM {DAY}").tables is None
    assert parse(con, f"{begin}(SELECT 1)").tables is None
    for refused in (f"{begin}COPY (SELECT 1) TO 'file.csv'", f"/*/*{begin}*/*/{begin}SELECT 1"):
        with pytest.raises(QueryFailed):
            parse(con, refused)


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        (f"SELECT close FROM {DAY}", {DAY}),
        (f"FROM {DAY.upper()} JOIN metadata.symbols USING (symbol)", {DAY, "metadata.symbols"}),
        (f"WITH a AS (FROM {DAY}) SELECT sum(close) OVER () FROM a", {DAY}),
        ("SELECT nullif(n, 1), list_transform([n], x -> x + 1) FROM range(3) AS r (n)", set()),
        (f"SELECT count(*) FILTER (close > 1) FROM {DAY} WHERE symbol IN ('A', $b)", {DAY}),
        (f"PIVOT {DAY} ON symbol IN ('NA') USING sum(close)", {DAY}),
    ],
)
def test_what_may_be_kept_names_its_tables(con, sql, tables):
    assert parse(con, sql).tables == tables


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT random()",
        "SELECT now()",
        "SELECT current_date",
        "SELECT CURRENT_TIMESTAMP",
        "SELECT localtimestamp",
        "SELECT today()",
        "SELECT uuid()",
        "SELECT current_localtimestamp()",
        "SELECT age(DATE '2024-01-01')",
        "SELECT ago(INTERVAL 1 DAY)",
        "SELECT list_transform([1], x -> random())",
        f"FROM {DAY} ORDER BY random()",
        f"FROM {DAY} USING SAMPLE 10",
        f"FROM {DAY} TABLESAMPLE 10%",
        f"SELECT * FROM (FROM {DAY} USING SAMPLE 1%)",
        f"WITH a AS (SELECT now()) FROM a, {DAY}",
        f"FROM lake.{DAY}",
        "FROM glob('*')",
        "FROM 'file.parquet'",
        "FROM read_csv('file.csv')",
        "FROM duckdb_settings()",
        f"DESCRIBE {DAY}",
        "SHOW TABLES",
        f"EXPLAIN FROM {DAY}",
        "SELECT getvariable('a')",
    ],
)
def test_what_may_differ_next_time_is_not_kept(con, sql):
    assert parse(con, sql).tables is None


def test_layout_and_comments_make_no_other_query(con):
    plain = parse(con, f"SELECT close FROM {DAY} WHERE symbol = 'A'").normal
    assert (
        parse(con, f"select\n  close /* why */ from {DAY}\nwhere (symbol='A') --x").normal == plain
    )
    for other in (f"SELECT close FROM {DAY} WHERE symbol = 'a'", f"SELECT open FROM {DAY}"):
        assert parse(con, other).normal != plain


def test_deep_nesting_is_no_crash(con):
    parse(con, "SELECT " + "(" * 300 + "1" + ")" * 300)
