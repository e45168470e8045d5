"""The cache gives what the query would, or nothing."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import lake
from lake import query_cache, records
from lake.query_cache import QueryCache
from tests.dbt_project.bronze import attached
from tests.lake.market import publish

SUM = "SELECT symbol, sum(close) AS total FROM silver.stocks_daily GROUP BY symbol ORDER BY symbol"
SLOW = 60.0


def table(rows: int = 1_000, first: int = 0) -> pa.Table:
    return pa.table({"n": pa.array(range(first, first + rows))})


@pytest.fixture
def kept(tmp_path):
    return QueryCache(tmp_path / "queries", 1 << 20)


@pytest.fixture
def eager(monkeypatch):
    """Queries of a test are too quick to be worth keeping."""
    monkeypatch.setattr(query_cache, "LEAST", 0)
    monkeypatch.setattr("lake.reading.LEAST", 0)
    put = QueryCache.put
    monkeypatch.setattr(QueryCache, "put", lambda self, key, found, _: put(self, key, found, SLOW))


def outcomes(layout):
    return [record["cache"] for record in records.read(layout, "queries", timedelta(hours=1))]


def test_what_was_put_is_there(kept):
    assert kept.get("a") is None
    kept.put("a", table(), SLOW)
    assert kept.get("a").equals(table())


def test_what_is_quick_or_large_is_not_kept(kept, monkeypatch):
    kept.put("quick", table(), query_cache.LEAST / 2)
    monkeypatch.setattr(query_cache, "LEAST", 0)
    kept.put("slower to read", table(), 0.0)
    monkeypatch.setattr(query_cache, "LARGEST", 10)
    kept.put("large", table(), SLOW)
    assert not list(kept.folder.glob("*")) and not list(kept.folder.glob(".*"))


def test_a_type_that_no_file_holds_is_not_kept(kept):
    kept.put("a", pa.table({"n": pa.array([None], pa.month_day_nano_interval())}), SLOW)
    assert kept.get("a") is None
    assert not list(kept.folder.glob(".*"))


def test_the_least_recently_used_makes_room(kept):
    for number, name in enumerate("abc"):
        kept.put(name, table(20_000, number), SLOW)
        os.utime(kept.folder / f"{name}.parquet", (number, number))
    assert kept.get("a") is not None  # and is now the newest
    one = (kept.folder / "a.parquet").stat().st_size
    QueryCache(kept.folder, 3 * one + one // 2).put("d", table(20_000, 9), SLOW)
    assert {path.stem for path in kept.folder.glob("*")} == {"a", "c", "d"}


def test_none_is_kept_without_room(tmp_path):
    cache = QueryCache(tmp_path / "queries", 0)
    cache.put("a", table(), SLOW)
    assert cache.get("a") is None and not cache.folder.exists()


def test_a_damaged_file_is_computed_again(kept):
    kept.put("a", table(), SLOW)
    path = kept.folder / "a.parquet"
    path.write_bytes(path.read_bytes()[:-50])
    assert kept.get("a") is None
    assert not path.exists()


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "file").write_text("")
    cache = QueryCache(tmp_path / "file" / "queries", 1 << 20)
    cache.put("a", table(), SLOW)
    assert cache.get("a") is None


def use(folder: Path, seed: int) -> int:
    """Put and get in a cache that is always too small; every answer has to be the right one."""
    cache = QueryCache(folder, 100_000)
    hits = 0
    for step in range(60):
        number = (seed * 7 + step * 5) % 12
        found = cache.get(str(number))
        if found is not None:
            assert found.equals(table(4_000, number))
            hits += 1
        else:
            cache.put(str(number), table(4_000, number), SLOW)
    return hits


def test_a_file_of_somebody_else_is_read_and_left(kept, monkeypatch):
    kept.put("a", table(), SLOW)

    def refuse(_):
        raise PermissionError("not the owner")

    monkeypatch.setattr(os, "utime", refuse)
    for _ in range(2):
        assert kept.get("a").equals(table())


def test_many_processes_share_it(tmp_path):
    with ProcessPoolExecutor(4, mp_context=get_context("fork")) as pool:
        assert sum(pool.map(use, [tmp_path / "queries"] * 4, range(4))) > 0
    assert not list((tmp_path / "queries").glob(".*.tmp"))


@pytest.mark.usefixtures("eager")
def test_the_same_question_is_answered_from_the_cache(own):
    with lake.connect(own.root) as db:
        first = db.sql(SUM).arrow()
        assert db.sql(f"-- again\n{SUM.lower()}").arrow().equals(first)
    with lake.connect(own.root) as db:
        assert db.sql(SUM).polars().rows() == db.sql(SUM).fetchall()
    assert outcomes(own) == ["miss", "hit", "hit", "hit"]


@pytest.mark.usefixtures("eager")
def test_parameters_are_part_of_the_question(own):
    sql = "SELECT count(*) FROM silver.stocks_daily WHERE symbol = $name"
    with lake.connect(own.root) as db:
        counts = [db.sql(sql, {"name": name}).fetchall() for name in ("NA", "nothing", "NA")]
    assert counts == [[(18,)], [(0,)], [(18,)]]
    assert outcomes(own) == ["miss", "miss", "hit"]


@pytest.mark.usefixtures("eager")
def test_what_was_published_later_is_never_answered_with_what_was_before(own):
    with lake.connect(own.root) as db:
        before = db.sql(SUM).fetchall()
        with attached(own.root, read_only=False) as connection:
            connection.execute("DELETE FROM lake.silver.stocks_daily WHERE symbol = 'NA'")
            publish(own, connection, "second")
        with lake.connect(own.root) as newer:
            after = newer.sql(SUM).fetchall()
            assert newer.sql(SUM).fetchall() == after
        assert db.sql(SUM).fetchall() == before
    assert [name for name, _ in before if name not in dict(after)] == ["NA"]
    assert outcomes(own) == ["miss", "miss", "hit", "hit"]


@pytest.mark.usefixtures("eager")
def test_a_mart_that_was_written_again_is_read_again(own):
    count = "SELECT count(*) FROM metadata.symbols"
    path = own.watermarks("stocks").parent / "symbols.parquet"
    with lake.connect(own.root) as db:
        assert db.sql(count).fetchall() == db.sql(count).fetchall() == [(8,)]
        other = path.with_suffix(".new")
        pq.write_table(pa.table({"symbol": ["A"]}), other)
        other.replace(path)
        assert db.sql(count).fetchall() == [(1,)]
    assert outcomes(own) == ["miss", "hit", "miss"]


@pytest.mark.usefixtures("eager")
def test_what_changes_by_itself_is_computed_each_time(own):
    with lake.connect(own.root) as db:
        assert db.sql("SELECT random()").fetchall() != db.sql("SELECT random()").fetchall()
    assert not list(own.query_cache.glob("*"))
